"""Where instances come from: our scenarios, TopoHub's networks with their demands, REPETITA's files."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

from controller.paths import link_latency_ns
from controller.te import repetita
from controller.te.instance import Arc, Instance, Pair, checked, merged
from topology.errors import InputError, Problem
from topology.hints import did_you_mean
from topology.network import Network
from topology.scenario import load_with_demands
from topology.scenario.locate import TOPOHUB
from topology.sources import ASSUMED_CAPACITY_GBPS, topohub_traffic

GBPS = "Gbit/s"
_GRAPH, _DEMANDS = ".graph", ".demands"
_NO_UNIT = (
    "TopoHub states no unit of its demands; they are read as Gbit/s, so only ratios mean something "
    "(--unit-capacity: every arc has capacity 1)"
)


def load(reference: str, demands: str | None = None, *, unit_capacity: bool = False) -> Instance:
    """What ``reference`` names, ready to be routed.

    ``reference``: a scenario, a file of demands on one, ``topohub:NAME``, or a REPETITA ``.graph`` file.
    ``demands``: a REPETITA ``.demands`` file instead of the demands that come with it. Raises ``InputError``
    for bad input, and where there are no demands or no path for one.
    """
    instance = _named(reference)
    if demands is not None:
        instance = _with_demands(instance, Path(demands), demands)
    if unit_capacity:
        instance = replace(instance.with_unit_capacity(), notes=_without_unit(instance.notes))
    return checked(instance, _where_demands_are(reference))


def of_network(network: Network) -> Instance:
    """A scenario's network and demands of all classes; each direction of a link has all its capacity.

    Raises ``InputError`` for demands that lead nowhere: no instance of their service can be reached.
    """
    number = {site: position for position, site in enumerate(network.sites)}
    lost = [demand for demand in network.demands.values() if not demand.destination]
    if lost:
        raise InputError.of(
            [
                Problem(
                    f"no instance of the service {demand.service} can be reached from {demand.source}",
                    f"{network.id} demands.{demand.id}",
                )
                for demand in lost
            ]
        )
    demands, dropped = merged(
        (number[each.source], number[each.destination], _fraction(each.rate_gbps))
        for each in network.demands.values()
    )
    return Instance(
        network.id,
        tuple(network.sites),
        tuple(_arcs_of(network, number)),
        demands,
        GBPS,
        tuple(site.carries_transit for site in network.sites.values()),
        (f"demands from a site to itself, left out: {dropped}",) if dropped else (),
    )


def _named(reference: str) -> Instance:
    if reference.endswith(_GRAPH):
        return repetita.read_graph(_existing(reference), reference)
    if reference.endswith(_DEMANDS):
        hint = f"name the topology, and this file with --demands {reference}"
        raise InputError("this is a file of demands; expected a topology", where=reference, hint=hint)
    if reference.startswith(TOPOHUB):
        return _of_topohub(reference)
    return of_network(load_with_demands(reference))


def _of_topohub(reference: str) -> Instance:
    """A network of the collection with its demands, each direction as stored.

    Those drawn on a plane (half of SNDlib's) are no scenarios, but traffic engineering needs no coordinates.
    """
    traffic = topohub_traffic(reference.removeprefix(TOPOHUB))
    number = {site: position for position, site in enumerate(traffic.sites)}
    demands, _ = merged((number[a], number[b], _fraction(rate)) for a, b, rate in traffic.demands)
    notes: tuple[str, ...] = (_NO_UNIT,) if demands else ()
    unit = "" if demands else GBPS
    if traffic.on_map:
        return replace(of_network(load_with_demands(reference)), demands=demands, notes=notes, unit=unit)
    arcs = [
        Arc(f"{a}--{b}", number[tail], number[head], Fraction(ASSUMED_CAPACITY_GBPS))
        for a, b in traffic.links
        for tail, head in ((a, b), (b, a))
    ]
    notes += ("its coordinates are positions on a drawing, so its links have no latency",)
    return Instance(reference, traffic.sites, tuple(arcs), demands, unit, notes=notes)


def _arcs_of(network: Network, number: Mapping[str, int]) -> list[Arc]:
    return [
        Arc(
            link.id, number[tail], number[head], _fraction(link.capacity_gbps), link_latency_ns(network, link)
        )
        for link in network.links.values()
        for tail, head in ((link.a, link.b), (link.b, link.a))
    ]


def _with_demands(instance: Instance, path: Path, display: str) -> Instance:
    """REPETITA's demands on any topology: its numbers count the sites in their order."""
    if path.suffix != _DEMANDS:
        hint = "demands of ours are a file of their own: onehop te FILE.yaml, with 'scenario:' in it"
        raise InputError(f"expected a REPETITA file, *{_DEMANDS}", where=f"--demands {display}", hint=hint)
    found, notes = repetita.read_demands(_existing(display), len(instance.nodes), display)
    demands: dict[Pair, Fraction] = found
    unit = instance.unit
    if unit != repetita.UNIT:
        unit = GBPS
        demands = {pair: rate / 10**6 for pair, rate in found.items()}
        notes += (f"rates of {display} read as {repetita.UNIT}",)
    return replace(instance, demands=demands, unit=unit, notes=(*_without_unit(instance.notes), *notes))


def _without_unit(notes: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(note for note in notes if note != _NO_UNIT)


def _existing(name: str) -> Path:
    path = Path(name)
    try:
        missing = not path.exists()
    except (OSError, ValueError):
        missing = True
    if missing:
        near: list[str] = []
        if path.parent.is_dir():
            near = [file.name for file in sorted(path.parent.glob(f"*{path.suffix}"))[:200]]
        raise InputError("there is no such file", where=name, hint=did_you_mean(path.name, near))
    return path


def _where_demands_are(reference: str) -> str:
    if not reference.endswith(_GRAPH):
        return "add 'demands:' to the scenario, or name a REPETITA file: --demands FILE.demands"
    path = Path(reference)
    beside = sorted(file.name for file in path.parent.glob("*.demands") if file.name.startswith(path.stem))
    return f"name one with --demands{', such as ' + ', '.join(beside[:3]) if beside else ' FILE.demands'}"


def _fraction(value: float) -> Fraction:
    """The decimal number that was written, not the binary one next to it."""
    return Fraction(repr(value))
