"""What is answered: frozen values that tables, files and the report are made from, units in their names.

Costs are millions of yuan at the study's prices. A *portfolio* is a set of candidates, each with a capacity
and a year of service. "Delay saved" is what demands save against the base network, weighted by their rates:
Gbit/s x ms x year, summed over the years of the study; demand without a place counts as ``unserved_ms`` late.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from topology.network import Text


@dataclass(frozen=True, slots=True, order=True)
class Choice:
    """One candidate built: from ``year`` (calendar) on it carries ``capacity_gbps`` in each direction."""

    candidate: str
    capacity_gbps: float
    year: int


Portfolio = tuple[Choice, ...]  # in the order of the study's candidates; empty: nothing is built


@dataclass(frozen=True, slots=True)
class Cost:
    """What a portfolio costs: building, each year of operation, and the present value of both."""

    build_cny_million: float
    yearly_cny_million: float
    present_value_cny_million: float


@dataclass(frozen=True, slots=True)
class PairEffect:
    """One pair of sites before and after, on least-delay paths with empty queues, as the lab measures."""

    source: str
    destination: str
    path_before: tuple[str, ...]
    path_after: tuple[str, ...]
    one_way_before_ms: float
    one_way_after_ms: float
    floor_one_way_ms: float

    @property
    def saved_ms(self) -> float:
        """One way; negative if it became slower."""
        return self.one_way_before_ms - self.one_way_after_ms

    @property
    def hops_before(self) -> int:
        return len(self.path_before) - 1

    @property
    def hops_after(self) -> int:
        return len(self.path_after) - 1


@dataclass(frozen=True, slots=True)
class Load:
    """The most loaded direction of a link; ``utilisation`` never exceeds 1, the rest is ``unserved_gbps``."""

    link: str
    utilisation: float
    unserved_gbps: float


@dataclass(frozen=True, slots=True)
class TargetState:
    """A target before and after: the slowest of its pairs, one way, and with the worst single cut."""

    target: str
    max_one_way_ms: float
    before_ms: float
    after_ms: float
    worst_cut_after_ms: float | None  # None: a cut separates a pair
    met_before: bool
    met_after: bool


@dataclass(frozen=True, slots=True)
class Evaluation:
    """A portfolio on the base network, in the last year of the study unless a name says otherwise.

    Attributes:
        delay_saved: over all years, Gbit/s x ms x year. The objective of ``portfolio``.
        pairs: every pair of a target or demand whose path changes, in a fixed order.
        moved_demands: demands that use a new link, with the Gbit/s that moved.
        transit_saved_cny_million, settlement_saved_cny_million: over all years, not discounted.
        lost_to_single_cut_gbps_before, ..._after: demand cut off by the worst single cut of a link.
        cost_per_ms_cny_million: present value over ``mean_delay_saved_ms``; ``None`` if none is saved.
        cost_per_gbps_cny_million: present value over the rate moved; ``None`` if none is.
        payback_years: until savings have paid the building cost, or ``None``: not within 30 years.
    """

    portfolio: Portfolio
    cost: Cost
    delay_saved: float
    mean_delay_saved_ms: float
    pairs: tuple[PairEffect, ...]
    moved_demands: Mapping[str, float]
    load_before: Load
    load_after: Load
    targets: tuple[TargetState, ...]
    transit_saved_cny_million: float
    settlement_saved_cny_million: float
    lost_to_single_cut_gbps_before: float
    lost_to_single_cut_gbps_after: float
    cost_per_ms_cny_million: float | None
    cost_per_gbps_cny_million: float | None
    payback_years: float | None


class Proof(StrEnum):
    """How sure it is that a portfolio is the best."""

    OPTIMAL = "optimal"
    GAP = "gap"  # no better than ``bound``
    NONE = "none"


@dataclass(frozen=True, slots=True)
class Best:
    """The best portfolio within a budget. ``bound``: no portfolio saves more delay than this."""

    budget_cny_million: float
    portfolio: Portfolio
    delay_saved: float
    bound: float
    proof: Proof


@dataclass(frozen=True, slots=True)
class ParetoPoint:
    """No portfolio is both cheaper and better than this one, by delay saved or by resilience (``axis``).

    ``value``: delay saved; or, for ``resilience``, expected demand lost, Gbit/s x hours a year.
    """

    axis: str  # "delay" or "resilience"
    build_cny_million: float
    value: float
    portfolio: Portfolio


@dataclass(frozen=True, slots=True)
class NextYuan:
    """What more money would buy: the next dearer step of the front, and what binds now.

    Attributes:
        binding: of ``budget``, ``yearly budget 2026``, ``capacity of LINK``, ``lead time of CANDIDATE``;
            empty if more of nothing would help.
        step_cny_million: least increase of the budget that saves more delay, or ``None``.
        gain: delay saved by that step.
        slope: gain per CNY million of the relaxed (fractional) problem: its shadow price of the budget.
    """

    binding: tuple[str, ...]
    step_cny_million: float | None
    gain: float
    slope: float


@dataclass(frozen=True, slots=True)
class Interaction:
    """Two candidates together against apart, at their chosen (else first) capacities; delay saved of each."""

    first: str
    second: str
    first_alone: float
    second_alone: float
    together: float

    @property
    def surplus(self) -> float:
        """Above 0: worth more together; below: they serve the same traffic."""
        return self.together - self.first_alone - self.second_alone


@dataclass(frozen=True, slots=True)
class Cut:
    """One failure: what fails, what is lost and how much later the rest is (rate-weighted mean, one way)."""

    failed: tuple[str, ...]  # names: link ids, ``site:ID``, ``group:NAME``
    lost_gbps: float
    delay_added_ms: float
    pairs_cut_off: int


@dataclass(frozen=True, slots=True)
class Resilience:
    """All single and double cuts of one network.

    Attributes:
        singles, doubles: how many there were; ``worst_singles`` and ``worst_doubles`` the worst ten of each.
        expected_lost_gbps_hours_per_year: over single and double cuts, from failure rates and repair times.
        availability: of each pair of a demand or target, ``"a > b"``, from the same.
        beyond_doubles: probability that three or more fail at once, which is left out: availability is too
            good by no more than this.
    """

    singles: int
    doubles: int
    worst_singles: tuple[Cut, ...]
    worst_doubles: tuple[Cut, ...]
    expected_lost_gbps_hours_per_year: float
    availability: Mapping[str, float]
    beyond_doubles: float = 0.0


@dataclass(frozen=True, slots=True)
class Optics:
    """Whether light gets through, with generic equipment; ``None`` fields where it was not computed."""

    candidate: str
    route_km: float
    spans: int
    amplifiers: int
    gsnr_db: float  # in 0.1 nm, worst channel
    highest_rate_gbps: float | None  # without regeneration; None: none closes
    margin_db: float | None  # at that rate
    regenerators: Mapping[float, int]  # rate in Gbit/s -> how many; absent: never closes
    fibre_delay_ms: float


@dataclass(frozen=True, slots=True)
class Interval:
    """Of one headline figure over all samples."""

    name: str
    best_estimate: float
    p5: float
    p50: float
    p95: float


@dataclass(frozen=True, slots=True)
class Swing:
    """What one assumption alone does to a headline figure, from the low end of its range to the high end.

    ``first_at_low``/``first_at_high``: the candidate ranked first there.
    """

    assumption: str
    low: float
    high: float
    outcome_at_low: float
    outcome_at_high: float
    first_at_low: str
    first_at_high: str


@dataclass(frozen=True, slots=True)
class Sureness:
    """How sure the answer is.

    Attributes:
        samples, seed: of the Monte Carlo.
        intervals: of every headline figure; names in ``uncertainty.headlines``.
        chosen_share: of each candidate, how often the best portfolio of a sample has it, over ``optimised``
            samples in which it was looked for anew.
        first_share: of each candidate, how often it ranks first alone.
        swings: largest first; ``outcome`` names the figure they are about.
    """

    samples: int
    seed: int
    outcome: str
    intervals: tuple[Interval, ...]
    chosen_share: Mapping[str, float]
    first_share: Mapping[str, float]
    swings: tuple[Swing, ...]
    optimised: int = 0


@dataclass(frozen=True, slots=True)
class Evidence:
    """One portfolio measured in the emulated network beside what was predicted, for one pair of sites.

    ``measured_...``: median of the repetitions' medians, and the limits of its 95 % confidence interval.
    ``within_tolerance``: both medians are within 3 % or 0.5 ms of what was predicted, and there is a verdict.
    ``reasons``: why there is none (a busy machine, another path, a link that fails its check); empty if there
    is one.
    """

    portfolio: Portfolio
    source: str
    destination: str
    predicted_base_rtt_ms: float
    measured_base_rtt_ms: tuple[float, float, float]  # median of the repetitions, and its confidence interval
    predicted_rtt_ms: float
    measured_rtt_ms: tuple[float, float, float]
    repetitions: int
    within_tolerance: bool
    reasons: tuple[Text, ...] = ()


@dataclass(frozen=True)
class Answer:
    """Everything ``onehop propose`` found. Parts that were not asked for are empty or ``None``.

    Attributes:
        alone: each candidate alone at its first capacity as early as possible, in the order of the ranking.
        best: the recommended portfolio; ``evaluation`` is its evaluation.
        resilience: of ``base`` and ``best``.
        host: what it ran on and with which versions, and how long each part took; not part of the digest.
    """

    study: str
    digest: str
    alone: tuple[Evaluation, ...]
    best: Best
    evaluation: Evaluation
    pareto: tuple[ParetoPoint, ...]
    next_yuan: NextYuan
    interactions: tuple[Interaction, ...]
    resilience: Mapping[str, Resilience]
    optics: tuple[Optics, ...] = ()
    optics_note: str = ""  # why there are none, and how to get them
    sureness: Sureness | None = None
    evidence: tuple[Evidence, ...] = ()
    host: Mapping[str, Any] = field(default_factory=dict)
