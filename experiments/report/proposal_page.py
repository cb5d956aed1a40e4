"""The page on proposals, for a meeting: one page of verdict, then what it rests on."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from experiments.proposals.building import route_km, with_portfolio
from experiments.proposals.costs import choice_cost
from experiments.proposals.findings import Answer, Evaluation, PairEffect, Portfolio
from experiments.proposals.model import Candidate, Study
from experiments.proposals.output.folder import HOST_FILE, read_document
from experiments.report import proposal_charts as charts
from experiments.report import proposal_doubt_charts as doubt_charts
from experiments.report.figures import Drawing
from experiments.report.map import Route, map_svg
from experiments.report.page import asset, environment, rendered
from experiments.report.proposal_findings import (
    amount,
    interval_of,
    key_figures,
    last_year,
    light_words,
    next_words,
    to_know,
    verdict,
)
from experiments.report.proposal_names import StudyNames, listed
from experiments.report.text import fill
from experiments.results import ResultFolder, Variant
from topology.network import Network, Text


def render(folder: ResultFolder) -> str:
    """The page as text. Raises ``InputError`` if the folder has no answer, or a file in it is damaged."""
    manifest = folder.manifest
    document = read_document(folder.path)
    study, answer = document.study.study(), document.answer
    names = StudyNames(study)
    page = environment()
    page.filters["amount"] = amount
    return rendered(
        page.get_template("proposal.html.j2"),
        manifest,
        study=study,
        answer=answer,
        found=answer.evaluation,
        name=names,
        title=study.title,
        css=asset("proposal.css"),
        sentence=verdict(study, answer),
        key_figures=key_figures(study, answer),
        know=to_know(study, answer),
        last_year=last_year(study),
        source_number=_numbered(study),
        next_words=next_words(answer, names),
        km=lambda id_: route_km(study, study.candidates[id_]),
        built=_built(study, answer),
        maps=_maps(study, answer, names),
        ranking=_ranking(study, answer, names),
        chosen=_chosen(answer.best.portfolio),
        fronts=_fronts(answer),
        points=_points(answer),
        interactions=_interactions(study, answer, names),
        optics_missing=_optics_missing(answer),
        tornado=_tornado(answer, names),
        shares=_shares(answer, names),
        pairs=_pairs(answer.evaluation),
        alone=answer.alone,
        rates=sorted({rate for each in answer.optics for rate in each.regenerators}),
        availability=_availability(answer),
        route=lambda link: _route(link, names),
        cut_off_ms=study.figure("unserved_ms"),
        seconds=_seconds(folder),
    )  # fmt: skip


def _numbered(study: Study) -> dict[str, int]:
    """The number of each source in the list at the end."""
    return {id_: number for number, id_ in enumerate(study.sources, 1)}


def _chosen(portfolio: Portfolio) -> frozenset[str]:
    return frozenset(choice.candidate for choice in portfolio)


def _built(study: Study, answer: Answer) -> list[dict[str, Any]]:
    """The rows of the table on the first page: one per link of the portfolio."""
    alone = {each.portfolio[0].candidate: each for each in answer.alone if each.portfolio}
    rows = []
    for choice in answer.best.portfolio:
        link = study.candidates[choice.candidate]
        first = alone.get(link.id)
        rows.append(
            {
                "link": link,
                "km": route_km(study, link),
                "choice": choice,
                "alone": first,
                "build": choice_cost(study, choice).build_cny_million,
                "light": light_words(answer, link.id, choice.capacity_gbps, study),
                "share": answer.sureness.chosen_share.get(link.id) if answer.sureness else None,
            }
        )
    return rows


def _maps(study: Study, answer: Answer, names: StudyNames) -> list[tuple[Text, Drawing]]:
    portfolio = answer.best.portfolio
    built = [names.short(choice.candidate) for choice in portfolio]
    after = fill("proposal.map.after", links=listed(built)) if built else fill("proposal.map.after_nothing")
    ends = [(study.candidates[c.candidate].a, study.candidates[c.candidate].b) for c in portfolio]
    pairs = answer.evaluation.pairs
    old = [Route(pair.path_before, "base") for pair in pairs if len(pair.path_before) > 1]
    new = [Route(pair.path_after, "proposal") for pair in pairs] + [Route(pair, "proposal") for pair in ends]
    networks: Mapping[Variant, Network] = {"base": study.base, "proposal": with_portfolio(study, portfolio)}
    return [
        (fill("proposal.map.before"), _map("before", networks["base"], old, ())),
        (after, _map("after", networks["proposal"], new, tuple(choice.candidate for choice in portfolio))),
    ]


def _map(when: str, network: Network, routes: list[Route], built: tuple[str, ...]) -> Drawing:
    sites = len(network.sites)
    return Drawing.of(
        f"map-{when}",
        fill("proposal.map.alt", sites=sites, when=fill(f"proposal.map.alt.{when}")),
        lambda language, name: map_svg(network, language=language, routes=routes, built=built, name=name),
    )


def _ranking(study: Study, answer: Answer, names: StudyNames) -> Drawing | None:
    if not answer.alone:
        return None
    chosen = _chosen(answer.best.portfolio)
    return Drawing.of(
        "ranking",
        fill("proposal.ranking.alt"),
        lambda language, name: charts.ranking(
            answer.alone, chosen, names.short, last_year(study), language, name
        ),
    )


def _fronts(answer: Answer) -> list[Drawing]:
    """The fronts that have at least two points: one is no choice."""
    best, cost = answer.best, answer.evaluation.cost.build_cny_million
    found = []
    for axis in ("delay", "resilience"):
        points = [point for point in answer.pareto if point.axis == axis]
        here = (cost, best.delay_saved) if axis == "delay" else _resilience_here(answer, cost)
        if len(points) > 1:
            found.append(
                Drawing.of(
                    f"pareto-{axis}",
                    fill("proposal.pareto.alt", axis=fill(f"proposal.pareto.{axis}")),
                    lambda language, name, points=points, here=here: charts.front(  # type: ignore[misc]
                        points, best.portfolio, best.budget_cny_million, here, language, name
                    ),
                )
            )
    return found


def _resilience_here(answer: Answer, cost: float) -> tuple[float, float] | None:
    best = answer.resilience.get("best")
    return (cost, best.expected_lost_gbps_hours_per_year) if best else None


def _points(answer: Answer) -> list[Any]:
    return [point for point in answer.pareto if point.portfolio]


def _interactions(study: Study, answer: Answer, names: StudyNames) -> Drawing | None:
    if not answer.interactions:
        return None
    return Drawing.of(
        "interactions",
        fill("proposal.interactions.alt"),
        lambda language, name: charts.interactions(
            answer.interactions, list(study.candidates), names.short, language, name
        ),
    )


def _tornado(answer: Answer, names: StudyNames) -> Drawing | None:
    sureness = answer.sureness
    if sureness is None or not sureness.swings:
        return None
    interval = interval_of(sureness, sureness.outcome)
    if interval is None or interval.best_estimate <= 0 or not answer.alone:
        return None
    best = interval.best_estimate
    outcome, first = names.figure(sureness.outcome), answer.alone[0].portfolio[0].candidate
    return Drawing.of(
        "tornado",
        fill("proposal.tornado.alt"),
        lambda language, name: doubt_charts.tornado(
            sureness.swings, best, first, names.figure, outcome.in_language(language), language, name
        ),
    )


def _shares(answer: Answer, names: StudyNames) -> Drawing | None:
    if answer.sureness is None:
        return None
    share, chosen = answer.sureness.chosen_share, _chosen(answer.best.portfolio)
    return Drawing.of(
        "shares",
        fill("proposal.shares.alt"),
        lambda language, name: doubt_charts.shares(share, chosen, names.short, language, name),
    )


def _pairs(found: Evaluation) -> list[PairEffect]:
    """Pairs that change, the largest saving first; of a pair and its reverse the first."""
    seen: set[frozenset[str]] = set()
    kept = []
    for pair in found.pairs:
        ends = frozenset((pair.source, pair.destination))
        if ends not in seen:
            seen.add(ends)
            kept.append(pair)
    return sorted(kept, key=lambda pair: -pair.saved_ms)


def _optics_missing(answer: Answer) -> Text:
    """Why there are no optics; the reason of the machine that computed is known in English only."""
    word = fill("proposal.optics.none")
    return Text(answer.optics_note or word.en, word.zh)


def _availability(answer: Answer) -> list[tuple[str, float | None, float | None]]:
    base, best = answer.resilience.get("base"), answer.resilience.get("best")
    if base is None or best is None:
        return []
    pairs = dict.fromkeys((*base.availability, *best.availability))
    return [(pair, base.availability.get(pair), best.availability.get(pair)) for pair in pairs]


def _route(link: Candidate, names: StudyNames) -> Text:
    """How a candidate's length is known."""
    if link.along:
        sites = listed([names.site(id_) for id_ in link.along])
        return fill("proposal.route.along", sites=sites)
    return fill("proposal.route.factor" if link.follows_route_factor else "proposal.route.stated")


def _seconds(folder: ResultFolder) -> dict[str, float]:
    """How long each part took, as ``host.json`` has it; empty if the folder has none."""
    try:
        host = json.loads((folder.path / HOST_FILE).read_text(encoding="utf-8"))
        return {str(key): float(value) for key, value in host.get("seconds", {}).items()}
    except (OSError, ValueError, AttributeError, TypeError):
        return {}
