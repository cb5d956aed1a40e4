"""What failures do to a network, and how often: ``resilience`` and its parts."""

from experiments.proposals.resilience.assessment import expected_lost, resilience
from experiments.proposals.resilience.cuts import given_cuts, lost_to_single_cut, single_cuts
from experiments.proposals.resilience.portfolios import Losses, last_demands
from experiments.proposals.resilience.rates import FailureRates

__all__ = [
    "FailureRates",
    "Losses",
    "expected_lost",
    "given_cuts",
    "last_demands",
    "lost_to_single_cut",
    "resilience",
    "single_cuts",
]
