"""How sure the answer is, all assumptions considered: ``sureness``."""

from experiments.proposals.uncertainty.assumptions import Assumption, assumptions, varied
from experiments.proposals.uncertainty.sureness import OPTIMISED, SAMPLES, sureness

__all__ = ["OPTIMISED", "SAMPLES", "Assumption", "assumptions", "sureness", "varied"]
