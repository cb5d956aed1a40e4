"""Which pairs of sites are measured: those of targets and demands whose path a portfolio changes. Pure.

All traffic is of the class *compute*, as in the experiment ``one-hop``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from controller.paths import Path
from controller.plan import RoutingPlan
from experiments.proposals.findings import Portfolio
from experiments.proposals.model import Study
from experiments.proposals.pairs import Pair, pairs_of
from topology.network import Network, TrafficClass

CLASS = TrafficClass.COMPUTE


@dataclass(frozen=True, slots=True)
class Change:
    """A pair on the base network and with a portfolio built; round trips of empty paths, by the model.

    ``new_links``: the links of the portfolio that the new path crosses.
    """

    source: str
    destination: str
    path_before: Path
    path_after: Path
    rtt_before_ms: float
    rtt_after_ms: float
    new_links: tuple[str, ...]

    @property
    def pair(self) -> Pair:
        return self.source, self.destination

    @property
    def moved_ms(self) -> float:
        """By how much the round trip changes, up or down."""
        return abs(self.rtt_before_ms - self.rtt_after_ms)


def changes(study: Study, portfolio: Portfolio, built: Network) -> tuple[Change, ...]:
    """The pairs whose path ``portfolio`` changes, in the order of ``pairs_of``.

    ``built`` is the base with the portfolio. A pair that the base does not join at all has no round trip to
    compare with, and is none of them.
    """
    base_plan, built_plan = RoutingPlan.of(study.base), RoutingPlan.of(built)
    new = {choice.candidate for choice in portfolio}
    found = []
    for source, destination in pairs_of(study):
        before = base_plan.paths.get((source, destination, CLASS))
        after = built_plan.paths.get((source, destination, CLASS))
        if before is None or after is None or before.sites == after.sites:
            continue
        crossed = [built.link_between(*ends).id for ends in pairwise(after.sites)]
        found.append(
            Change(
                source,
                destination,
                before.sites,
                after.sites,
                rtt_before_ms=round(2 * before.latency_ms, 6),
                rtt_after_ms=round(2 * after.latency_ms, 6),
                new_links=tuple(link for link in crossed if link in new),
            )
        )
    return tuple(found)


def chosen(found: Sequence[Change], most: int) -> tuple[Change, ...]:
    """At most ``most`` of the changes, in their order.

    Every new link is proven before any is proven twice: first, link by link, the pair that it moves most;
    then whatever moves most. Among equals the first named comes first.
    """
    ranked = sorted(found, key=lambda change: -change.moved_ms)  # stable: the order breaks ties
    links = dict.fromkeys(link for change in ranked for link in change.new_links)
    first = [next(change for change in ranked if link in change.new_links) for link in links]
    wanted = set(list(dict.fromkeys([*first, *ranked]))[:most])
    return tuple(change for change in found if change in wanted)
