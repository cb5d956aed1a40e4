"""How fast admission answers, and how that compares with plain networkx.

A network of 100 sites (a Gabriel graph of TopoHub, 186 links of 100 Gbit/s, three quarters set aside) is
asked

- for 100,000 small reservations that stay, to see what so many cost in time and memory;
- for 100,000 larger ones: once ``HELD`` are in force the oldest is withdrawn before each question, so that
  the network stays as full as one in use, and some are refused, each with its reason and what would have
  been possible;
- the same with a link-disjoint backup for each;
- then plain networkx answers the next questions from the same state: Dijkstra on what has room, and where the
  grown burst then finds no room, a few more simple paths. Every answer is checked to be the same.

Seconds are those of the processor, one core, whatever else the machine does.
"""

from __future__ import annotations

import itertools
import os
import random
import time
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import islice, pairwise
from pathlib import Path
from typing import Any

import networkx as nx

from controller.admission import Admission
from controller.mesh import Mesh
from controller.reservations import Reservation
from topology.errors import MeasurementError
from topology.network import Demand, Network, Protection, ReservedClass, TrafficClass
from topology.scenario import load

NETWORK = "topohub:gabriel/100/0"
HELD = 1100  # reservations in force
HELD_PROTECTED = 120
SEED = 20240301
SMALL_GBPS = (0.001,)
RATES_GBPS = (0.1, 0.2, 0.5, 1.0, 2.0)
STRETCH = 1.4  # a demand's limit over the least bound of its pair
MOST_TRIED = 10  # simple paths that networkx tries; there may be millions, most of them without room
AIM_SECONDS = 30


def bench_admissions(count: int = 100_000, compared: int = 1000) -> list[dict[str, Any]]:
    """One row for each of the above. Raises ``MeasurementError`` if two answers differ."""
    network = reserving_network()
    rows = [_staying(network, count)]
    crowd = _Crowd(Admission(network), HELD)
    questions = demands(network)
    rows.append(_coming_and_going(crowd, questions, count, "larger ones"))
    protected = _Crowd(Admission(network), HELD_PROTECTED)
    backed_up = demands(network, protection=Protection.LINK)
    rows.append(_coming_and_going(protected, backed_up, count // 50, "with a backup each"))
    rows.append(_against_networkx(network, crowd, questions, compared))
    return rows


def _staying(network: Network, count: int) -> dict[str, Any]:
    before_bytes = _resident_bytes()
    crowd = _Crowd(Admission(network), count)
    row = _coming_and_going(crowd, demands(network, rates_gbps=SMALL_GBPS), count, "small ones that stay")
    grown_mib = (_resident_bytes() - before_bytes) / 2**20
    return {**row, "what": f"{row['what']}, {grown_mib:.0f} MiB"}


def _coming_and_going(crowd: _Crowd, questions: Iterator[Demand], count: int, what: str) -> dict[str, Any]:
    asked = list(islice(questions, count))
    begun = time.process_time()
    for demand in asked:
        crowd.ask(demand)
    seconds = time.process_time() - begun
    sites = len(crowd.admission.network.sites)
    return {
        "what": f"{count} admissions on {sites} sites, {what}, {crowd.refused} refused",
        "ours": round(seconds, 2),
        "unit": "s CPU",
        **(
            {"other": AIM_SECONDS, "ratio": round(AIM_SECONDS / seconds, 2), "against": "aim"}
            if count >= 100_000
            else {}
        ),
    }


def _resident_bytes() -> int:
    """Memory of this process (proc(5), statm)."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def reserving_network() -> Network:
    """100 sites whose links set three quarters aside."""
    network = load(NETWORK)
    return replace(network, routing=replace(network.routing, reserved=ReservedClass()))


def demands(
    network: Network,
    *,
    rates_gbps: Sequence[float] = RATES_GBPS,
    protection: Protection = Protection.NONE,
) -> Iterator[Demand]:
    """Demands between random sites, the same everywhere; those that may turn back have four times as long."""
    dice = random.Random(SEED)
    mesh = Mesh(network)
    sites = list(network.sites)
    for number in itertools.count():
        source, destination = dice.sample(sites, 2)
        least_ms = mesh.to_go(mesh.number[destination])[mesh.number[source]] // mesh.unit / 1e6
        yield Demand(
            f"d{number}",
            source,
            destination,
            rate_gbps=dice.choice(rates_gbps),
            traffic_class=TrafficClass.RESERVED,
            burst_mbit=0.02,
            max_one_way_ms=(1 if protection is Protection.NONE else 4) * STRETCH * least_ms,
            protection=protection,
        )


class _Crowd:
    """Asks, and withdraws the oldest."""

    def __init__(self, admission: Admission, most: int) -> None:
        self.admission = admission
        self.refused = 0
        self._most = most
        self._order: deque[str] = deque()

    def make_room(self) -> Reservation | None:
        """Withdraw the oldest, if enough are in force."""
        return self.admission.withdraw(self._order.popleft()) if len(self._order) >= self._most else None

    def ask(self, demand: Demand) -> Reservation | None:
        """One question; ``None`` if it was refused."""
        self.make_room()
        answer = self.admission.ask(demand)
        if not isinstance(answer, Reservation):
            self.refused += 1
            return None
        self._order.append(demand.id)
        return answer


def _against_networkx(
    network: Network, crowd: _Crowd, questions: Iterator[Demand], count: int
) -> dict[str, Any]:
    """Both answer ``count`` questions, from the same state at every step."""
    plain = _PlainNetworkx(crowd.admission)
    ours_s = theirs_s = 0.0
    refused = gave_up = 0
    for demand in islice(questions, count):
        begun = time.process_time()
        gone = crowd.make_room()
        between = time.process_time()
        if gone is not None:
            plain.book(gone, -1)
        theirs = time.process_time()
        path = plain.path(demand)
        theirs_s += time.process_time() - theirs
        ours_s += between - begun
        begun = time.process_time()
        answer = crowd.ask(demand)
        ours_s += time.process_time() - begun
        if path == ():
            gave_up += 1
        elif path != (None if answer is None else answer.primary.sites):
            raise MeasurementError(f"networkx answers {demand.id} with {path}, admission with {answer}")
        if answer is None:
            refused += 1
        else:
            plain.book(answer, 1)
    return {
        "what": f"{count} admissions, {refused} refused; same answers but for {gave_up} on which it gave up",
        "ours": round(count / ours_s),
        "other": round(count / theirs_s),
        "unit": "/s",
        "ratio": round(theirs_s / ours_s, 1),
        "against": "plain networkx, without reasons for refusals",
    }


class _PlainNetworkx:
    """The same admission control as one would write it with networkx alone."""

    def __init__(self, admission: Admission) -> None:
        mesh = Mesh(admission.network)
        self.graph = nx.DiGraph()
        for direction, (tail, head) in enumerate(zip(mesh.tail, mesh.head, strict=True)):
            usage = admission.usage[mesh.sites[tail], mesh.sites[head]]
            self.graph.add_edge(
                mesh.sites[tail],
                mesh.sites[head],
                key=mesh.key[direction],
                bound_ns=mesh.bound_ns[direction],
                queueing_ns=mesh.queueing_ns[direction],
                rate_bps=usage.rate_limit_bps - usage.rate_bps,
                burst_bits=usage.burst_limit_bits - usage.burst_bits,
            )

    def path(self, demand: Demand) -> tuple[str, ...] | None:
        """The least path with room, in time; ``None`` if there is none, ``()`` if it gives up."""
        rate_bps, burst_bits = round(demand.rate_gbps * 1e9), round(demand.burst_mbit * 1e6)
        limit_ns = int((demand.max_one_way_ms or 0) * 1e6)

        def has_room(tail: str, head: str) -> bool:
            edge = self.graph.edges[tail, head]
            return bool(edge["rate_bps"] >= rate_bps and edge["burst_bits"] >= burst_bits)

        roomy = nx.subgraph_view(self.graph, filter_edge=has_room)
        try:
            first = nx.dijkstra_path(roomy, demand.source, demand.destination, weight="key")
            if self._fits(first, rate_bps, burst_bits):
                return tuple(first) if self._bound_ns(first) <= limit_ns else None
            others = nx.shortest_simple_paths(roomy, demand.source, demand.destination, weight="key")
            for path in islice(others, MOST_TRIED):
                if self._bound_ns(path) > limit_ns:
                    return None
                if self._fits(path, rate_bps, burst_bits):
                    return tuple(path)
        except nx.NetworkXNoPath:
            return None
        return ()

    def book(self, reservation: Reservation, sign: int) -> None:
        """Take (1) or give back (-1) what a reservation holds."""
        queued_ns = 0
        for hop in reservation.primary.directions:
            edge = self.graph.edges[hop]
            burst_bits = reservation.burst_bits + -(-reservation.rate_bps * queued_ns // 10**9)
            edge["rate_bps"] -= sign * reservation.rate_bps
            edge["burst_bits"] -= sign * burst_bits
            queued_ns += edge["queueing_ns"]

    def _bound_ns(self, path: list[str]) -> int:
        return sum(self.graph.edges[hop]["bound_ns"] for hop in pairwise(path))

    def _fits(self, path: list[str], rate_bps: int, burst_bits: int) -> bool:
        queued_ns = 0
        for hop in pairwise(path):
            edge = self.graph.edges[hop]
            if edge["burst_bits"] < burst_bits + -(-rate_bps * queued_ns // 10**9):
                return False
            queued_ns += edge["queueing_ns"]
        return True
