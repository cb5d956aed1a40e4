"""What traffic engineering works on: a directed graph whose arcs have a capacity, and a matrix of demands.

Everything is exact: capacities and rates are fractions in one unit, which the instance names. A link of a
scenario is two arcs, one per direction, each with the whole capacity. Arcs may be parallel.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import cached_property

from topology.errors import InputError, Problem

MOST_PROBLEMS = 10  # demands named one by one; the rest are counted

Pair = tuple[int, int]  # source and destination, as numbers of nodes


@dataclass(frozen=True, slots=True)
class Arc:
    """One direction of a link, between nodes by number.

    Attributes:
        capacity: above 0, in the unit of the instance.
        latency_ns: one way, or ``None`` if nobody says.
        weight: what an IGP would count it as (RFC 2328: its cost), or ``None`` if nobody says.
    """

    name: str
    tail: int
    head: int
    capacity: Fraction
    latency_ns: int | None = None
    weight: int | None = None


@dataclass(frozen=True)
class Instance:
    """One problem of traffic engineering.

    Attributes:
        demands: rate of every ordered pair that has one; rates above 0, ends different.
        unit: of rates and capacities, for people; empty if it has none.
        carries_transit: of each node, whether traffic between two others may cross it.
        notes: what was left out or assumed while reading, one sentence each.
    """

    name: str
    nodes: tuple[str, ...]
    arcs: tuple[Arc, ...]
    demands: Mapping[Pair, Fraction]
    unit: str = ""
    carries_transit: tuple[bool, ...] = ()
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not self.carries_transit:
            object.__setattr__(self, "carries_transit", (True,) * len(self.nodes))

    @cached_property
    def leaving(self) -> tuple[tuple[int, ...], ...]:
        """For each node the arcs that leave it, by number, ascending."""
        return _grouped(len(self.nodes), (arc.tail for arc in self.arcs))

    @cached_property
    def entering(self) -> tuple[tuple[int, ...], ...]:
        """For each node the arcs that enter it, by number, ascending."""
        return _grouped(len(self.nodes), (arc.head for arc in self.arcs))

    @cached_property
    def towards(self) -> Mapping[int, Mapping[int, Fraction]]:
        """The demands by destination, ascending, and source."""
        rates: dict[int, dict[int, Fraction]] = {}
        for (source, destination), rate in sorted(self.demands.items()):
            rates.setdefault(destination, {})[source] = rate
        return dict(sorted(rates.items()))

    @cached_property
    def total_rate(self) -> Fraction:
        """Sum of all demands."""
        return sum(self.demands.values(), Fraction(0))

    def turned(self) -> Instance:
        """Every arc and every demand turned round; paths of one are paths of the other, backwards."""
        arcs = tuple(replace(arc, tail=arc.head, head=arc.tail) for arc in self.arcs)
        return replace(self, arcs=arcs, demands={(t, s): rate for (s, t), rate in self.demands.items()})

    def with_unit_capacity(self) -> Instance:
        """Capacity 1 for every arc, so that a utilisation is a load."""
        arcs = tuple(replace(arc, capacity=Fraction(1)) for arc in self.arcs)
        return replace(self, arcs=arcs, unit="")

    def describe(self, arc: int) -> str:
        """An arc for people: ``beijing > xian``."""
        return f"{self.nodes[self.arcs[arc].tail]} > {self.nodes[self.arcs[arc].head]}"


def merged(demands: Iterable[tuple[int, int, Fraction]]) -> tuple[dict[Pair, Fraction], int]:
    """Demands added up per pair, and how many were left out: without a rate, or to where they come from."""
    rates: dict[Pair, Fraction] = {}
    dropped = 0
    for source, destination, rate in demands:
        if source == destination or not rate:
            dropped += 1
        else:
            rates[source, destination] = rates.get((source, destination), Fraction(0)) + rate
    return rates, dropped


def checked(instance: Instance, hint: str = "") -> Instance:
    """``instance``, if there is something to route and a path for all of it; else raises ``InputError``.

    ``hint`` says where demands may come from.
    """
    if not instance.demands:
        what = "there are no demands, so there is no traffic to engineer"
        raise InputError(what, where=instance.name, hint=hint)
    within = {source: reach(instance, source) for source in sorted({pair[0] for pair in instance.demands})}
    cut_off = [pair for pair in instance.demands if pair[1] not in within[pair[0]]]
    if cut_off:
        raise InputError.of(_cut_off(instance, cut_off))
    return instance


def reach(instance: Instance, source: int) -> set[int]:
    """The nodes that traffic from ``source`` can get to, itself included."""
    reached, waiting = {source}, [source]
    while waiting:
        node = waiting.pop()
        if node != source and not instance.carries_transit[node]:
            continue
        for arc in instance.leaving[node]:
            head = instance.arcs[arc].head
            if head not in reached:
                reached.add(head)
                waiting.append(head)
    return reached


def _cut_off(instance: Instance, pairs: list[Pair]) -> list[Problem]:
    closed = not all(instance.carries_transit)
    hint = "a path crosses only sites that carry transit" if closed else "no path of arcs leads there"
    problems = [
        Problem(
            f"the demand {instance.nodes[source]} > {instance.nodes[destination]} cannot be routed: "
            f"{instance.nodes[destination]} cannot be reached",
            instance.name,
            hint,
        )
        for source, destination in pairs[:MOST_PROBLEMS]
    ]
    if len(pairs) > MOST_PROBLEMS:
        what = f"{len(pairs) - MOST_PROBLEMS} more of {len(instance.demands)} demands cannot be routed either"
        problems.append(Problem(what, instance.name))
    return problems


def _grouped(count: int, ends: Iterable[int]) -> tuple[tuple[int, ...], ...]:
    groups: list[list[int]] = [[] for _ in range(count)]
    for arc, end in enumerate(ends):
        groups[end].append(arc)
    return tuple(tuple(group) for group in groups)
