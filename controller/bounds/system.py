"""What is analysed: servers, and flows along paths of servers. Units are the caller's."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from fractions import Fraction
from functools import cached_property
from itertools import pairwise

import networkx as nx

from controller.bounds.curves import Exact, RateLatency, TokenBucket, make_exact
from topology.errors import InputError, Problem


class Multiplexing(StrEnum):
    """In which order a server takes the bits of different flows. Those of one flow it keeps in order."""

    FIFO = "fifo"
    ARBITRARY = "arbitrary"  # any order: a bound that holds whatever the scheduler
    PRIORITY = "priority"  # non-preemptive strict priority; FIFO within a class


@dataclass(frozen=True, slots=True)
class Server:
    """A queue with its line.

    Attributes:
        service: its service curve; strict (LBT, definition 1.3.2) unless all is FIFO.
        link_rate: most that it ever puts out; with it, the method TFA++ knows that its flows cannot all
            arrive at once at the next server. ``None``: unknown.
        max_packet: largest packet that it hands on as a whole, on top of ``link_rate``.
    """

    id: str
    service: RateLatency
    link_rate: Exact | None = None
    max_packet: Exact = 0

    def __post_init__(self) -> None:
        make_exact(self, "link_rate", "max_packet")


@dataclass(frozen=True, slots=True)
class Flow:
    """A flow.

    Attributes:
        path: ids of servers, at least one, none twice.
        priority: 0 goes first; counts under ``Multiplexing.PRIORITY`` only.
        max_packet: its largest packet, for which a higher class may have to wait.
    """

    id: str
    arrivals: TokenBucket
    path: tuple[str, ...]
    priority: int = 0
    max_packet: Exact = 0

    def __post_init__(self) -> None:
        make_exact(self, "max_packet")


@dataclass(frozen=True)
class System:
    """Servers and flows that fit together, in the order they were given."""

    servers: Mapping[str, Server]
    flows: Mapping[str, Flow]

    @classmethod
    def of(cls, servers: Iterable[Server], flows: Iterable[Flow]) -> System:
        """Raises ``InputError`` with everything that does not fit."""
        system = cls({server.id: server for server in servers}, {flow.id: flow for flow in flows})
        problems = [*_misfits(system)]
        if problems:
            raise InputError.of(problems)
        return system

    @cached_property
    def at(self) -> Mapping[str, tuple[str, ...]]:
        """The ids of the flows through each server."""
        crossing: dict[str, list[str]] = {server: [] for server in self.servers}
        for flow in self.flows.values():
            for server in flow.path:
                crossing[server].append(flow.id)
        return {server: tuple(flows) for server, flows in crossing.items()}

    @cached_property
    def edges(self) -> Mapping[tuple[str, str], tuple[str, ...]]:
        """The ids of the flows that go from one server to the next, by ``(from, to)``."""
        along: dict[tuple[str, str], list[str]] = {}
        for flow in self.flows.values():
            for hop in pairwise(flow.path):
                along.setdefault(hop, []).append(flow.id)
        return {hop: tuple(flows) for hop, flows in along.items()}

    @cached_property
    def graph(self) -> nx.DiGraph:
        """Which server feeds which."""
        graph = nx.DiGraph()
        graph.add_nodes_from(self.servers)
        graph.add_edges_from(self.edges)
        return graph

    @cached_property
    def inflows(self) -> Mapping[str, tuple[tuple[str | None, tuple[str, ...]], ...]]:
        """The flows at each server by where they come from; those that start there one by one."""
        result = {}
        for server, flows in self.at.items():
            groups: dict[str, list[str]] = {}
            fresh: list[tuple[str | None, tuple[str, ...]]] = []
            for flow in flows:
                before = self.previous(flow, server)
                if before is None:
                    fresh.append((None, (flow,)))
                else:
                    groups.setdefault(before, []).append(flow)
            result[server] = (*fresh, *((before, tuple(members)) for before, members in groups.items()))
        return result

    def previous(self, flow: str, server: str) -> str | None:
        """Where the flow comes from; ``None`` where it starts."""
        path = self.flows[flow].path
        hop = path.index(server)
        return path[hop - 1] if hop else None

    def rate(self, flows: tuple[str, ...]) -> Fraction:
        """What flows together send in the long run."""
        if flows not in self._rates:
            self._rates[flows] = Fraction(sum(self.flows[flow].arrivals.rate for flow in flows))
        return self._rates[flows]

    @cached_property
    def _rates(self) -> dict[tuple[str, ...], Fraction]:
        """Sums found before: a fixed point asks for the same ones thousands of times."""
        return {}

    @cached_property
    def leaving(self) -> Mapping[str, tuple[tuple[str, str, tuple[str, ...], tuple[str, ...]], ...]]:
        """What leaves each server for another: flow (``""``: all that go there), next server, the flows, the
        other flows at the server."""
        result: dict[str, list[tuple[str, str, tuple[str, ...], tuple[str, ...]]]] = {
            server: [] for server in self.servers
        }
        for (server, after), members in self.edges.items():
            for name, flows in [("", members), *((flow, (flow,)) for flow in members)]:
                others = tuple(flow for flow in self.at[server] if flow not in flows)
                result[server].append((name, after, flows, others))
        return {server: tuple(groups) for server, groups in result.items()}

    def only(self, flows: Sequence[str], services: Mapping[str, RateLatency]) -> System:
        """Some of the flows, and other services."""
        servers = {
            name: replace(server, service=services.get(name, server.service))
            for name, server in self.servers.items()
        }
        return System(servers, {name: self.flows[name] for name in flows})


def _misfits(system: System) -> Iterable[Problem]:
    for flow in system.flows.values():
        where = f"flow {flow.id}"
        if not flow.path:
            yield Problem("its path is empty", where, "name the servers it crosses")
        if len(set(flow.path)) < len(flow.path):
            yield Problem("its path crosses a server twice", where)
        for name in flow.path:
            if name not in system.servers:
                yield Problem(f"no server has the id {name!r}", where)
    for server in system.servers.values():
        if server.link_rate is not None and server.link_rate < server.service.rate:
            what = f"its link_rate {server.link_rate} is below its rate {server.service.rate}"
            yield Problem(what, f"server {server.id}", "a server cannot put out less than it serves")


def in_order(system: System, server: str, multiplexing: Multiplexing) -> bool:
    """Whether all bits leave a server in the order they came; those of a single flow always do."""
    return multiplexing is not Multiplexing.ARBITRARY or len(system.at[server]) == 1


def overloads(system: System) -> list[Problem]:
    """The servers that no bound exists for: more comes than they serve."""
    problems = []
    for server, flows in system.at.items():
        rate, served = system.rate(flows), system.servers[server].service.rate
        if rate > served:
            what = f"its flows send at {float(rate):g}, more than its rate of {float(served):g}"
            problems.append(
                Problem(f"{what}; no bound exists", f"server {server}", f"flows: {', '.join(flows)}")
            )
    return problems
