"""A demand as the question path search understands, and its answer in numbers."""

from __future__ import annotations

import math
from dataclasses import replace

from controller.admission.contract import contract, limit_ns
from controller.charges import allowed, charges, fits
from controller.constrained import Query, Room, least_path
from controller.disjoint import Pair, holds, least_pair
from controller.mesh import Directions, Mesh
from topology.errors import InputError, Problem
from topology.hints import did_you_mean
from topology.network import Demand, Network, Protection, TrafficClass

Found = tuple[Directions, Directions]  # primary, backup; without a backup ()


class Asker:
    """Turns the demands of one network into questions and answers them, remembering what never changes."""

    def __init__(self, network: Network, rate_scale: float) -> None:
        self.network = network
        self.mesh = Mesh(network, rate_scale=rate_scale)
        self.rate_scale = rate_scale
        self._sites_of: dict[str, frozenset[int]] = {}
        self._links_of: dict[str, frozenset[int]] = {}
        self._first: dict[tuple[int, int, Protection], Found | None] = {}
        self._whole = Room.whole(self.mesh)

    def query(self, demand: Demand) -> Query:
        """The question. Raises ``InputError`` with everything about ``demand`` that makes no sense here."""
        self.check(demand)
        rate_bps, burst_bits = contract(demand, self.rate_scale)
        closed_sites: frozenset[int] = frozenset()
        closed_links: frozenset[int] = frozenset()
        if demand.avoid_sites:
            closed_sites = frozenset(self.mesh.number[site] for site in demand.avoid_sites)
        for operator in demand.avoid_operators:
            sites, links = self._belongings(operator)
            closed_sites, closed_links = closed_sites | sites, closed_links | links
        return Query(
            source=self.mesh.number[demand.source],
            destination=self.mesh.number[demand.destination],
            rate_bps=rate_bps,
            burst_bits=burst_bits,
            limit_ns=limit_ns(demand),
            max_hops=demand.max_hops,
            closed_sites=closed_sites,
            closed_links=closed_links,
        )

    def _belongings(self, operator: str) -> tuple[frozenset[int], frozenset[int]]:
        if operator not in self._sites_of:
            self._sites_of[operator] = frozenset(
                self.mesh.number[site.id] for site in self.network.sites.values() if site.operator == operator
            )
            self._links_of[operator] = frozenset(
                self.mesh.link_number[link.id]
                for link in self.network.links.values()
                if link.operator == operator
            )
        return self._sites_of[operator], self._links_of[operator]

    def check(self, demand: Demand) -> None:
        """Raises ``InputError`` for what no network could answer: unknown names, no rate, a wrong class."""
        number = self.mesh.number
        if (
            demand.source in number
            and demand.destination in number
            and demand.source != demand.destination
            and demand.traffic_class is TrafficClass.RESERVED
            and 0 < demand.rate_gbps < math.inf
            and 0 <= demand.burst_mbit < math.inf
            and (demand.max_one_way_ms is None or abs(demand.max_one_way_ms) < math.inf)
            and not demand.avoid_sites
            and not demand.avoid_operators
        ):
            return
        problems = list(self._problems(demand))
        if problems:
            raise InputError.of(problems)

    def _problems(self, demand: Demand) -> list[Problem]:
        where = f"demand {demand.id}"
        problems = []
        for key, site in (
            ("source", demand.source),
            ("destination", demand.destination),
            *(("avoid_sites", site) for site in demand.avoid_sites),
        ):
            if site not in self.network.sites:
                hint = did_you_mean(site, self.network.sites)
                problems.append(Problem(f"unknown site {site!r}", f"{where}.{key}", hint))
        for operator in demand.avoid_operators:
            if operator not in self.network.operators:
                hint = did_you_mean(operator, self.network.operators)
                problems.append(Problem(f"unknown operator {operator!r}", f"{where}.avoid_operators", hint))
        if demand.source == demand.destination:
            problems.append(Problem("source and destination are the same site", where))
        if demand.traffic_class is not TrafficClass.RESERVED:
            problems.append(
                Problem(f"a demand of class {demand.traffic_class}; expected reserved", f"{where}.class")
            )
        if not 0 < demand.rate_gbps < math.inf:
            what = f"found {demand.rate_gbps:g}; expected a rate above 0 Gbit/s"
            problems.append(Problem(what, f"{where}.rate_gbps"))
        if not 0 <= demand.burst_mbit < math.inf:
            what = f"found {demand.burst_mbit:g}; expected a burst of 0 Mbit or more"
            problems.append(Problem(what, f"{where}.burst_mbit"))
        if demand.max_one_way_ms is not None and not abs(demand.max_one_way_ms) < math.inf:
            what = f"found {demand.max_one_way_ms:g}; expected a number of milliseconds"
            problems.append(Problem(what, f"{where}.max_one_way_ms"))
        return problems

    def find(self, query: Query, room: Room, protection: Protection) -> Found | None:
        """The best path or pair that satisfies ``query``; ``None`` if there is none.

        What is best on the empty network and satisfies the query is best altogether, so that is tried first.
        """
        first = self._best_when_empty(query, protection)
        if first is None:
            return None
        if protection is Protection.NONE:
            path = first[0]
            taken = charges(self.mesh, query.rate_bps, query.burst_bits, path, ())
            if fits(room, query.rate_bps, taken) and allowed(self.mesh, query, path):
                return first
            other = least_path(self.mesh, query, room)
            return None if other is None else (other, ())
        if holds(self.mesh, query, room, protection, *first):
            return first
        return least_pair(self.mesh, query, room, protection)

    def _best_when_empty(self, query: Query, protection: Protection) -> Found | None:
        key = (query.source, query.destination, protection)
        if key not in self._first:
            bare = Query(query.source, query.destination)
            found: Pair | None
            if protection is Protection.NONE:
                path = least_path(self.mesh, bare, self._whole)
                found = None if path is None else (path, ())
            else:
                found = least_pair(self.mesh, bare, self._whole, protection)
            self._first[key] = found
        return self._first[key]


def without_room(query: Query) -> Query:
    """The same question where nothing is reserved and every link is wide enough."""
    return replace(query, rate_bps=0, burst_bits=0)
