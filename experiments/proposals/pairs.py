"""Which pairs of sites a study is about."""

from __future__ import annotations

from collections.abc import Iterator

from experiments.proposals.model import Study

Pair = tuple[str, str]


def pairs_of(study: Study) -> tuple[Pair, ...]:
    """The pairs of targets, then of demands, in the order of the file, each once whatever its direction.

    Path and return path cross the same links (``controller.paths``).
    """
    found: dict[frozenset[str], Pair] = {}
    for source, destination in _named(study):
        if source != destination:
            found.setdefault(frozenset((source, destination)), (source, destination))
    return tuple(found.values())


def _named(study: Study) -> Iterator[Pair]:
    for target in study.targets:
        for destination in target.destinations:
            yield target.source, destination
    for one in study.demands:
        yield one.demand.source, one.demand.destination
