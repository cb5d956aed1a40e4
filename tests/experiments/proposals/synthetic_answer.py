"""A study of twelve links from Qingyang and a plausible answer to it: no solver, a fixed seed. For tests."""

from __future__ import annotations

import random
from itertools import combinations

from controller.paths import least_delay_paths
from experiments.proposals.building import route_km, with_portfolio
from experiments.proposals.findings import (
    Answer,
    Best,
    Choice,
    Cost,
    Cut,
    Evaluation,
    Evidence,
    Interaction,
    Interval,
    Load,
    NextYuan,
    Optics,
    PairEffect,
    ParetoPoint,
    Portfolio,
    Proof,
    Resilience,
    Sureness,
    Swing,
    TargetState,
)
from experiments.proposals.model import (
    FIGURES,
    Budget,
    Build,
    Candidate,
    Distribution,
    Figure,
    Study,
    StudyDemand,
    Target,
)
from topology.network import Demand, Provenance, Source, Text, TrafficClass
from topology.scenario import load

ENDS = (
    "beijing", "zhangjiakou", "shanghai", "nanjing", "hangzhou", "wuhu", "guangzhou", "shenzhen", "shaoguan",
    "tianfu", "guian", "horinger",
)  # fmt: skip
CHOSEN = ("qingyang-beijing", "qingyang-shanghai", "qingyang-guangzhou")
VALUES = (
    1.6, 0.35, 0.04, 6.0, 80.0, 3.0, 400.0, 0.05, 0.06, 0.3, 1.2, 0.6, 100.0, 3.0, 12.0, 0.1, 4.0,
)  # fmt: skip


def study() -> Study:
    """Twelve candidates from Qingyang on the shipped baseline, three years, 1200 million yuan."""
    base = load("qingyang-baseline")

    def name(site: str) -> Text:
        return base.sites[site].name

    candidates = {
        f"qingyang-{end}": Candidate(
            id=f"qingyang-{end}",
            name=Text(f"Qingyang – {name(end).en}", f"庆阳—{name(end).zh}"),
            a="qingyang",
            b=end,
            route_km=1500.0,
            follows_route_factor=number % 3 != 0,
            build=Build.EXISTING_FIBRE if number % 4 else Build.NEW_CABLE,
            capacity_steps_gbps=(400.0, 800.0),
            lead_time_years=1,
            operator="telecom",
            provenance=Provenance(("s1",), "route taken along the trunk road"),
        )
        for number, end in enumerate(ENDS)
    }
    figures = {
        key: Figure(
            value,
            value * 0.8,
            value * 1.3,
            Distribution.TRIANGULAR,
            Provenance(("s1",) if n % 3 == 0 else (), "" if n % 3 == 0 else "assumed: usual in the trade"),
        )
        for n, (key, value) in enumerate(zip(FIGURES, VALUES, strict=True))
    }
    return Study(
        id="synthetic",
        title=Text("Which links from Qingyang", "庆阳该建哪些直达链路"),
        description=Text("For tests.", "供测试。"),
        base=base,
        candidates=candidates,
        demands=tuple(
            StudyDemand(
                Demand(f"d-{end}", "qingyang", end, 40.0 + n, TrafficClass.COMPUTE),
                Figure(0.3, 0.1, 0.5),
            )
            for n, end in enumerate(ENDS)
        ),
        targets=tuple(
            Target(f"t-{end}", Text(f"to {name(end).en}", f"至{name(end).zh}"), "qingyang", (end,), 8.0)
            for end in ENDS
        ),
        budget=Budget(1200.0),
        figures=figures,
        first_year=2026,
        years=5,
        price_year=2024,
        sources={"s1": Source("s1", "A published tender", "A", "https://example.org/tender")},
        provenance=Provenance((), "written for tests"),
        file="synthetic.yaml",
    )


def answer(asked: Study | None = None) -> Answer:
    """What a run could have found. Delays are real, the rest follows simple rules."""
    s = asked or study()
    chance = random.Random(1)
    alone = sorted((_evaluation(s, (_choice(s, c),), chance) for c in s.candidates), key=_worth, reverse=True)
    best = tuple(_choice(s, c) for c in s.candidates if c in CHOSEN)
    worth = {each.portfolio[0].candidate: each.delay_saved for each in alone}
    rows = list(combinations(list(s.candidates)[:6], 2))
    evaluation = _evaluation(s, best, chance)
    return Answer(
        study=s.id,
        digest="",
        alone=tuple(alone),
        best=Best(
            s.budget.total_cny_million, best, evaluation.delay_saved, evaluation.delay_saved, Proof.OPTIMAL
        ),
        evaluation=evaluation,
        pareto=_front(alone, best, evaluation),
        next_yuan=NextYuan(("budget",), 55.0, 900.0, 14.2),
        interactions=tuple(
            Interaction(a, b, worth[a], worth[b], (worth[a] + worth[b]) * (0.8 + 0.03 * n))
            for n, (a, b) in enumerate(rows)
        ),
        resilience={"base": _resilience(s, 1.0), "best": _resilience(s, 0.3)},
        optics=tuple(
            Optics(
                c.id,
                round(route_km(s, c), 1),
                19,
                20,
                18.4 - 0.2 * n,
                400.0 if n < 9 else None,
                1.2 if n < 9 else None,
                {100.0: 0, 400.0: 0 if n < 9 else 1, 800.0: 2},
                7.35,
            )
            for n, c in enumerate(s.candidates.values())
        ),
        sureness=_sureness(s, evaluation),
        evidence=(
            Evidence(
                best, "qingyang", "beijing", 28.2, (28.3, 28.2, 28.4), 15.1, (15.2, 15.1, 15.3), 5, True
            ),
            Evidence(
                best, "qingyang", "shanghai", 40.2, (40.3, 40.2, 40.5), 21.1, (21.9, 21.1, 22.3), 5, False
            ),
        ),
        host={"python": "3.12", "seconds": {"alone": 1.2}},
    )


def _evidence(
    best: Portfolio, end: str, base_ms: float, after_ms: float, found: tuple[float, float, float], ok: bool
) -> Evidence:
    found_base = (base_ms + 0.1, base_ms, base_ms + 0.2)
    return Evidence(best, "qingyang", end, base_ms, found_base, after_ms, found, 5, ok)


def _worth(each: Evaluation) -> float:
    return each.delay_saved


def _choice(s: Study, candidate: str) -> Choice:
    link = s.candidates[candidate]
    return Choice(candidate, link.capacity_steps_gbps[0], s.first_year + link.lead_time_years)


def _evaluation(s: Study, portfolio: Portfolio, chance: random.Random) -> Evaluation:
    before, network = s.base, with_portfolio(s, portfolio)
    old = least_delay_paths(before, traffic_class=TrafficClass.COMPUTE)
    new = least_delay_paths(network, traffic_class=TrafficClass.COMPUTE)
    pairs = tuple(
        PairEffect(
            "qingyang",
            end,
            old["qingyang", end],
            new["qingyang", end],
            round(before.path_latency_ms(old["qingyang", end]), 6),
            round(network.path_latency_ms(new["qingyang", end]), 6),
            round(before.floor_one_way_ms("qingyang", end), 6),
        )
        for end in ENDS
        if old["qingyang", end] != new["qingyang", end]
    )
    km = sum(route_km(s, s.candidates[c.candidate]) for c in portfolio)
    build = round(0.24 * km, 6)
    saved = sum(pair.saved_ms for pair in pairs)
    by_pair = {pair.destination: pair for pair in pairs}
    targets = tuple(
        TargetState(
            t.id,
            t.max_one_way_ms,
            was := round(before.path_latency_ms(old[t.source, t.destinations[0]]), 6),
            now := round(network.path_latency_ms(new[t.source, t.destinations[0]]), 6),
            now + 4 if t.id != "t-guian" else None,
            was <= t.max_one_way_ms,
            now <= t.max_one_way_ms,
        )
        for t in s.targets
    )
    return Evaluation(
        portfolio=portfolio,
        cost=Cost(build, round(build * 0.05, 6), round(build * 1.2, 6)),
        delay_saved=round(saved * 60 * 4, 6),
        mean_delay_saved_ms=round(saved / 12, 6),
        pairs=pairs,
        moved_demands={f"d-{end}": 40.0 for end in by_pair},
        load_before=Load("qingyang--lanzhou-telecom", 1.0, 84.0),
        load_after=Load("xian-telecom--beijing-telecom", 0.82, 0.0 if len(portfolio) > 1 else 12.0),
        targets=targets,
        transit_saved_cny_million=round(1.2 * 40 * len(pairs), 6),
        settlement_saved_cny_million=round(chance.uniform(0, 20), 6),
        lost_to_single_cut_gbps_before=546.0,
        lost_to_single_cut_gbps_after=0.0,
        cost_per_ms_cny_million=round(build * 1.2 / (saved / 12), 6) if saved else None,
        cost_per_gbps_cny_million=round(build * 1.2 / 40 / len(pairs), 6) if pairs else None,
        payback_years=4.2 if len(pairs) > 2 else None,
    )


def _front(alone: list[Evaluation], best: Portfolio, found: Evaluation) -> tuple[ParetoPoint, ...]:
    cheap = min(alone, key=lambda each: each.cost.build_cny_million)
    points = [
        ParetoPoint("delay", 0.0, 0.0, ()),
        ParetoPoint("delay", cheap.cost.build_cny_million, cheap.delay_saved, cheap.portfolio),
        ParetoPoint(
            "delay", found.cost.build_cny_million * 0.6, found.delay_saved * 0.75, best[:2]
        ),
        ParetoPoint("delay", found.cost.build_cny_million, found.delay_saved, best),
        ParetoPoint("resilience", 0.0, 1900.0, ()),
        ParetoPoint("resilience", cheap.cost.build_cny_million, 700.0, cheap.portfolio),
        ParetoPoint("resilience", found.cost.build_cny_million, 240.0, best),
    ]  # fmt: skip
    return tuple(points)


def _resilience(s: Study, scale: float) -> Resilience:
    links = list(s.base.links)
    singles = [Cut((link,), round(500 * scale / (n + 1), 6), round(1.5 / (n + 1), 6), 12 - n)
               for n, link in enumerate(links[:10])]  # fmt: skip
    doubles = [
        Cut((a, "site:xian-telecom"), round(700 * scale / (n + 1), 6), 2.5, 14)
        for n, a in enumerate(links[:10])
    ]
    return Resilience(
        singles=len(links),
        doubles=len(links) * (len(links) - 1) // 2,
        worst_singles=tuple(singles),
        worst_doubles=tuple(doubles),
        expected_lost_gbps_hours_per_year=round(1900 * scale, 6),
        availability={f"qingyang > {end}": 1 - scale * 1e-4 * (n + 1) for n, end in enumerate(ENDS)},
    )


def _sureness(s: Study, found: Evaluation) -> Sureness:
    swings = [
        Swing(key, s.figures[key].low, s.figures[key].high, found.delay_saved * (1 - 0.3 / (n + 1)),
              found.delay_saved * (1 + 0.2 / (n + 1)), "qingyang-beijing",
              "qingyang-beijing" if n else "qingyang-shanghai")
        for n, key in enumerate(("route_factor", "growth_per_year", "new_cable_cny_million_per_km",
                                 "unserved_ms", "cut_repair_hours"))
    ]  # fmt: skip
    return Sureness(
        samples=1000,
        seed=1,
        outcome="delay_saved",
        intervals=tuple(
            Interval(name, value, value * 0.8, value * 1.02, value * 1.25)
            for name, value in (
                ("delay_saved", found.delay_saved),
                ("mean_delay_saved_ms", found.mean_delay_saved_ms),
                ("build_cny_million", found.cost.build_cny_million),
            )
        ),
        chosen_share={c: (0.95 if c in CHOSEN else 0.04 * n) for n, c in enumerate(s.candidates)},
        first_share={c: 0.7 if c == CHOSEN[0] else 0.3 if c == CHOSEN[1] else 0.0 for c in s.candidates},
        swings=tuple(swings),
    )
