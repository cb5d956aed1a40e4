"""The resilience of one network: all single and double failures, expected loss, availability."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from experiments.proposals.findings import Resilience
from experiments.proposals.resilience.cuts import worst
from experiments.proposals.resilience.effects import Floats, Question
from experiments.proposals.resilience.engines import effects
from experiments.proposals.resilience.failures import doubles, elements, singles
from experiments.proposals.resilience.rates import HOURS_PER_YEAR, FailureRates, unavailability
from experiments.proposals.resilience.states import Cuts, beyond_doubles
from topology.errors import InputError
from topology.network import Demand, Network

MOST_DOUBLES = 2_000_000  # beyond, all of them are hours of work


def resilience(
    network: Network,
    demands: Iterable[Demand] | None,
    rates: FailureRates,
    watched: Iterable[tuple[str, str]] = (),
) -> Resilience:
    """All single and double failures of links, sites and shared-risk groups of ``network``.

    ``watched`` are pairs whose availability is asked for besides those of demands; ``demands`` ``None``:
    1 Gbit/s between every two sites. Raises ``InputError`` if there are more double failures than
    ``MOST_DOUBLES``.
    """
    question = Question(network, demands)
    chosen = elements(network, question.wires)
    one, count = singles(len(chosen)), len(chosen) * (len(chosen) - 1) // 2
    if count > MOST_DOUBLES:
        raise InputError(
            f"{len(chosen)} links, sites and groups have {count} double failures; "
            f"expected at most {MOST_DOUBLES}",
            where=network.id,
            hint="ask for single failures",
        )
    two = doubles(len(chosen))
    pairs = list(dict.fromkeys([*question.ends, *watched]))  # those of demands come first
    cuts = Cuts.of(question.plan, chosen, question.places(pairs))
    down = unavailability(network, chosen, rates)
    shares = cuts.availability(down)
    return Resilience(
        singles=len(one),
        doubles=len(two),
        worst_singles=worst(chosen, one, effects(question, chosen, one)),
        worst_doubles=worst(chosen, two, effects(question, chosen, two)),
        expected_lost_gbps_hours_per_year=expected_gbps_hours(
            question.rates_gbps, shares[: len(question.rates_gbps)]
        ),
        availability={f"{a} > {b}": share for (a, b), share in zip(pairs, shares.tolist(), strict=True)},
        beyond_doubles=0.0 if cuts.whole is not None else beyond_doubles(down),
    )


def expected_lost(network: Network, demands: Iterable[Demand], rates: FailureRates) -> float:
    """Demand that is not joined, Gbit/s x hours a year on average, for want of no capacity but of a path."""
    question = Question(network, demands)
    chosen = elements(network, question.wires)
    cuts = Cuts.of(question.plan, chosen, question.pairs)
    return expected_gbps_hours(question.rates_gbps, cuts.availability(unavailability(network, chosen, rates)))


def expected_gbps_hours(rates_gbps: Floats, availability: Floats) -> float:
    """What demands of these rates and availabilities lose in a year."""
    return float(np.add.reduce(rates_gbps * (1 - availability))) * HOURS_PER_YEAR
