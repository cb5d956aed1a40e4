"""What ``onehop admit --optimise`` adds to the answers: how good they are, and how far one by one was."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rich.table import Table

from controller.placement import Objective, Placement, Proof, Score, optimise
from experiments.cli.console import err, out, steps
from experiments.cli.figures import percent, rate
from topology.network import Demand, Network

TIME_LIMIT_S = 60.0
_LISTED = 12  # names in a line
_PROOFS = {
    Proof.DUALITY: "proven by duality, in whole numbers",
    Proof.SEARCH: "proven by branch and bound",
}


def placed(
    network: Network,
    demands: Sequence[Demand],
    objective: str | None,
    rate_scale: float,
    time_limit_s: float | None,
) -> Placement:
    """``demands`` placed together, with progress on stderr."""
    with steps() as progress:
        return optimise(
            network,
            demands,
            objective=Objective(objective or Objective.RATE),
            rate_scale=rate_scale,
            seconds=TIME_LIMIT_S if time_limit_s is None else time_limit_s,
            say=progress.say,
        )


def comparison(placement: Placement) -> dict[str, Any]:
    """Plain data: everything but the answers."""
    return {
        key: value for key, value in placement.to_dict().items() if key not in ("reservations", "refusals")
    }


def print_comparison(placement: Placement) -> None:
    """The two ways side by side, what is proven, and which demands it makes a difference to."""
    out.print("\n[bold]Placed together, and one by one[/]")
    table = Table("", box=None, header_style="bold", pad_edge=False)
    for heading in ("together", "one by one", "at most"):
        table.add_column(heading, justify="right")
    new, old = placement.score, placement.sequential
    most = str(placement.worth_bound) if placement.objective is Objective.COUNT else ""
    table.add_row("demands admitted", str(new.admitted), str(old.admitted), most)
    by_rate = placement.objective is Objective.RATE
    most = rate(placement.worth_bound) if by_rate else ""
    table.add_row("rate", rate(new.rate_bps), rate(old.rate_bps), most)
    table.add_row("bound, backup included, mean by rate, ms", _mean_ms(new), _mean_ms(old), "")
    out.print(table)
    for sentence in sentences(placement):
        out.print(sentence, markup=False, soft_wrap=True)
    if not placement.proven:
        err.print("not everything is proven in the time; more of it: --time-limit SECONDS", style="dim")


def sentences(placement: Placement) -> list[str]:
    """What the figures mean."""
    what = "rate" if placement.objective is Objective.RATE else "number of demands"
    told = []
    if placement.worth_proof is Proof.NONE:
        told.append(
            f"Not proven that this is the best: the {what} could be up to "
            f"{percent(placement.worth_gap)} of that bound higher."
        )
    else:
        told.append(f"No placement has a larger {what} ({_PROOFS[placement.worth_proof]}).")
    exact = "" if placement.worth_proof is not Proof.NONE else "at most "
    if placement.distance > 0:
        told.append(f"One by one falls {exact}{percent(placement.distance)} short of the most possible.")
    else:
        told.append("One by one reaches it too.")
    if placement.rate_delay_proof is Proof.NONE:
        told.append(
            "Not proven that its delay, weighted by rate, is the least: it could be up to "
            f"{percent(placement.rate_delay_gap)} lower."
        )
    else:
        told.append(
            f"None of these has less delay, weighted by rate ({_PROOFS[placement.rate_delay_proof]})."
        )
    if placement.gained:
        told.append(f"Refused one by one, but fits: {_names(placement.gained)}")
    if placement.given_up:
        told.append(f"Admitted one by one, but in the way of more: {_names(placement.given_up)}")
    return told


def _mean_ms(score: Score) -> str:
    return f"{score.rate_delay / score.rate_bps / 1e6:.3f}" if score.rate_bps else "-"


def _names(ids: Sequence[str]) -> str:
    more = f" and {len(ids) - _LISTED} more" if len(ids) > _LISTED else ""
    return ", ".join(ids[:_LISTED]) + more
