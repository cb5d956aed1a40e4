"""The linear programme of minimum-cost multicommodity flow, prepared once and solved for many portfolios.

Traffic is gathered by source, or by destination where those are fewer: ``x[r, a]`` is what arc ``a`` carries
of all traffic of root ``r``, and ``u[p]`` the part of pair ``p`` that finds no place.

    minimise   Σ latency(a) · x[r, a]  +  unserved_ms · Σ u[p]
    such that  what enters v of r's traffic − what leaves v  +  u[r, v]  =  rate[r, v]   for every site v ≠ r
               Σ_r x[r, a]  ≤  capacity(a)                                               for every arc
               0 ≤ x,    0 ≤ u[p] ≤ rate[p]

A site without transit has no column for traffic of others. Years and portfolios change only the right-hand
sides and whether a candidate's columns may be above 0. So the optimal basis with every candidate in service
stays dual feasible for all of them, and the dual simplex method needs few steps from there. Each solve starts
from that same basis with a solver of its own: an answer does not depend on what was asked before.

Ahuja, Magnanti and Orlin, "Network Flows", 1993, chapter 17.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from controller.highs import library, solver
from experiments.proposals.flow.arcs import Arcs, Floats, Indices, Rates
from topology.errors import OneHopError

_PURPOSE = "routing demands over links that fill up"


@dataclass(frozen=True)
class Solution:
    """An optimal flow, in floating point, with the shadow prices that prove it (tests do).

    Attributes:
        flows_gbps: of each root's traffic on each arc, shape ``(roots, arcs)``.
        unserved_gbps: of each pair.
        prices_ms: of each arc's capacity, 0 or more: what one Gbit/s more of it would save.
    """

    flows_gbps: Floats
    unserved_gbps: Floats
    prices_ms: Floats


class Program:
    """The programme of a study. ``by_destination`` says whether the roots are destinations."""

    def __init__(self, arcs: Arcs, rates: Rates, unserved_ms: float) -> None:
        self._arcs, self._rates, self._unserved_ms = arcs, rates, unserved_ms
        sources = {source for source, _ in rates.pairs}
        destinations = {destination for _, destination in rates.pairs}
        self.by_destination = len(destinations) < len(sources)
        self.roots = tuple(sorted(destinations if self.by_destination else sources))
        # Seen from the roots: towards a destination all arcs are crossed backwards.
        self._tail, self._head = (arcs.head, arcs.tail) if self.by_destination else (arcs.tail, arcs.head)
        self._ends = [(d, s) if self.by_destination else (s, d) for s, d in rates.pairs]
        self._rate_unit = float(rates.gbps.sum()) / max(rates.gbps.size, 1) or 1.0  # HiGHS's are absolute
        self._limited = self._arcs_that_may_fill()
        self._lay_out()

    def _arcs_that_may_fill(self) -> Indices:
        """The arcs that all demands of the worst year together could overfill, and those of candidates."""
        most = self._rates.gbps.sum(axis=1).max(initial=0.0)
        capacity = np.repeat(self._arcs.capacities_gbps({}), 2)
        return np.flatnonzero(capacity < most).astype(np.int32)

    def _lay_out(self) -> None:
        """Columns: ``x`` root by root, then ``u``. Rows: conservation root by root, then capacities."""
        transit = np.array(self._arcs.carries_transit)
        limit_of_arc = np.full(len(self._tail), -1, dtype=np.int32)
        limit_of_arc[self._limited] = np.arange(len(self._limited), dtype=np.int32)
        columns: list[Indices] = []
        triples: list[Indices] = []
        first = 0
        row_of: dict[tuple[int, int], int] = {}
        for root in self.roots:
            leaf = np.zeros(len(transit), dtype=bool)
            leaf[[end for start, end in self._ends if start == root]] = True
            usable = (transit[self._tail] | (self._tail == root)) & (transit[self._head] | leaf[self._head])
            usable &= self._head != root
            balanced = np.flatnonzero((transit | leaf) & (np.arange(len(transit)) != root))
            row = np.full(len(transit), -1, dtype=np.int32)
            row[balanced] = first + np.arange(len(balanced), dtype=np.int32)
            row_of.update({(root, int(site)): int(row[site]) for site in balanced})
            arcs = np.flatnonzero(usable).astype(np.int32)
            columns.append(arcs)
            triples.append(
                np.stack((row[self._head[arcs]], row[self._tail[arcs]], limit_of_arc[arcs]), axis=1)
            )
            first += len(balanced)
        self._arc_of_column = columns
        self._first_limit = first
        self._row_of_pair = np.array([row_of[ends] for ends in self._ends], dtype=np.int32)
        self._index, self._value, self._start = self._matrix(triples)

    def _matrix(self, triples: list[Indices]) -> tuple[Indices, Floats, Indices]:
        """By column: the site entered (+1), the site left (-1, unless the root), the capacity (+1)."""
        rows = np.concatenate((np.empty((0, 3), dtype=np.int32), *triples))
        present = rows >= 0
        rows[:, 2] += self._first_limit
        values = np.broadcast_to(np.array([1.0, -1.0, 1.0]), rows.shape)
        counts = np.concatenate((present.sum(axis=1), np.ones(len(self._ends), dtype=np.int64)))
        start = np.concatenate(([0], np.cumsum(counts))).astype(np.int32)
        index = np.concatenate((rows[present], self._row_of_pair)).astype(np.int32)
        return index, np.concatenate((values[present], np.ones(len(self._ends)))), start

    def solve(self, rates_gbps: Floats, capacity_gbps: Floats) -> Solution:
        """The optimum for the rates of all pairs and the capacities of all links; 0: not in service."""
        solved = self._run(rates_gbps, capacity_gbps, self._basis)
        found = solved.getSolution()
        values = np.maximum(0.0, np.asarray(found.col_value)) * self._rate_unit
        flows = np.zeros((len(self.roots), len(self._tail)))
        begin = 0
        for number, arcs in enumerate(self._arc_of_column):
            flows[number, arcs] = values[begin : begin + len(arcs)]
            begin += len(arcs)
        prices = np.zeros(len(self._tail))
        prices[self._limited] = np.maximum(0.0, -np.asarray(found.row_dual)[self._first_limit :])
        return Solution(flows, values[begin:], prices)

    @cached_property
    def _basis(self) -> Any:
        """The optimal basis of the last year with every candidate in service at its largest capacity."""
        everything = np.array([link.capacity_gbps for link in self._arcs.links])
        return self._run(self._rates.gbps[-1], everything, None).getBasis()

    def _run(self, rates_gbps: Floats, capacity_gbps: Floats, basis: Any) -> Any:
        settings: Mapping[str, str] = {"presolve": "off", "solver": "simplex"}
        made = solver(_PURPOSE, **settings)
        made.passModel(
            self._model(rates_gbps / self._rate_unit, np.repeat(capacity_gbps, 2) / self._rate_unit)
        )
        if basis is not None:
            made.setBasis(basis)
        made.run()
        if made.getModelStatus() != library(_PURPOSE).HighsModelStatus.kOptimal:
            status = made.modelStatusToString(made.getModelStatus())
            raise OneHopError(f"HiGHS could not route the demands: {status}")
        return made

    def _model(self, rates: Floats, capacity: Floats) -> Any:
        highs = library(_PURPOSE)
        latency = self._arcs.latency_ms
        usable = np.concatenate(
            [np.where(capacity[arcs] > 0, highs.kHighsInf, 0.0) for arcs in self._arc_of_column]
        )
        balance = np.zeros(self._first_limit)
        balance[self._row_of_pair] = rates
        limits = capacity[self._limited]
        model = highs.HighsLp()
        model.num_col_, model.num_row_ = len(self._start) - 1, self._first_limit + len(limits)
        model.col_cost_ = np.concatenate(
            (*(latency[arcs] for arcs in self._arc_of_column), np.full(len(rates), self._unserved_ms))
        )
        model.col_lower_ = np.zeros(model.num_col_)
        model.col_upper_ = np.concatenate((usable, rates))
        model.row_lower_ = np.concatenate((balance, np.full(len(limits), -highs.kHighsInf)))
        model.row_upper_ = np.concatenate((balance, limits))
        model.a_matrix_.format_ = highs.MatrixFormat.kColwise
        model.a_matrix_.start_, model.a_matrix_.index_, model.a_matrix_.value_ = (
            self._start,
            self._index,
            self._value,
        )
        return model
