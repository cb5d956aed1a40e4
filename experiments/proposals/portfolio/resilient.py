"""Cost against resilience: every set of candidates that no other beats, by branch and bound.

Demand is lost where no path is left, whatever the capacity and whenever it was built, so a set of candidates
says all: each at its cheapest. More links never lose more. So of all sets that contain some candidates and
leave out others, none loses less than with all undecided ones built, and none costs less than with none of
them: where a known set costs no more than the one and loses no more than the other, the whole branch is
left out (Land and Doig, Econometrica 28, 1960).

Differences below a share (``RESOLUTION``) of what all candidates together would take away count as none:
exact fronts have dozens of points that nobody could tell apart.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass

from experiments.proposals.findings import ParetoPoint
from experiments.proposals.model import Study
from experiments.proposals.portfolio.options import (
    YUAN_PER_MILLION,
    Option,
    ceilings_yuan,
    options_of,
    portfolio_of,
)
from experiments.proposals.resilience import Losses
from experiments.proposals.sweep import Say, quiet

MOST_POINTS = 20
RESOLUTION = 5e-3


def resilience_front(
    study: Study, *, points: int = MOST_POINTS, resolution: float = RESOLUTION, say: Say = quiet
) -> tuple[ParetoPoint, ...]:
    """Cost against expected demand lost, Gbit/s x hours a year, cheapest first; the first builds nothing.

    If there are more than ``points``, the largest steps are kept. Only sets that the yearly budgets allow.
    ``resolution`` 0: every point there is.
    """
    say("Pareto front of resilience")
    found = _Search(study, resolution).run()
    steps = sorted(range(1, len(found)), key=lambda n: (found[n].lost - found[n - 1].lost, n))
    kept = sorted([0, *steps[: points - 1]])
    return tuple(
        ParetoPoint("resilience", one.yuan / YUAN_PER_MILLION, one.lost, portfolio_of(study, one.options))
        for one in (found[number] for number in kept)
    )


@dataclass(frozen=True, slots=True)
class _Set:
    """A set of candidates that can be paid."""

    yuan: int
    lost: float
    options: tuple[Option, ...]


class _Search:
    """One search; ``known`` is the front so far."""

    def __init__(self, study: Study, resolution: float) -> None:
        self._study = study
        self._ways: dict[str, list[Option]] = {}
        for option in options_of(study):
            self._ways.setdefault(option.candidate, []).append(option)
        least = {one: min(option.yuan for option in ways) for one, ways in self._ways.items()}
        for one, ways in self._ways.items():  # of the cheapest, the smallest
            cheapest = next(option for option in ways if option.yuan == least[one])
            self._ways[one] = [option for option in ways if option.capacity_gbps == cheapest.capacity_gbps]
        self._yuan = least
        self._losses = Losses(study)
        self._lost: dict[frozenset[str], float] = {}
        nothing, everything = self._losing(frozenset()), self._losing(frozenset(self._ways))
        self._same = resolution * (nothing - everything)
        self.known = [_Set(0, nothing, ())]

    def run(self) -> list[_Set]:
        """The front, cheapest first."""
        nothing = self.known[0].lost
        for measure in (self._gain_per_yuan, self._gain):
            self._grow(measure)
        gains = {one: nothing - self._losing(frozenset((one,))) for one in self._ways}
        order = sorted(self._ways, key=lambda one: -gains[one] / max(1, self._yuan[one]))
        self._branch(order, frozenset())
        front: list[_Set] = []
        for one in sorted(self.known, key=lambda one: (one.yuan, one.lost)):
            if not front or one.lost < front[-1].lost - self._same:
                front.append(one)
        return front

    def _grow(self, measure: Callable[[frozenset[str], str], float]) -> None:
        """Good sets to begin with: the best candidate, the best after it, and so on."""
        chosen: frozenset[str] = frozenset()
        while left := [one for one in self._ways if one not in chosen]:
            chosen |= {max(left, key=lambda one: measure(chosen, one))}
            self._meet(chosen)

    def _gain(self, chosen: frozenset[str], one: str) -> float:
        return self._losing(chosen) - self._losing(chosen | {one})

    def _gain_per_yuan(self, chosen: frozenset[str], one: str) -> float:
        return self._gain(chosen, one) / max(1, self._yuan[one])

    def _branch(self, undecided: Sequence[str], chosen: frozenset[str]) -> None:
        if self._beaten(self._cost(chosen), self._losing(chosen.union(undecided))):
            return
        if undecided:
            first, *rest = undecided
            self._meet(chosen | {first})
            self._branch(rest, chosen | {first})
            self._branch(rest, chosen)

    def _meet(self, chosen: frozenset[str]) -> None:
        """Take a set into the front if it belongs there, and drop what it beats."""
        yuan, lost = self._cost(chosen), self._losing(chosen)
        if self._beaten(yuan, lost):
            return
        options = _scheduled(self._study, [self._ways[one] for one in self._ways if one in chosen])
        if options is not None:
            kept = [one for one in self.known if one.yuan < yuan or one.lost < lost]
            self.known = [*kept, _Set(yuan, lost, options)]

    def _beaten(self, yuan: int, lost: float) -> bool:
        return any(one.yuan <= yuan and one.lost <= lost + self._same for one in self.known)

    def _cost(self, chosen: Collection[str]) -> int:
        return sum(self._yuan[one] for one in chosen)

    def _losing(self, chosen: frozenset[str]) -> float:
        if chosen not in self._lost:
            self._lost[chosen] = self._losses.expected_lost(chosen)
        return self._lost[chosen]


def _scheduled(study: Study, ways: Sequence[Sequence[Option]]) -> tuple[Option, ...] | None:
    """One option of each, as early as the yearly budgets allow, the dearest first; ``None`` if impossible."""
    order = sorted(ways, key=lambda options: -options[0].yuan)
    taken: list[Option] = []

    def place(number: int, left: dict[int, int]) -> bool:
        if number == len(order):
            return True
        for option in order[number]:
            room = left.get(option.decided, option.yuan) - option.yuan
            if room >= 0:
                taken.append(option)
                if place(number + 1, {**left, option.decided: room} if left else left):
                    return True
                taken.pop()
        return False

    return tuple(taken) if place(0, ceilings_yuan(study)) else None
