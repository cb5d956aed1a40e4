"""How bursts grow from server to server: the arrival curve of every flow at every server of its path.

Rates never change on the way, bursts do. Known at a server are the burst of each flow and, often smaller than
their sum, that of all flows that come from the same server. Two rules say what leaves a server:

- *residual* (TFA, SFA): flows together leave with ``burst + rate * latency`` of the service that the others
  leave them (LBT, theorem 1.4.3 on the residual service of ``residual``);
- *delay* (TFA++): each flow leaves with ``burst + rate * delay`` of the server, where the delay knows that
  what comes over one link comes at its rate (Mifdaoui and Leydier, "Beyond the accuracy-complexity tradeoffs
  of compositional analyses using network calculus for complex networks", CRTS 2017; Thomas, Le Boudec,
  Mifdaoui, "On cyclic dependencies and regulators in time-sensitive networks", RTSS 2019).

Servers are taken in the order in which they feed each other. Those that feed each other in a circle are
solved together (``fixedpoint``).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, TypeAlias

import networkx as nx

from controller.bounds import fixedpoint
from controller.bounds.residual import residual_latency
from controller.bounds.shaped import Line, Shaped, busy_period, longest_wait
from controller.bounds.system import Multiplexing, System, in_order
from topology.errors import InputError

Number: TypeAlias = Any
Group: TypeAlias = tuple[str, str, str]
"""(flow, from server, to server): one flow where it enters the second; with flow ``""`` all on that edge."""


@dataclass(frozen=True, slots=True)
class Bursts:
    """Bursts inside a network.

    Attributes:
        values: bursts at the entry of servers, by ``Group``; exact, or bounds on what is exact.
        exact: no cycle, or its fixed point was found exactly.
        cycles: the servers that feed each other in a circle.
    """

    system: System
    values: Mapping[Group, Number]
    exact: bool = True
    cycles: tuple[tuple[str, ...], ...] = ()

    def of_flow(self, flow: str, server: str) -> Number:
        """The burst of one flow where it enters a server."""
        before = self.system.previous(flow, server)
        if before is None:
            return self.system.flows[flow].arrivals.burst
        return self.values[flow, before, server]

    def together(self, flows: Iterable[str], server: str) -> Number:
        """The burst of several flows where they enter a server."""
        wanted = set(flows)
        burst: Number = Fraction(0)
        for before, members in self.system.inflows[server]:
            here = [flow for flow in members if flow in wanted]
            apart = sum(self.of_flow(flow, server) for flow in here)
            if before is not None and len(here) == len(members):
                apart = min(apart, self.values["", before, server])
            burst += apart
        return burst

    def shaped(self, server: str) -> list[Shaped]:
        """What arrives at a server, knowing the rates of the links it comes over."""
        parts = []
        for before, flows in self.system.inflows[server]:
            sent = Line(self.system.rate(flows), self.together(flows, server))
            link = self.system.servers[before] if before is not None else None
            carried = None
            if link is not None and link.link_rate is not None:
                carried = Line(link.link_rate, link.max_packet)
            parts.append(Shaped(sent, carried))
        return parts


Rule: TypeAlias = Callable[[Bursts, str], Mapping[Group, Number]]


def residual_rule(multiplexing: Multiplexing) -> Rule:
    """What leaves a server, by the service that the other flows leave."""

    def leaving(bursts: Bursts, server: str) -> Mapping[Group, Number]:
        system = bursts.system
        service = system.servers[server].service
        result: dict[Group, Number] = {}
        for name, after, flows, others in system.leaving[server]:
            burst, rate = bursts.together(flows, server), system.rate(flows)
            if rate > 0:  # else its burst is all that it ever sends
                cross = bursts.together(others, server)
                burst += rate * residual_latency(multiplexing, service, system.rate(others), cross)
            result[name, server, after] = burst
        return result

    return leaving


def delay_rule(multiplexing: Multiplexing) -> Rule:
    """What leaves a server, by the longest time that a bit spends in it."""

    def leaving(bursts: Bursts, server: str) -> Mapping[Group, Number]:
        system = bursts.system
        wait = shaped_delay(bursts, server, multiplexing)
        if wait is None:
            raise _Endless(server)
        return {
            (name, server, after): sum(bursts.of_flow(flow, server) for flow in flows)
            + system.rate(flows) * wait
            for name, after, flows, _others in system.leaving[server]
        }

    return leaving


def shaped_delay(bursts: Bursts, server: str, multiplexing: Multiplexing) -> Number | None:
    """The longest time a bit spends in a server, links' rates known; ``None`` if there is no bound."""
    service = bursts.system.servers[server].service
    parts = bursts.shaped(server)
    if in_order(bursts.system, server, multiplexing):
        return longest_wait(parts, service)
    return busy_period(parts, service)


class _Endless(Exception):  # noqa: N818 - no error by itself: ``propagate`` says what it means
    """A server whose busy periods need not end, so that nothing is known of what leaves it."""


def propagate(system: System, rule: Rule) -> Bursts:
    """All bursts of a stable system. Raises ``InputError`` if a cycle has no bound that can be proven."""
    bursts = Bursts(system, {})
    for component in _in_order(system):
        try:
            bursts = _solved(bursts, component, rule)
        except _Endless as endless:
            raise InputError(
                "the server may stay busy for ever, as its flows send at its full rate",
                where=f"server {endless}",
                hint="lower a rate, or state FIFO if the server is FIFO",
            ) from None
    return bursts


def _in_order(system: System) -> list[tuple[str, ...]]:
    """Groups of servers that feed each other, each before those that it feeds."""
    graph = system.graph
    condensed = nx.condensation(graph)
    place = {server: number for number, server in enumerate(system.servers)}
    groups = [condensed.nodes[node]["members"] for node in nx.topological_sort(condensed)]
    return [tuple(sorted(group, key=place.__getitem__)) for group in groups]


def _solved(bursts: Bursts, component: tuple[str, ...], rule: Rule) -> Bursts:
    known = dict(bursts.values)
    if len(component) == 1:
        known.update(rule(bursts, component[0]))
        return Bursts(bursts.system, known, bursts.exact, bursts.cycles)

    def step(inside: Mapping[Group, Number]) -> Mapping[Group, Number]:
        state = Bursts(bursts.system, {**known, **inside})
        return {key: value for server in component for key, value in rule(state, server).items()}

    keys = {
        (name, before, after): 0
        for (before, after), members in bursts.system.edges.items()
        if before in component
        for name in ("", *members)
    }
    try:
        found = fixedpoint.bound(step, keys)
    except _Endless:
        found = None
    if found is None:
        raise InputError(
            f"the servers {', '.join(component)} feed each other in a circle, and no bound could be proven",
            hint="lower the rates or bursts in the circle, or break it by other paths; "
            "a circle without latency and bursts cannot be solved either",
        )
    known.update(found.values)
    return Bursts(bursts.system, known, bursts.exact and found.exact, (*bursts.cycles, component))
