"""All least delays with one link cut, from those with none: for networks of thousands of sites. Exact.

Let ``e`` join ``u`` and ``v`` with weight ``w > 0``, ``d`` be all least distances, and

    A = the sites whose least way to v may come through u and e:  d(s,u) + w = d(s,v)
    B = the sites whose least way to u may come through v and e:  d(t,v) + w = d(t,u)

Only pairs of one site of A and one of B can be touched by the cut. Two sites of A are not (a least way
between them over ``e`` would make one of the equations above false), nor is a site outside A touched on its
way to one of B. So a new way from ``s`` in A to ``t`` in B stays in A as before, leaves it by some other link
``(x, y)``, and goes on as before:

    d'(s,t) = min over links (x,y) != e, x in A, y not in A:  d(s,x) + w(x,y) + d(y,t)

No search is needed, only sums and minima of rows of a table, over the few links that leave A (or B, if that
has fewer). Ways across sites that carry no transit are left out by reading such a site's column only at the
site itself; the argument is the same.

``backbone/world`` has 3,815 sites and 5,189 links. A cut touches 65,000 pairs on average, which are looked
for among 850,000; 26 links leave the smaller side. One cut takes 6 ms of a core; all distances anew, by
elimination, would take 400 ms, and Dijkstra from the 413 sites of the smaller side 270 ms with SciPy.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from experiments.proposals.resilience.elimination import Elimination
from experiments.proposals.resilience.wiring import UNREACHABLE, Integers

ROWS = 32  # looked at together; only columns in which one of them is touched are computed
SMALL = 1 << 28  # sums of three weights below this, and of two of NONE, fit 32 bits

Distances = NDArray[np.integer[Any]]


class BeyondDeletionError(Exception):
    """``elimination`` has to answer."""


@dataclass(frozen=True)
class Change:
    """Pairs of places ``rows x columns``: distances before and after, ``none`` where no way is left."""

    rows: Integers
    columns: Integers
    before: Distances
    after: Distances


class LinkCuts:
    """A network from which links are taken.

    Args:
        table: all distances between places with nothing cut.

    Attributes:
        none: stands for "no way", in ``Change``.
    """

    def __init__(self, plan: Elimination, table: Integers) -> None:
        wires = plan.wires
        self._a, self._b, self._weight = plan.place[wires.a], plan.place[wires.b], wires.weight
        self._closed = ~wires.carries_transit[np.argsort(plan.place)]
        reachable = table[table < UNREACHABLE]
        fits = max(int(reachable.max(initial=0)), int(wires.weight.max(initial=0))) < SMALL
        self.none = (1 << 30) - 1 if fits else UNREACHABLE
        kind = np.int32 if fits else np.int64
        self._gone = np.zeros(len(wires.links), dtype=np.bool_)
        self._table: Distances = np.minimum(table, self.none).astype(kind)
        self._onward = self._table  # the same, but nothing goes on across a site without transit
        if self._closed.any():
            self._onward = self._table.copy()
            self._onward[:, self._closed] = self.none
            np.fill_diagonal(self._onward, 0)

    def taken(self, links: Sequence[int]) -> Iterator[Change]:
        """What the loss of all these links changes, one after the other; the network stays as it is.

        Raises ``BeyondDeletionError`` at a link of weight 0, and where distances outgrow the table.
        """
        if not self._weight[links].all():
            raise BeyondDeletionError
        changes: list[Change] = []
        try:
            for link in links[:-1]:
                for change in list(self.cut(link)):
                    changes.append(change)
                    self._write(change, change.after)
                    yield change
                self._gone[link] = True
            if links:
                yield from self.cut(links[-1])
        finally:
            for change in reversed(changes):
                self._write(change, change.before)
            self._gone[:] = False

    def _write(self, change: Change, values: Distances) -> None:
        if self._table.dtype == np.int32 and np.max(values, where=values < self.none, initial=0) >= SMALL:
            raise BeyondDeletionError
        rows, columns = change.rows[:, None], change.columns
        self._table[rows, columns] = values
        self._table[columns[:, None], change.rows] = values.T
        if self._onward is not self._table:
            self._onward[rows, columns] = np.where(self._closed[columns], self.none, values)
            turned = np.where(self._closed[change.rows], self.none, values.T)
            self._onward[columns[:, None], change.rows] = turned

    def cut(self, link: int) -> Iterator[Change]:
        """What the cut of one link, of a weight above 0, changes.

        No unordered pair comes twice; pairs may come that do not change; pairs that do not come do not
        change. The network stays as it is.
        """
        u, v, weight = int(self._a[link]), int(self._b[link]), self._table.dtype.type(self._weight[link])
        if self._table[u, v] < weight:
            return  # on no least way
        rows, columns = self._side(u, v, weight), self._side(v, u, weight)
        if len(rows) > len(columns):
            u, v, rows, columns = v, u, columns, rows
        to_gate, from_gate = self._gates(rows, columns, link)
        for start in range(0, len(rows), ROWS):
            some = rows[start : start + ROWS]
            before = self._table.take(some, axis=0).take(columns, axis=1)
            through = (self._table[some, u] + weight)[:, None] + self._table[v, columns]
            touched = (before == through).any(axis=0)
            yield Change(
                some,
                columns[touched],
                before[:, touched],
                self._least(to_gate[:, start : start + ROWS], from_gate[:, touched]),
            )

    def _side(self, u: int, v: int, weight: Any) -> Integers:
        """The places whose least way to ``v`` may come through ``u`` and the link, nearest first."""
        if self._closed[u]:
            return np.array([u], dtype=np.int64)
        side = np.flatnonzero(self._table[u] + weight == self._table[v])
        return side[np.argsort(self._table[u, side], kind="stable")]

    def _gates(self, rows: Integers, columns: Integers, link: int) -> tuple[Distances, Distances]:
        """Ways around: from rows to gates and from gates to columns, shapes ``(gates, ...)``.

        The gates are the ends, inner or outer, of the links that leave either side: whichever are fewest.
        """
        options = []
        for inner, outer in ((rows, columns), (columns, rows)):
            is_inside = np.zeros(len(self._table), dtype=np.bool_)
            is_inside[inner] = True
            leaving = is_inside[self._a] != is_inside[self._b]
            leaving[self._gone] = False
            leaving[link] = False
            number = np.flatnonzero(leaving)
            a, b, turned = self._a[number], self._b[number], is_inside[self._b[number]]
            inside, outside = np.where(turned, b, a), np.where(turned, a, b)
            options.append((len(np.unique(inside)), inner, inside, outer, outside, number))
            options.append((len(np.unique(outside)), outer, outside, inner, inside, number))
        _, here, gate, there, beyond, number = min(options, key=lambda option: option[0])
        order = np.argsort(gate, kind="stable")
        gates, first = np.unique(gate[order], return_index=True)
        from_here = self._onward[np.ix_(here, gates)].T
        weights = self._weight[number[order]].astype(self._table.dtype)
        ways = self._onward[np.ix_(there, beyond[order])].T + weights[:, None]
        from_there = np.minimum.reduceat(ways, first, axis=0) if len(gates) else ways
        np.minimum(from_there, self.none, out=from_there)
        ways = np.ascontiguousarray(from_here), from_there
        return ways if here is rows else ways[::-1]

    def _least(self, to_gate: Distances, from_gate: Distances) -> Distances:
        """The least sum over all gates.

        A gate that even the nearest row could not gain by is passed over: for every column there is one that
        is no farther even for the farthest row. That spares more than half of the work.
        """
        surely = (to_gate.max(axis=1, initial=0)[:, None] + from_gate).min(axis=0, initial=self.none)
        useful = (to_gate.min(axis=1, initial=self.none)[:, None] + from_gate <= surely).any(axis=1)
        least = np.full((to_gate.shape[1], from_gate.shape[1]), self.none, dtype=self._table.dtype)
        way = np.empty_like(least)
        for there, onward in zip(to_gate[useful], from_gate[useful], strict=True):
            np.add(there[:, None], onward, out=way)
            np.minimum(least, way, out=least)
        return least
