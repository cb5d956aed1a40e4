"""Rows and columns of the linear programme of minimum-cost multicommodity flow.

Traffic is gathered by roots (``roots``): ``x[r, a]`` is what arc ``a`` carries of all traffic from, or
towards, root ``r``, and ``u[p]`` the part of pair ``p`` that finds no place.

    minimise   Σ latency(a) · x[r, a]  +  unserved_ms · Σ u[p]
    such that  what enters v of r's traffic − what leaves v  +  Σ u[p]  =  Σ rate[p]   for every site v ≠ r,
                                                                            over the pairs p of r and v
               Σ_r x[r, a]  ≤  capacity(a)                                  for every arc a
               0 ≤ x,    0 ≤ u[p] ≤ rate[p]

Towards a root everything is seen backwards: what leaves ``v`` less what enters it. A site without transit has
no column for traffic of others. Arcs that all demands together cannot fill have no capacity row.

Ahuja, Magnanti and Orlin, "Network Flows", 1993, chapter 17.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from experiments.proposals.flow.arcs import Arcs, Floats, Indices, Rates
from experiments.proposals.flow.roots import Root, roots_of


@dataclass(frozen=True)
class Layout:
    """Columns: ``x`` root by root, then ``u``. Rows: conservation root by root, then capacities.

    Attributes:
        root_of_column, arc_of_column: of each ``x``; roots by their number.
        row_of_pair: the conservation row in which a pair's rate stands.
        limited_arcs: the arcs with a capacity row, in the order of these rows.
        first_limit: number of the first capacity row.
        start, index, value: the matrix, column by column.
        cost_ms: of each column.
    """

    roots: tuple[Root, ...]
    root_of_column: Indices
    arc_of_column: Indices
    row_of_pair: Indices
    limited_arcs: Indices
    first_limit: int
    start: Indices
    index: Indices
    value: Floats
    cost_ms: Floats

    @classmethod
    def of(cls, arcs: Arcs, rates: Rates, unserved_ms: float) -> Layout:
        """For all candidates and years at once: portfolios and years change only bounds."""
        roots = roots_of(rates.pairs)
        limited = _arcs_that_may_fill(arcs, rates)
        limit_of_arc = np.full(len(arcs.tail), -1, dtype=np.int32)
        limit_of_arc[limited] = np.arange(len(limited), dtype=np.int32)
        row_of_pair = np.zeros(len(rates.pairs), dtype=np.int32)
        entries, of_root, of_arc = [np.empty((0, 3), dtype=np.int32)], [], []
        first = 0
        for number, root in enumerate(roots):
            balanced, used = _part_of(arcs, root)
            row = np.full(len(arcs.sites), -1, dtype=np.int32)
            row[balanced] = first + np.arange(len(balanced), dtype=np.int32)
            first += len(balanced)
            row_of_pair[list(root.pairs)] = row[list(root.leaves)]
            gains, loses = (arcs.tail, arcs.head) if root.towards else (arcs.head, arcs.tail)
            entries.append(np.stack((row[gains[used]], row[loses[used]], limit_of_arc[used]), axis=1))
            of_root += [number] * len(used)
            of_arc += used.tolist()
        rows = np.concatenate(entries)
        present = rows >= 0
        rows[:, 2] += first
        value = np.broadcast_to(np.array([1.0, -1.0, 1.0]), rows.shape)[present]
        count = np.concatenate((present.sum(axis=1), np.ones(len(row_of_pair), dtype=np.int64)))
        return cls(
            roots=roots,
            root_of_column=np.array(of_root, dtype=np.int32),
            arc_of_column=np.array(of_arc, dtype=np.int32),
            row_of_pair=row_of_pair,
            limited_arcs=limited,
            first_limit=first,
            start=np.concatenate(([0], np.cumsum(count))).astype(np.int32),
            index=np.concatenate((rows[present], row_of_pair)).astype(np.int32),
            value=np.concatenate((value, np.ones(len(row_of_pair)))),
            cost_ms=np.concatenate(
                (arcs.latency_ms[np.array(of_arc, dtype=np.int32)], np.full(len(row_of_pair), unserved_ms))
            ),
        )


def _arcs_that_may_fill(arcs: Arcs, rates: Rates) -> Indices:
    """The arcs that all demands of the worst year together could overfill, and those of candidates."""
    most = rates.gbps.sum(axis=1).max(initial=0.0)
    capacity = np.repeat(arcs.capacities_gbps({}), 2)
    return np.flatnonzero(capacity < most).astype(np.int32)


def _part_of(arcs: Arcs, root: Root) -> tuple[Indices, Indices]:
    """The sites whose balance matters to a root's traffic, and the arcs it may use."""
    transit = np.array(arcs.carries_transit)
    leaf = np.zeros(len(transit), dtype=bool)
    leaf[list(root.leaves)] = True
    near, far = (arcs.head, arcs.tail) if root.towards else (arcs.tail, arcs.head)
    usable = (transit[near] | (near == root.site)) & (transit[far] | leaf[far]) & (far != root.site)
    balanced = (transit | leaf) & (np.arange(len(transit)) != root.site)
    return np.flatnonzero(balanced).astype(np.int32), np.flatnonzero(usable).astype(np.int32)
