"""What is to be built and measured for a list of portfolios. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from experiments.proposals.building import with_portfolio
from experiments.proposals.evidence.choice import Change, changes, chosen
from experiments.proposals.findings import Portfolio
from experiments.proposals.model import Study
from experiments.proposals.pairs import Pair
from experiments.results import Variant
from topology.network import Network


@dataclass(frozen=True, slots=True)
class Proposed:
    """A portfolio with all its links built, whatever their year.

    Attributes:
        name: of its part of the folder: ``portfolio-1`` is the first.
        changed_pairs: how many pairs of targets and demands take another path.
        measured: those of them that are measured.
    """

    name: str
    portfolio: Portfolio
    network: Network
    changed_pairs: int
    measured: tuple[Change, ...]

    def told(self) -> str:
        """What of it will be measured, as a sentence."""
        if not self.changed_pairs:
            return f"{self.name} changes no path of a target or demand: there is nothing to measure"
        links = ", ".join(choice.candidate for choice in self.portfolio)
        return (
            f"{self.name} ({links}): {len(self.measured)} of {self.changed_pairs} changed pairs are measured"
        )


@dataclass(frozen=True, slots=True)
class Job:
    """A network to be built and the pairs to be measured on it."""

    name: str
    variant: Variant
    network: Network
    pairs: tuple[Pair, ...]


def proposed(study: Study, portfolios: Sequence[Portfolio], most_pairs: int) -> tuple[Proposed, ...]:
    """Each portfolio built, with at most ``most_pairs`` pairs to measure."""
    found = []
    for number, portfolio in enumerate(portfolios, start=1):
        network = with_portfolio(study, portfolio)
        changed = changes(study, portfolio, network)
        measured = chosen(changed, most_pairs)
        found.append(Proposed(f"portfolio-{number}", tuple(portfolio), network, len(changed), measured))
    return tuple(found)


def jobs_of(study: Study, every: Sequence[Proposed]) -> tuple[Job, ...]:
    """The base with the pairs of all portfolios, then each portfolio with its own; none if there are none."""
    built = [
        Job(one.name, "proposal", one.network, tuple(change.pair for change in one.measured))
        for one in every
        if one.measured
    ]
    pairs = tuple(dict.fromkeys(pair for job in built for pair in job.pairs))
    return (Job("base", "base", study.base, pairs), *built) if built else ()
