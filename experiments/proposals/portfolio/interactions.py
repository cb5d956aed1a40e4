"""Two candidates together against apart: what one is worth may hang on the other."""

from __future__ import annotations

from itertools import combinations

from experiments.proposals.findings import Best, Choice, Interaction
from experiments.proposals.flow import delay_saved
from experiments.proposals.model import Study


def interactions(study: Study, best: Best) -> tuple[Interaction, ...]:
    """All pairs of candidates, in the order of the study.

    Each as it is in ``best``; others at their first capacity, as early as their lead time allows.
    """
    chosen = {choice.candidate: choice for choice in best.portfolio}
    choices = [chosen.get(candidate) or _first(study, candidate) for candidate in study.candidates]
    alone = {choice: delay_saved(study, (choice,)) for choice in choices}
    return tuple(
        Interaction(a.candidate, b.candidate, alone[a], alone[b], delay_saved(study, (a, b)))
        for a, b in combinations(choices, 2)
    )


def _first(study: Study, candidate: str) -> Choice:
    one = study.candidates[candidate]
    return Choice(candidate, one.capacity_steps_gbps[0], study.first_year + one.lead_time_years)
