"""Tables of what can fail, what light does, how sure it all is, and what it rests on."""

from __future__ import annotations

from collections.abc import Iterator

from experiments.proposals.findings import Answer
from experiments.proposals.model import Study
from experiments.proposals.output.tables import Cell, Table
from experiments.proposals.output.tables_of_effects import described
from topology.network import Provenance, Text


def resilience(answer: Answer) -> Table:
    """One row per network."""
    return Table.of(
        "resilience",
        Text("Resilience", "抗毁能力"),
        (
            ("network", "network", "网络"),
            ("singles", "single cuts", "单重故障数"),
            ("doubles", "double cuts", "双重故障数"),
            ("expected_lost_gbps_hours_per_year", "expected loss, Gbit/s x h a year", "年期望损失"),
        ),
        (
            (network, found.singles, found.doubles, found.expected_lost_gbps_hours_per_year)
            for network, found in answer.resilience.items()
        ),
    )  # fmt: skip


def cuts(answer: Answer) -> Table:
    """The worst single and double cuts of each network."""
    return Table.of(
        "cuts",
        Text("The worst cuts", "最坏故障"),
        (
            ("network", "network", "网络"),
            ("kind", "kind", "类型"),
            ("failed", "what fails", "失效对象"),
            ("lost_gbps", "lost, Gbit/s", "损失（Gbit/s）"),
            ("delay_added_ms", "delay added to the rest, ms", "其余流量增加时延（毫秒）"),
            ("pairs_cut_off", "pairs cut off", "中断站点对数"),
        ),
        (
            (network, kind, " + ".join(cut.failed), cut.lost_gbps, cut.delay_added_ms, cut.pairs_cut_off)
            for network, found in answer.resilience.items()
            for kind, worst in (("single", found.worst_singles), ("double", found.worst_doubles))
            for cut in worst
        ),
    )


def availability(answer: Answer) -> Table:
    """Availability of each pair on each network."""
    return Table.of(
        "availability",
        Text("Availability of each pair", "各站点对可用性"),
        (
            ("network", "network", "网络"),
            ("pair", "pair", "站点对"),
            ("availability", "availability", "可用性"),
            ("minutes_down_per_year", "minutes down a year", "年中断（分钟）"),
        ),
        (
            (network, pair, value, round((1 - value) * 365.25 * 24 * 60, 3))
            for network, found in answer.resilience.items()
            for pair, value in found.availability.items()
        ),
    )


def optics(answer: Answer) -> Table:
    """What light does on each candidate; generic equipment."""
    rates = sorted({rate for each in answer.optics for rate in each.regenerators})
    return Table.of(
        "optics",
        Text("Optics, indicative", "光层（参考值）"),
        (
            ("candidate", "candidate", "候选链路"),
            ("route_km", "route, km", "路由长度（公里）"),
            ("spans", "spans", "跨段数"),
            ("amplifiers", "amplifiers", "放大器数"),
            ("gsnr_db", "GSNR in 0.1 nm, dB", "GSNR（0.1 nm，dB）"),
            ("highest_rate_gbps", "highest rate without regeneration, Gbit/s", "无再生最高速率（Gbit/s）"),
            ("margin_db", "margin there, dB", "相应余量（dB）"),
            *(
                (f"regenerators_{rate:g}g", f"regenerators at {rate:g}G", f"{rate:g}G 再生站数")
                for rate in rates
            ),
            ("fibre_delay_ms", "fibre delay, ms", "光纤时延（毫秒）"),
        ),
        (
            (
                o.candidate,
                o.route_km,
                o.spans,
                o.amplifiers,
                o.gsnr_db,
                o.highest_rate_gbps,
                o.margin_db,
                *(o.regenerators.get(rate) for rate in rates),
                o.fibre_delay_ms,
            )
            for o in answer.optics
        ),
    )


def sureness(answer: Answer) -> tuple[Table, ...]:
    """Intervals, how often each candidate is chosen, and the tornado."""
    found = answer.sureness
    if found is None:
        return ()
    return (
        Table.of(
            "intervals",
            Text("Intervals of the headline figures", "主要数值的区间"),
            (
                ("figure", "figure", "数值"),
                ("best_estimate", "best estimate", "最佳估计"),
                ("p5", "5th percentile", "5% 分位"),
                ("p50", "median", "中位数"),
                ("p95", "95th percentile", "95% 分位"),
            ),
            ((i.name, i.best_estimate, i.p5, i.p50, i.p95) for i in found.intervals),
        ),
        Table.of(
            "shares",
            Text("How often each candidate is chosen", "各候选链路入选频率"),
            (
                ("candidate", "candidate", "候选链路"),
                ("chosen_share", "in the best portfolio", "进入最优组合"),
                ("first_share", "first alone", "单独排名第一"),
            ),
            (
                (candidate, share, found.first_share.get(candidate))
                for candidate, share in found.chosen_share.items()
            ),
        ),
        Table.of(
            "tornado",
            Text("What the answer hangs on", "结论取决于哪些假设"),
            (
                ("assumption", "assumption", "假设"),
                ("low", "low", "低值"),
                ("high", "high", "高值"),
                ("outcome_at_low", f"{found.outcome} at low", f"低值时 {found.outcome}"),
                ("outcome_at_high", f"{found.outcome} at high", f"高值时 {found.outcome}"),
                ("first_at_low", "first at low", "低值时排名第一"),
                ("first_at_high", "first at high", "高值时排名第一"),
            ),
            (
                (s.assumption, s.low, s.high, s.outcome_at_low, s.outcome_at_high, s.first_at_low,
                 s.first_at_high)
                for s in found.swings
            ),
        ),
    )  # fmt: skip


def evidence(answer: Answer) -> Table:
    """Measured beside predicted."""
    return Table.of(
        "evidence",
        Text("Measured beside predicted, round trip", "实测与预测往返时延"),
        (
            ("portfolio", "portfolio", "组合"),
            ("source", "from", "起点"),
            ("destination", "to", "终点"),
            ("predicted_base_rtt_ms", "predicted before, ms", "建设前预测（毫秒）"),
            ("measured_base_rtt_ms", "measured before, ms", "建设前实测（毫秒）"),
            ("measured_base_low_ms", "from", "区间下限"),
            ("measured_base_high_ms", "to", "区间上限"),
            ("predicted_rtt_ms", "predicted after, ms", "建设后预测（毫秒）"),
            ("measured_rtt_ms", "measured after, ms", "建设后实测（毫秒）"),
            ("measured_low_ms", "from", "区间下限"),
            ("measured_high_ms", "to", "区间上限"),
            ("repetitions", "repetitions", "重复次数"),
            ("within_tolerance", "within tolerance", "在容差内"),
            ("no_verdict_because", "no verdict because", "不作结论的原因"),
        ),
        (
            (described(e.portfolio), e.source, e.destination, e.predicted_base_rtt_ms,
             *e.measured_base_rtt_ms, e.predicted_rtt_ms, *e.measured_rtt_ms, e.repetitions,
             None if e.reasons else e.within_tolerance, " ".join(reason.en for reason in e.reasons))
            for e in answer.evidence
        ),
    )  # fmt: skip


def assumptions(study: Study) -> Table:
    """Every figure with its range and where it comes from."""
    return Table.of(
        "figures",
        Text("Figures, ranges and sources", "数值、范围与来源"),
        (
            ("of", "of", "对象"),
            ("figure", "figure", "数值名称"),
            ("value", "best estimate", "最佳估计"),
            ("low", "low", "低值"),
            ("high", "high", "高值"),
            ("distribution", "distribution", "分布"),
            ("sources", "sources", "来源"),
            ("assumption", "assumption", "假设"),
        ),
        _figures(study),
    )


def _figures(study: Study) -> Iterator[tuple[Cell, ...]]:
    for name, figure in study.figures.items():
        yield ("study", name, figure.value, figure.low, figure.high, str(figure.distribution),
               *_rests_on(figure.provenance))  # fmt: skip
    for link in study.candidates.values():
        yield (link.id, "route_km", link.route_km, None, None, "", *_rests_on(link.provenance))
        for name in ("build_cny_million", "yearly_cny_million"):
            figure = getattr(link, name)
            if figure is not None:
                yield (link.id, name, figure.value, figure.low, figure.high, str(figure.distribution),
                       *_rests_on(figure.provenance))  # fmt: skip
    for item in study.demands:
        rate, growth = item.demand.rate_gbps, item.growth_per_year
        yield (item.demand.id, "rate_gbps", rate, None, None, "", *_rests_on(item.demand.provenance))
        yield (item.demand.id, "growth_per_year", growth.value, growth.low, growth.high,
               str(growth.distribution), *_rests_on(growth.provenance))  # fmt: skip


def _rests_on(provenance: Provenance) -> tuple[str, str]:
    return ", ".join(provenance.sources), provenance.assumption


def sources(study: Study) -> Table:
    """The published sources that the study names."""
    return Table.of(
        "sources",
        Text("Sources", "来源"),
        (
            ("id", "id", "标识"),
            ("title", "title", "标题"),
            ("grade", "grade", "等级"),
            ("url", "address", "网址"),
        ),
        ((s.id, s.title, s.grade, s.url) for s in study.sources.values()),
    )
