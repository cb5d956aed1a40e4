"""The resilience of one network: all single and double cuts, expected loss, availability."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from experiments.proposals.findings import Resilience
from experiments.proposals.resilience.cuts import worst
from experiments.proposals.resilience.effects import Question
from experiments.proposals.resilience.failures import doubles, elements, singles
from experiments.proposals.resilience.rates import FailureRates, unavailability
from experiments.proposals.resilience.states import availability, expected_lost_gbps_hours, weights
from topology.errors import InputError
from topology.network import Demand, Network

MOST_DOUBLES = 2_000_000  # beyond, all of them are hours of work


def resilience(
    network: Network,
    demands: Sequence[Demand] | None,
    rates: FailureRates,
    watched: Iterable[tuple[str, str]] = (),
) -> Resilience:
    """All single and double failures of links, sites and shared-risk groups of ``network``.

    Args:
        demands: ``None``: 1 Gbit/s between every two sites.
        watched: pairs of sites besides those of demands whose availability is asked for.

    Raises:
        InputError: there are more double failures than ``MOST_DOUBLES``.
    """
    pairs = tuple(
        dict.fromkeys([*((d.source, d.destination) for d in demands or ()), *watched]),
    )
    question = Question(network, demands, pairs)
    chosen = elements(network, question.wires)
    count = len(chosen.names)
    if count * (count - 1) // 2 > MOST_DOUBLES:
        raise InputError(
            f"{count} links, sites and groups have {count * (count - 1) // 2} double failures; "
            f"expected at most {MOST_DOUBLES}",
            where=network.id,
            hint="ask for single failures",
        )
    one, two = list(singles(chosen)), list(doubles(chosen))
    of_one, of_two = question.effects(chosen, one), question.effects(chosen, two)
    down = unavailability(network, chosen, rates)
    weight = weights(down)
    return Resilience(
        singles=len(one),
        doubles=len(two),
        worst_singles=worst(chosen, one, of_one),
        worst_doubles=worst(chosen, two, of_two),
        expected_lost_gbps_hours_per_year=expected_lost_gbps_hours(weight, of_one, of_two),
        availability={
            f"{a} > {b}": float(share)
            for (a, b), share in zip(pairs, availability(down, of_one, of_two), strict=True)
        },
    )
