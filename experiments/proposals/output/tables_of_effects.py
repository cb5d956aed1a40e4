"""Tables of what candidates and portfolios bring: ranking, portfolio, pairs, targets, demands, front."""

from __future__ import annotations

from collections.abc import Iterator

from experiments.proposals.building import route_km
from experiments.proposals.findings import Answer, Evaluation, Portfolio
from experiments.proposals.model import Study
from experiments.proposals.output.tables import Cell, Table
from topology.network import Text

RECOMMENDED = "recommended"  # names the best portfolio where a single candidate's id would stand


def described(portfolio: Portfolio) -> str:
    """A portfolio in one line: ``a@400/2027 + b@800/2028`` is candidate, Gbit/s and year of service."""
    return " + ".join(f"{c.candidate}@{c.capacity_gbps:g}/{c.year}" for c in portfolio)


def ranking(study: Study, answer: Answer) -> Table:
    """Each candidate alone, in the order of the ranking."""
    chosen = {choice.candidate for choice in answer.best.portfolio}
    return Table.of(
        "ranking",
        Text("Each candidate alone", "各候选链路单独建设"),
        (
            ("rank", "rank", "排名"),
            ("candidate", "candidate", "候选链路"),
            ("name_en", "name", "名称（英文）"),
            ("name_zh", "name (Chinese)", "名称"),
            ("recommended", "recommended", "推荐"),
            ("route_km", "route, km", "路由长度（公里）"),
            ("capacity_gbps", "capacity, Gbit/s", "容量（Gbit/s）"),
            ("year", "in service", "投产年份"),
            *_EFFECTS,
        ),
        (
            (
                number,
                link.id,
                link.name.en,
                link.name.zh,
                link.id in chosen,
                round(route_km(study, link), 3),
                choice.capacity_gbps,
                choice.year,
                *_effects(each),
            )
            for number, each in enumerate(answer.alone, 1)
            for choice in each.portfolio
            for link in (study.candidates[choice.candidate],)
        ),
    )


_EFFECTS = (
    ("build_cny_million", "building, CNY million", "建设成本（百万元）"),
    ("yearly_cny_million", "yearly, CNY million", "年运营成本（百万元）"),
    ("present_value_cny_million", "present value, CNY million", "成本现值（百万元）"),
    ("delay_saved", "delay saved, Gbit/s x ms x year", "节省时延（Gbit/s·毫秒·年）"),
    ("mean_delay_saved_ms", "mean delay saved, ms", "平均节省时延（毫秒）"),
    ("moved_gbps", "traffic on the new links, Gbit/s", "转移流量（Gbit/s）"),
    ("cost_per_ms_cny_million", "CNY million per ms", "每毫秒成本（百万元）"),
    ("cost_per_gbps_cny_million", "CNY million per Gbit/s", "每 Gbit/s 成本（百万元）"),
    ("transit_saved_cny_million", "transit saved, CNY million", "节省转接费（百万元）"),
    ("settlement_saved_cny_million", "settlement saved, CNY million", "节省结算费（百万元）"),
    ("payback_years", "payback, years", "回收期（年）"),
    ("targets_met", "targets met", "达标数"),
    ("most_loaded_link", "most loaded link", "负载最高链路"),
    ("max_utilisation", "its utilisation", "其利用率"),
    ("unserved_gbps", "without a place, Gbit/s", "无法承载（Gbit/s）"),
    ("lost_to_single_cut_before_gbps", "lost to worst cut before, Gbit/s", "最坏单断损失：建设前（Gbit/s）"),
    ("lost_to_single_cut_after_gbps", "lost to worst cut after, Gbit/s", "最坏单断损失：建设后（Gbit/s）"),
)


def _effects(each: Evaluation) -> tuple[Cell, ...]:
    return (
        each.cost.build_cny_million,
        each.cost.yearly_cny_million,
        each.cost.present_value_cny_million,
        each.delay_saved,
        each.mean_delay_saved_ms,
        round(sum(each.moved_demands.values()), 6),
        each.cost_per_ms_cny_million,
        each.cost_per_gbps_cny_million,
        each.transit_saved_cny_million,
        each.settlement_saved_cny_million,
        each.payback_years,
        sum(target.met_after for target in each.targets),
        each.load_after.link,
        each.load_after.utilisation,
        each.load_after.unserved_gbps,
        each.lost_to_single_cut_gbps_before,
        each.lost_to_single_cut_gbps_after,
    )


def recommended(study: Study, answer: Answer) -> Table:
    """The best portfolio link by link, then as a whole."""
    alone = {each.portfolio[0].candidate: each for each in answer.alone if each.portfolio}
    return Table.of(
        "portfolio",
        Text("The recommended portfolio", "推荐组合"),
        (
            ("candidate", "candidate", "候选链路"),
            ("name_en", "name", "名称（英文）"),
            ("name_zh", "name (Chinese)", "名称"),
            ("a", "end", "端点"),
            ("b", "other end", "另一端点"),
            ("build", "what is built", "建设方式"),
            ("route_km", "route, km", "路由长度（公里）"),
            ("capacity_gbps", "capacity, Gbit/s", "容量（Gbit/s）"),
            ("year", "in service", "投产年份"),
            ("delay_saved_alone", "delay saved alone", "单独建设节省时延"),
        ),
        (
            (
                link.id,
                link.name.en,
                link.name.zh,
                link.a,
                link.b,
                str(link.build),
                round(route_km(study, link), 3),
                choice.capacity_gbps,
                choice.year,
                alone[link.id].delay_saved if link.id in alone else None,
            )
            for choice in answer.best.portfolio
            for link in (study.candidates[choice.candidate],)
        ),
    )


def portfolio_effects(answer: Answer) -> Table:
    """The recommended portfolio in figures: one row."""
    return Table.of(
        "portfolio-effects",
        Text("What the recommended portfolio brings", "推荐组合的效果"),
        (
            ("portfolio", "portfolio", "组合"),
            ("budget_cny_million", "budget, CNY million", "预算（百万元）"),
            ("proof", "proof", "最优性"),
            ("bound", "no portfolio saves more than", "节省时延上界"),
            *_EFFECTS,
        ),
        (
            (
                described(answer.best.portfolio),
                answer.best.budget_cny_million,
                str(answer.best.proof),
                answer.best.bound,
                *_effects(answer.evaluation),
            ),
        ),
    )


def _every(answer: Answer) -> Iterator[tuple[str, Evaluation]]:
    yield RECOMMENDED, answer.evaluation
    for each in answer.alone:
        yield each.portfolio[0].candidate if each.portfolio else "", each


def pairs(answer: Answer) -> Table:
    """Every pair whose path changes: with the recommended portfolio, then with each candidate alone."""
    return Table.of(
        "pairs",
        Text("Pairs before and after", "各站点对建设前后"),
        (
            ("built", "built", "建设内容"),
            ("source", "from", "起点"),
            ("destination", "to", "终点"),
            ("one_way_before_ms", "one way before, ms", "建设前单向时延（毫秒）"),
            ("one_way_after_ms", "one way after, ms", "建设后单向时延（毫秒）"),
            ("saved_ms", "saved, ms", "节省（毫秒）"),
            ("hops_before", "hops before", "建设前跳数"),
            ("hops_after", "hops after", "建设后跳数"),
            ("floor_one_way_ms", "fibre floor, ms", "光纤下限（毫秒）"),
            ("stretch_before", "stretch before", "建设前时延比"),
            ("stretch_after", "stretch after", "建设后时延比"),
            ("path_before", "path before", "建设前路径"),
            ("path_after", "path after", "建设后路径"),
        ),
        (
            (
                built,
                pair.source,
                pair.destination,
                pair.one_way_before_ms,
                pair.one_way_after_ms,
                round(pair.saved_ms, 6),
                pair.hops_before,
                pair.hops_after,
                pair.floor_one_way_ms,
                _ratio(pair.one_way_before_ms, pair.floor_one_way_ms),
                _ratio(pair.one_way_after_ms, pair.floor_one_way_ms),
                " > ".join(pair.path_before),
                " > ".join(pair.path_after),
            )
            for built, each in _every(answer)
            for pair in each.pairs
        ),
    )


def _ratio(value: float, floor: float) -> float | None:
    return round(value / floor, 6) if floor > 0 else None


def targets(answer: Answer) -> Table:
    """Every target with the recommended portfolio, then with each candidate alone."""
    return Table.of(
        "targets",
        Text("Delay targets before and after", "时延目标建设前后"),
        (
            ("built", "built", "建设内容"),
            ("target", "target", "目标"),
            ("max_one_way_ms", "at most, ms", "上限（毫秒）"),
            ("before_ms", "slowest before, ms", "建设前最慢（毫秒）"),
            ("after_ms", "slowest after, ms", "建设后最慢（毫秒）"),
            ("worst_cut_after_ms", "with the worst cut, ms", "最坏单断（毫秒）"),
            ("met_before", "met before", "建设前达标"),
            ("met_after", "met after", "建设后达标"),
        ),
        (
            (built, t.target, t.max_one_way_ms, t.before_ms, t.after_ms, t.worst_cut_after_ms,
             t.met_before, t.met_after)
            for built, each in _every(answer)
            for t in each.targets
        ),
    )  # fmt: skip


def demands(study: Study, answer: Answer) -> Table:
    """Which demands move onto new links, and how much of each."""
    known = {item.demand.id: item.demand for item in study.demands}
    return Table.of(
        "demands",
        Text("Demands that move onto new links", "转移到新链路的需求"),
        (
            ("built", "built", "建设内容"),
            ("demand", "demand", "需求"),
            ("source", "from", "起点"),
            ("destination", "to", "终点"),
            ("first_year_gbps", "rate in the first year, Gbit/s", "首年速率（Gbit/s）"),
            ("moved_gbps", "moved, last year, Gbit/s", "末年转移（Gbit/s）"),
        ),
        (
            (built, id_, known[id_].source, known[id_].destination, known[id_].rate_gbps, moved)
            for built, each in _every(answer)
            for id_, moved in each.moved_demands.items()
        ),
    )


def front(answer: Answer) -> Table:
    """The Pareto points of both axes."""
    return Table.of(
        "pareto",
        Text("Pareto front", "帕累托前沿"),
        (
            ("axis", "axis", "维度"),
            ("build_cny_million", "building, CNY million", "建设成本（百万元）"),
            (
                "value",
                "delay saved, Gbit/s x ms x year; or expected loss, Gbit/s x h a year",
                "节省时延（Gbit/s·毫秒·年）或年期望损失（Gbit/s·小时）",
            ),
            ("links", "links", "链路数"),
            ("portfolio", "portfolio", "组合"),
        ),
        (
            (p.axis, p.build_cny_million, p.value, len(p.portfolio), described(p.portfolio))
            for p in answer.pareto
        ),
    )


def interactions(answer: Answer) -> Table:
    """Pairs of candidates together against apart."""
    return Table.of(
        "interactions",
        Text("Two links together against apart", "两条链路合建与分建"),
        (
            ("first", "first", "甲"),
            ("second", "second", "乙"),
            ("first_alone", "first alone", "仅建甲"),
            ("second_alone", "second alone", "仅建乙"),
            ("together", "together", "合建"),
            ("surplus", "surplus", "协同增益"),
        ),
        (
            (i.first, i.second, i.first_alone, i.second_alone, i.together, round(i.surplus, 6))
            for i in answer.interactions
        ),
    )
