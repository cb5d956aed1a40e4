"""Which figures of a scenario are assumptions, and which sources the others rest on."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from experiments.results.model import ResultModel
from topology.network import Network, Provenance


class Assumption(ResultModel):
    """A figure that no source gives.

    ``part``: ``figure``, ``site``, ``link``, ``operator``, ``service`` or ``demand``; ``subjects``: the ids
    of all parts that rest on the same assumption; ``text``: the assumption in the words of the scenario.
    """

    part: str
    subjects: tuple[str, ...]
    text: str
    value: float | None = None
    sources: tuple[str, ...] = ()


class SourceReference(ResultModel):
    """A source that a scenario names. ``used_by``: how many parts rest on it."""

    id: str
    title: str
    grade: str = ""
    url: str = ""
    used_by: int = 0


def assumptions_of(*networks: Network) -> tuple[Assumption, ...]:
    """Every assumption of the networks, the same words for the same kind of part once, in scenario order."""
    found: dict[tuple[str, str, float | None], tuple[dict[str, None], dict[str, None]]] = {}
    for network in networks:
        for part, subject, value, provenance in _parts(network):
            if provenance.assumption:
                subjects, sources = found.setdefault((part, provenance.assumption, value), ({}, {}))
                subjects[subject] = None
                sources.update(dict.fromkeys(provenance.sources))
    return tuple(
        Assumption(part=part, subjects=tuple(subjects), text=text, value=value, sources=tuple(sources))
        for (part, text, value), (subjects, sources) in found.items()
    )


def sources_of(*networks: Network) -> tuple[SourceReference, ...]:
    """Every source that a part of the networks rests on, in scenario order."""
    users: dict[str, set[tuple[str, str]]] = {}
    for network in networks:
        for part, subject, _, provenance in _parts(network):
            for source in provenance.sources:
                users.setdefault(source, set()).add((part, subject))
    known = {id_: source for network in networks for id_, source in network.sources.items()}
    return tuple(
        SourceReference(id=s.id, title=s.title, grade=s.grade, url=s.url, used_by=len(users[s.id]))
        for s in known.values()
        if s.id in users
    )


def _parts(network: Network) -> Iterator[tuple[str, str, float | None, Provenance]]:
    """Every part that can have a provenance: (kind, id, value of a figure, provenance)."""
    for name, (value, provenance) in network.figures.items():
        yield "figure", name, value, provenance
    kinds: tuple[tuple[str, Iterable[tuple[str, Provenance]]], ...] = (
        ("operator", ((o.id, o.provenance) for o in network.operators.values())),
        ("site", ((s.id, s.provenance) for s in network.sites.values())),
        ("link", ((link.id, link.provenance) for link in network.links.values())),
        ("service", ((s.id, s.provenance) for s in network.services.values())),
        ("demand", ((d.id, d.provenance) for d in network.demands.values())),
    )
    for kind, parts in kinds:
        for id_, provenance in parts:
            yield kind, id_, None, provenance
