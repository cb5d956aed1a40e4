"""Placing all demands together (``onehop admit --optimise``)."""

from __future__ import annotations

from controller.placement.placement import canonical, optimise, score
from controller.placement.result import Objective, Placement, Score
from controller.placement.stages import Proof

__all__ = ["Objective", "Placement", "Proof", "Score", "canonical", "optimise", "score"]
