"""The two linear programmes of multicommodity flow, given to HiGHS.

Flow is aggregated by source: ``x[s, a]`` is what arc ``a`` carries of all that comes from ``s``, and what of
it stays at ``t`` is the demand ``d[s, t]``. That says as much as one commodity per pair, with far fewer
columns.

- *Minimum maximum utilisation*: least ``θ`` with ``Σ_s x[s, a] ≤ θ · c[a]`` and all demands met (Fortz and
  Thorup, "Internet traffic engineering by optimizing OSPF weights", INFOCOM 2000: general routing).
- *Maximum concurrent flow*: largest ``λ`` with ``Σ_s x[s, a] ≤ c[a]`` and ``λ · d`` met (Shahrokhi and
  Matula, "The maximum concurrent flow problem", Journal of the ACM 37, 1990).

Traffic that may not cross a node has no column there: what leaves a node without transit comes from it. The
optimal basis of one programme is one of the other (``x`` scaled by ``1/θ``), so the second starts at its end.

The same input gives the same answer (``controller.highs``).
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import numpy as np
from numpy.typing import NDArray

from controller.highs import library
from controller.highs import solver as new_solver
from controller.te.instance import Instance
from topology.errors import OneHopError

_PURPOSE = "optimal routing"
_POLL_S = 0.1

Floats = NDArray[np.float64]
Indices = NDArray[np.int32]


class Objective(StrEnum):
    """What is optimised."""

    LEAST_UTILISATION = "minimum maximum utilisation"
    CONCURRENT_FLOW = "maximum concurrent flow"


@dataclass(frozen=True)
class Solution:
    """What HiGHS answers, in floating point; nothing is claimed from it before ``proof`` has checked it.

    Attributes:
        objective_value: ``θ`` or ``λ``.
        flows: for each source, what each arc carries of its traffic when all demands are met once.
        prices: shadow price of each arc's capacity, 0 or more.
        basis: HiGHS's, to start the other programme from.
        iterations: of the simplex method.
    """

    objective_value: float
    flows: Mapping[int, Floats]
    prices: Floats
    basis: Any
    iterations: int


def size(instance: Instance) -> int:
    """Number of columns, roughly what solving costs."""
    return len({source for source, _ in instance.demands}) * len(instance.arcs)


def solve(instance: Instance, objective: Objective, basis: Any = None) -> Solution:
    """Solve one programme; ``basis`` is that of the other one on the same instance.

    Demands must be routable (``instance.checked``). Raises ``MachineError`` if HiGHS is not installed.
    """
    highs = library(_PURPOSE)
    programme = _Programme(instance, objective)
    solver = new_solver(_PURPOSE, solver="simplex")
    solver.passModel(programme.model(highs))
    if basis is not None:
        solver.setBasis(basis)
    _run(solver)
    if solver.getModelStatus() != highs.HighsModelStatus.kOptimal:
        status = solver.modelStatusToString(solver.getModelStatus())
        raise OneHopError(f"HiGHS could not solve the {objective}: {status}", where=instance.name)
    found = solver.getSolution()
    values = np.asarray(found.col_value)
    duals = np.asarray(found.row_dual)
    return Solution(
        objective_value=programme.unscaled(values[-1]),
        flows=programme.flows(values),
        prices=np.maximum(0.0, -duals[programme.first_limit :]) * programme.price_scale,
        basis=solver.getBasis(),
        iterations=int(solver.getInfo().simplex_iteration_count),
    )


class _Programme:
    """Columns: one per source and usable arc, then ``θ`` or ``λ``. Rows: conservation, then capacity.

    Rates are divided by their mean and capacities by the largest: HiGHS's tolerances are absolute.
    """

    def __init__(self, instance: Instance, objective: Objective) -> None:
        self._objective = objective
        self._sources = sorted({source for source, _ in instance.demands})
        self._tail = np.array([arc.tail for arc in instance.arcs], dtype=np.int32)
        self._head = np.array([arc.head for arc in instance.arcs], dtype=np.int32)
        capacity = np.array([float(arc.capacity) for arc in instance.arcs])
        self._rate_unit = float(instance.total_rate / len(instance.demands))
        self._capacity_unit = float(capacity.max())
        self._capacity = capacity / self._capacity_unit
        self.price_scale = 1 / self._capacity_unit
        self._nodes = len(instance.nodes)
        self.first_limit = len(self._sources) * (self._nodes - 1)
        self._rates = np.zeros(self.first_limit)
        place = {source: number for number, source in enumerate(self._sources)}
        for (source, destination), rate in instance.demands.items():
            row = place[source] * (self._nodes - 1) + destination - (destination > source)
            self._rates[row] = float(rate) / self._rate_unit
        transit = np.array(instance.carries_transit)
        self._usable = [
            np.flatnonzero((self._head != source) & (transit[self._tail] | (self._tail == source)))
            for source in self._sources
        ]

    def model(self, highs: Any) -> Any:
        """The programme in HiGHS's form."""
        start, index, value = self._matrix()
        columns, limits = len(start) - 1, len(self._capacity)
        least = self._objective is Objective.LEAST_UTILISATION
        cost = np.zeros(columns)
        cost[-1] = 1.0 if least else -1.0
        met = self._rates if least else np.zeros(self.first_limit)
        model = highs.HighsLp()
        model.num_col_, model.num_row_ = columns, self.first_limit + limits
        model.col_cost_ = cost
        model.col_lower_, model.col_upper_ = np.zeros(columns), np.full(columns, highs.kHighsInf)
        model.row_lower_ = np.concatenate((met, np.full(limits, -highs.kHighsInf)))
        model.row_upper_ = np.concatenate((met, np.zeros(limits) if least else self._capacity))
        model.a_matrix_.format_ = highs.MatrixFormat.kColwise
        model.a_matrix_.start_, model.a_matrix_.index_, model.a_matrix_.value_ = start, index, value
        return model

    def _matrix(self) -> tuple[Indices, Indices, Floats]:
        """Column by column: where each begins, the rows of its entries, the entries."""
        counts: list[Indices] = []
        rows: list[Indices] = []
        values: list[Floats] = []
        for number, (source, usable) in enumerate(zip(self._sources, self._usable, strict=True)):
            first = number * (self._nodes - 1)
            tail, head = self._tail[usable], self._head[usable]
            inward = first + head - (head > source)
            outward = first + tail - (tail > source)
            triples = np.stack((inward, outward, self.first_limit + usable), axis=1)
            present = np.ones_like(triples, dtype=bool)
            present[:, 1] = tail != source  # what leaves the source is bounded by what arrives
            rows.append(triples[present].astype(np.int32))
            values.append(np.broadcast_to([1.0, -1.0, 1.0], triples.shape)[present])
            counts.append(present.sum(axis=1).astype(np.int32))
        if self._objective is Objective.LEAST_UTILISATION:
            last = np.arange(len(self._capacity), dtype=np.int32) + self.first_limit
            entries = -self._capacity
        else:
            last = np.flatnonzero(self._rates).astype(np.int32)
            entries = -self._rates[last]
        counts.append(np.array([len(last)], dtype=np.int32))
        start = np.concatenate(([0], np.cumsum(np.concatenate(counts)))).astype(np.int32)
        return start, np.concatenate((*rows, last)), np.concatenate((*values, entries))

    def unscaled(self, value: float) -> float:
        """``θ`` or ``λ`` in the units of the instance."""
        unit = self._rate_unit / self._capacity_unit
        return float(value * unit if self._objective is Objective.LEAST_UTILISATION else value / unit)

    def flows(self, values: Floats) -> dict[int, Floats]:
        """What each arc carries of each source's traffic, in the unit of the instance, demands met once."""
        scale = self._rate_unit
        if self._objective is Objective.CONCURRENT_FLOW:
            scale /= values[-1]
        flows, begin = {}, 0
        for source, usable in zip(self._sources, self._usable, strict=True):
            carried = np.zeros(len(self._tail))
            carried[usable] = np.maximum(0.0, values[begin : begin + len(usable)]) * scale
            flows[source] = carried
            begin += len(usable)
        return flows


def _run(solver: Any) -> None:
    """Solve in a thread beside, so that Ctrl-C is heard; HiGHS's own way of asking costs half of the time."""
    thread = threading.Thread(target=solver.run, daemon=True)
    thread.start()
    while thread.is_alive():
        thread.join(_POLL_S)
