"""What came out: the answers, what they are worth, what is proven, and how far one by one was from it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from controller.admission import Admission
from controller.placement.stages import Proof
from controller.reservations import Answer, Refusal, Reservation
from topology.network import Network


class Objective(StrEnum):
    """What admitting a demand is worth."""

    RATE = "rate"  # its rate in bit/s
    COUNT = "count"  # one


@dataclass(frozen=True, slots=True)
class Score:
    """How good a set of answers is.

    Attributes:
        rate_bps: of what is admitted, together.
        worth: of what is admitted, in the objective's unit.
        rate_delay: sum over what is admitted of rate (bit/s) times bounds of its paths (ns).
    """

    admitted: int
    rate_bps: int
    worth: int
    rate_delay: int


@dataclass(frozen=True, slots=True)
class Placement:
    """The answers to all demands together.

    Attributes:
        answers: to each demand, in their order.
        one_by_one: the answers of admission to the same demands in their order.
        worth_bound: no placement is worth more.
        worth_proof: how it is known that ``score.worth`` equals it.
        rate_delay_bound, rate_delay_proof: the same for the delay of placements worth ``score.worth``; no
            such placement has less.
    """

    objective: Objective
    answers: tuple[Answer, ...]
    one_by_one: tuple[Answer, ...]
    score: Score
    sequential: Score
    worth_bound: int
    worth_proof: Proof
    rate_delay_bound: int
    rate_delay_proof: Proof

    def admission(self, network: Network, rate_scale: float = 1.0) -> Admission:
        """Admission with all that was admitted; ``network`` and scale must be those it was computed for."""
        admission = Admission(network, rate_scale=rate_scale)
        for answer in self.answers:
            if isinstance(answer, Reservation):
                admission.restore(answer)
        return admission

    @property
    def proven(self) -> bool:
        """Whether nothing is better, in both respects."""
        return Proof.NONE not in (self.worth_proof, self.rate_delay_proof)

    @property
    def worth_gap(self) -> float:
        """How much more might be possible, as a share of the bound."""
        return _short_of(self.score.worth, self.worth_bound)

    @property
    def rate_delay_gap(self) -> float:
        """How much less delay might be possible, as a share of what was found."""
        return _short_of(self.rate_delay_bound, self.score.rate_delay)

    @property
    def distance(self) -> float:
        """How far the answers one by one are from the bound, as a share of it."""
        return _short_of(self.sequential.worth, self.worth_bound)

    @property
    def gained(self) -> tuple[str, ...]:
        """Demands refused one by one that fit when all are placed together."""
        return tuple(
            new.demand.id
            for new, old in zip(self.answers, self.one_by_one, strict=True)
            if isinstance(new, Reservation) and isinstance(old, Refusal)
        )

    @property
    def given_up(self) -> tuple[str, ...]:
        """Demands admitted one by one that others displace."""
        return tuple(
            new.demand.id
            for new, old in zip(self.answers, self.one_by_one, strict=True)
            if isinstance(new, Refusal) and isinstance(old, Reservation)
        )

    def to_dict(self) -> dict[str, Any]:
        """Plain data, JSON-ready."""
        return {
            "objective": str(self.objective),
            "placed": _score(self.score),
            "one_by_one": _score(self.sequential),
            "worth_bound": self.worth_bound,
            "worth_proof": str(self.worth_proof),
            "worth_gap": self.worth_gap,
            "rate_delay_bound": self.rate_delay_bound,
            "rate_delay_proof": str(self.rate_delay_proof),
            "rate_delay_gap": self.rate_delay_gap,
            "one_by_one_distance": self.distance,
            "gained": list(self.gained),
            "given_up": list(self.given_up),
            "reservations": [a.to_dict() for a in self.answers if isinstance(a, Reservation)],
            "refusals": [a.to_dict() for a in self.answers if isinstance(a, Refusal)],
        }


def _score(score: Score) -> dict[str, int]:
    return {
        "admitted": score.admitted,
        "rate_bps": score.rate_bps,
        "worth": score.worth,
        "rate_delay": score.rate_delay,
    }


def _short_of(less: int, more: int) -> float:
    return 0.0 if more <= 0 else (more - less) / more
