"""The flows of a linear programme as paths: what share of each demand takes which way.

A solver's flows meet demands and limits within a tolerance. Taken apart into paths whose shares are exact
fractions that add up to the demand, they are a routing that can be checked to the last digit, and programmed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction

from controller.te.instance import Instance, Pair
from controller.te.program import Floats
from controller.te.shortest import next_hops

Path = tuple[int, ...]  # arcs, from source to destination

_NEGLIGIBLE = 1e-9  # of the traffic of a source: below it, flow is the solver's tolerance


@dataclass(frozen=True, slots=True)
class Split:
    """Part of a demand on one path."""

    path: Path
    rate: Fraction


Splits = Mapping[Pair, tuple[Split, ...]]


@dataclass(frozen=True, slots=True)
class Rounding:
    """Rates become multiples of ``1 / (grain · n)``, with ``n`` at most ``most``.

    The vertices of these programmes have such rates, so this mostly undoes a solver's rounding.
    """

    grain: int
    most: int

    def of(self, rate: float) -> Fraction:
        """The nearest such rate."""
        return (Fraction(rate) * self.grain).limit_denominator(self.most) / self.grain


def splits_of(
    instance: Instance, flows: Mapping[int, Floats], rounding: Rounding | None = None
) -> dict[Pair, tuple[Split, ...]]:
    """``flows`` (by source, per arc) as paths; the rates of a pair add up to its demand exactly.

    Without ``rounding`` the rates are the solver's.
    """
    found: dict[Pair, list[tuple[Path, float]]] = {}
    wanted: dict[int, dict[int, float]] = {}
    for (source, destination), rate in instance.demands.items():
        wanted.setdefault(source, {})[destination] = float(rate)
    for source, carried in flows.items():
        paths_of = _taken_apart(instance, source, carried, wanted[source])
        found |= {(source, destination): paths for destination, paths in paths_of.items()}
    return {pair: _exact(instance, pair, found[pair], rounding) for pair in instance.demands}


def loads_of(instance: Instance, splits: Splits) -> tuple[Fraction, ...]:
    """What each arc carries, exactly."""
    carried = [Fraction(0)] * len(instance.arcs)
    for parts in splits.values():
        for part in parts:
            for arc in part.path:
                carried[arc] += part.rate
    return tuple(carried)


def _taken_apart(
    instance: Instance, source: int, carried: Floats, wanted: Mapping[int, float]
) -> dict[int, list[tuple[Path, float]]]:
    """Paths and rates of each destination of one source, back from the destination along the most flow."""
    left = carried.tolist()
    negligible = _NEGLIGIBLE * sum(wanted.values())
    paths: dict[int, list[tuple[Path, float]]] = {}
    for destination, rate in wanted.items():
        paths[destination] = []
        while rate > 0 and (path := _path_back(instance, source, destination, left, negligible)):
            part = min(rate, *(left[arc] for arc in path))
            for arc in path:
                left[arc] -= part
            rate -= part
            paths[destination].append((path, part))
    return paths


def _path_back(
    instance: Instance, source: int, destination: int, left: list[float], negligible: float
) -> Path | None:
    """A path of arcs that still carry flow; circles met on the way are taken out of ``left``."""
    node, path, visited = destination, list[int](), {destination: 0}
    while node != source:
        arc = max(instance.entering[node], key=lambda arc: left[arc], default=None)
        if arc is None or left[arc] <= negligible:
            return None
        path.append(arc)
        node = instance.arcs[arc].tail
        if node in visited:
            circle = path[visited[node] :]
            least = min(left[arc] for arc in circle)
            for arc in circle:
                left[arc] -= least
            node, path, visited = destination, [], {destination: 0}
        else:
            visited[node] = len(path)
    return tuple(reversed(path))


def _exact(
    instance: Instance, pair: Pair, paths: Sequence[tuple[Path, float]], rounding: Rounding | None
) -> tuple[Split, ...]:
    """Rates as fractions that add up to the demand; the largest part takes what rounding left over."""
    demand = instance.demands[pair]
    if not paths:  # too little traffic for the solver to see: the shortest path
        return (Split(_shortest(instance, *pair), demand),)
    rates = [rounding.of(rate) if rounding else Fraction(rate) for _, rate in paths]
    most = max(range(len(paths)), key=lambda number: (rates[number], -number))
    rates[most] = demand - (sum(rates, Fraction(0)) - rates[most])
    if rates[most] < 0:  # rounding a very small demand: all of it takes the largest part's path
        return (Split(paths[most][0], demand),)
    together: dict[Path, Fraction] = {}
    for (path, _), rate in zip(paths, rates, strict=True):
        together[path] = together.get(path, Fraction(0)) + rate
    return tuple(Split(path, rate) for path, rate in together.items() if rate)


def _shortest(instance: Instance, source: int, destination: int) -> Path:
    """The path of fewest hops, the arcs listed first among equals."""
    _, hops = next_hops(instance, destination, (1,) * len(instance.arcs))
    path, node = list[int](), source
    while node != destination:
        path.append(hops[node][0])
        node = instance.arcs[path[-1]].head
    return tuple(path)
