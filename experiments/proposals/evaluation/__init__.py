"""What a portfolio does: delays, targets, traffic, cuts and money, against the base network."""

from experiments.proposals.evaluation.evaluate import evaluate
from experiments.proposals.evaluation.ranking import alone, alone_portfolio, ranked
from experiments.proposals.evaluation.value import cost_per_ms_cny_million
from experiments.proposals.flow import delay_saved

__all__ = ["alone", "alone_portfolio", "cost_per_ms_cny_million", "delay_saved", "evaluate", "ranked"]
