"""The verdict: one honest sentence in both languages, or the reasons why none is given."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from types import MappingProxyType

from experiments.results.links import LinkChecks
from experiments.results.manifest import HostVerdict
from experiments.results.summary import ModelVariant, Pair, Verdict
from topology.network import Text

MAX_NAMED = 5  # a reason names at most so many pairs or links; the tables hold them all


def conclude(
    pairs: Sequence[Pair],
    links: LinkChecks | None = None,
    host: HostVerdict | None = None,
    model_variants: Sequence[ModelVariant] = (),
    site_names: Mapping[str, Text] = MappingProxyType({}),
) -> Verdict:
    """What the pairs say. Refused if a link, the host, a path or a round trip is not what it should be.

    ``site_names``: for the reasons to name links by; without them they use the sites' ids.
    """
    reasons = _reasons(pairs, links, host, site_names)
    if reasons:
        return Verdict.unreliable(reasons)
    return Verdict(ok=True, text=_finding(pairs, model_variants))


def _reasons(
    pairs: Sequence[Pair],
    links: LinkChecks | None,
    host: HostVerdict | None,
    site_names: Mapping[str, Text],
) -> tuple[Text, ...]:
    reasons = []
    if not pairs:
        reasons.append(Text("No pair was measured.", "没有测得任何一对站点。"))
    for en, zh, wrong in (
        (
            "Probes did not cross the planned path to {}.",
            "到{}的探测包没有走规划的路径。",
            [p for p in pairs if not (p.base.path_proven and p.proposal.path_proven)],
        ),
        (
            "The measured round trip disagrees with the model (by more than 3% and 0.5 ms) to {}.",
            "到{}的实测往返时延与模型不符（相差超过 3% 且超过 0.5 毫秒）。",
            [p for p in pairs if not (p.base.within_tolerance and p.proposal.within_tolerance)],
        ),
    ):
        if wrong:
            reasons.append(
                Text(
                    en.format(_listed([p.destination_name.en for p in wrong], ", ", " and {} more")),
                    zh.format(_listed([p.destination_name.zh for p in wrong], "、", "，以及另外 {} 处")),
                )
            )
    failed = links.failed() if links else ()
    if failed:
        ends = [
            [site_names.get(site, Text(site, site)) for site in (check.source, check.destination)]
            for _, check in failed
        ]
        en = _listed([f"{a.en} → {b.en}" for a, b in ends], ", ", " and {} more")
        zh = _listed([f"{a.zh} → {b.zh}" for a, b in ends], "、", "，以及另外 {} 条")
        reasons.append(Text(f"Links do not do what was declared: {en}.", f"链路与声明不符：{zh}。"))
    if host is not None and not host.ok:
        reasons.append(host.text)
    return tuple(reasons)


def _listed(names: Sequence[str], separator: str, more: str) -> str:
    shown = separator.join(names[:MAX_NAMED])
    return shown + (more.format(len(names) - MAX_NAMED) if len(names) > MAX_NAMED else "")


def _finding(pairs: Sequence[Pair], model_variants: Sequence[ModelVariant]) -> Text:
    savings = [(saving, pair) for pair in pairs if (saving := pair.saving_ms) is not None]
    median_ms = statistics.median(saving for saving, _ in savings)
    best_ms, best = max(savings, key=lambda item: item[0])
    before = statistics.median(pair.base.rtt_ms.median or 0.0 for _, pair in savings)
    hops = tuple(statistics.median(pair.on(v).hops for pair in pairs) for v in ("base", "proposal"))
    source = pairs[0].source_name
    if median_ms <= 0:
        en = f"The proposal does not shorten the measured round trips from {source.en}"
        zh = f"该方案没有缩短{source.zh}的实测往返时延"
        en += f" (median change {-median_ms:+.1f} ms)."
        zh += f"（变化的中位数为 {-median_ms:+.1f} 毫秒）。"
        return Text(en, zh)
    share = median_ms / before
    en = (
        f"The proposal cuts the measured round trip from {source.en} by {median_ms:.1f} ms in the median "
        f"({share:.0%}), at most by {best_ms:.1f} ms (to {best.destination_name.en}); "
        f"the path shortens from {hops[0]:g} {_hops(hops[0])} to {hops[1]:g}."
    )
    zh = (
        f"该方案使{source.zh}的实测往返时延中位缩短 {median_ms:.1f} 毫秒（{share:.0%}），"
        f"最多缩短 {best_ms:.1f} 毫秒（到{best.destination_name.zh}）；"
        f"路径由 {hops[0]:g} 跳减为 {hops[1]:g} 跳。"
    )
    for variant in model_variants:
        part = saving_share(pairs, variant)
        if part is not None:
            en += f" By the model, “{variant.title.en}” alone would bring {part:.0%} of that saving."
            zh += f"按模型计算，仅“{variant.title.zh}”即可带来其中的 {part:.0%}。"
    return Text(en, zh)


def _hops(count: float) -> str:
    return "hop" if count == 1 else "hops"


def saving_share(pairs: Sequence[Pair], variant: ModelVariant) -> float | None:
    """Share of the predicted saving, summed over the pairs, that ``variant`` brings; ``None`` if none."""
    common = [p for p in pairs if p.destination in variant.predicted_rtt_ms]
    whole = sum(p.base.predicted_rtt_ms - p.proposal.predicted_rtt_ms for p in common)
    if not common or whole <= 0:
        return None
    return sum(p.base.predicted_rtt_ms - variant.predicted_rtt_ms[p.destination] for p in common) / whole
