"""Measured beside predicted: what the repetitions on base and proposal say of one pair. Pure.

A round trip agrees with the prediction within 3 % or 0.5 ms, whichever is larger, as in every experiment.
There is no verdict on a pair where a repetition had a busy machine, where probes crossed another path than
the planned one, or where a link of that path did not do what it declares.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from controller.paths import Path
from experiments.proposals.evidence.choice import Change
from experiments.proposals.evidence.interval import Median, median_of_repetitions
from experiments.proposals.findings import Evidence, Portfolio
from experiments.proposals.pairs import Pair
from experiments.results import HostVerdict
from experiments.results.summary import within_tolerance
from topology.network import Network, Text

TOO_BUSY = Text(
    "The machine was too busy while delays were measured; close other programs and repeat.",
    "测量时延期间主机过于繁忙；请关闭其他程序后重测。",
)


@dataclass(frozen=True, slots=True)
class Repetition:
    """One network, built once and measured.

    Attributes:
        rtt_ms: of each pair, the median round trip and its confidence interval.
        paths: the sites that the probes of each pair crossed.
        failed_links: links that did not do what they declare, in either direction.
        host: whether the machine was quiet enough.
    """

    network: Network
    rtt_ms: Mapping[Pair, Median]
    paths: Mapping[Pair, Path]
    failed_links: frozenset[str]
    host: HostVerdict


def evidence_of(
    portfolio: Portfolio, change: Change, base: Sequence[Repetition], built: Sequence[Repetition]
) -> Evidence:
    """One pair, from the repetitions on the base network and with the portfolio built; one each at least."""
    measured_base = median_of_repetitions([one.rtt_ms[change.pair] for one in base])
    measured = median_of_repetitions([one.rtt_ms[change.pair] for one in built])
    reasons = tuple(
        dict.fromkeys(
            reason
            for path, repetitions in ((change.path_before, base), (change.path_after, built))
            for one in repetitions
            for reason in _reasons(one, change.pair, path)
        )
    )
    agrees = within_tolerance(measured_base[0], change.rtt_before_ms) and within_tolerance(
        measured[0], change.rtt_after_ms
    )
    return Evidence(
        portfolio=portfolio,
        source=change.source,
        destination=change.destination,
        predicted_base_rtt_ms=change.rtt_before_ms,
        measured_base_rtt_ms=measured_base,
        predicted_rtt_ms=change.rtt_after_ms,
        measured_rtt_ms=measured,
        repetitions=min(len(base), len(built)),
        within_tolerance=agrees and not reasons,
        reasons=reasons,
    )


def _reasons(one: Repetition, pair: Pair, planned: Path) -> list[Text]:
    """Why this repetition allows no verdict on ``pair``; none if it does."""
    reasons = [] if one.host.ok else [TOO_BUSY]
    names = {site: one.network.sites[site].name for site in (*planned, *one.paths[pair])}
    if one.paths[pair] != planned:
        en, zh = ("-".join(names[site].in_language(to) for site in one.paths[pair]) for to in ("en", "zh"))
        reasons.append(Text(f"Probes crossed another path: {en}.", f"探测包走了另一条路径：{zh}。"))
    for link in one.network.path_links(planned):
        if link.id in one.failed_links:
            a, b = names[link.a], names[link.b]
            reasons.append(
                Text(
                    f"The link {a.en} - {b.en} does not do what was declared.",
                    f"链路 {a.zh} - {b.zh} 与声明不符。",
                )
            )
    return reasons
