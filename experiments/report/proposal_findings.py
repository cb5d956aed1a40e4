"""The answer in words: the verdict, the figures a reader takes home, and what to know before deciding."""

from __future__ import annotations

from collections.abc import Iterator

from experiments.proposals.findings import (
    Answer,
    Evidence,
    Interval,
    Optics,
    Proof,
    Sureness,
    TargetState,
)
from experiments.proposals.model import Study
from experiments.report.findings import KeyFigure
from experiments.report.proposal_names import StudyNames, listed
from experiments.report.text import fill, number, percent
from topology.network import Text

FULL = 1 - 1e-6  # utilisation from which a link is full


def verdict(study: Study, answer: Answer) -> Text:
    """What to do, what it brings, and whether anything could be better: the first thing on the page."""
    names = StudyNames(study)
    budget = number(answer.best.budget_cny_million, 0)
    if not answer.best.portfolio:
        return _join(fill("proposal.verdict.nothing", budget=budget), _proof(answer))
    what = fill(
        "proposal.verdict.build",
        links=_links(answer, names),
        cost=number(answer.evaluation.cost.build_cny_million, 0),
        budget=budget,
        year=last_year(study),
        ms=number(answer.evaluation.mean_delay_saved_ms, 2),
    )
    return _join(what, _targets(names, answer.evaluation.targets), _proof(answer))


def _links(answer: Answer, names: StudyNames) -> Text:
    """What is built, by the other ends where all candidates share one."""
    portfolio = answer.best.portfolio
    links = listed([names.short(choice.candidate) for choice in portfolio])
    if names.hub is None:
        return links
    return fill(f"proposal.verdict.link{'s' if len(portfolio) > 1 else ''}", hub=names.hub, links=links)


def _targets(names: StudyNames, targets: tuple[TargetState, ...]) -> Text:
    if not targets:
        return Text("", "")
    met = sum(target.met_after for target in targets)
    if met:
        before = sum(target.met_before for target in targets)
        return fill("proposal.verdict.targets", after=met, all=len(targets), before=before)
    nearest = min(targets, key=lambda target: target.after_ms - target.max_one_way_ms)
    return fill(
        "proposal.verdict.no_target",
        all=len(targets),
        nearest=names.target(nearest.target),
        over=number(nearest.after_ms - nearest.max_one_way_ms, 2),
    )


def _proof(answer: Answer) -> Text:
    best = answer.best
    match best.proof:
        case Proof.OPTIMAL:
            return fill("proposal.verdict.optimal") if best.portfolio else Text("", "")
        case Proof.GAP if best.delay_saved > 0:
            return fill("proposal.verdict.gap", gap=percent(best.bound / best.delay_saved - 1, 1))
        case _:
            return fill("proposal.verdict.unproven")


def last_year(study: Study) -> int:
    """The calendar year that evaluations are about."""
    return study.first_year + study.years - 1


def key_figures(study: Study, answer: Answer) -> list[KeyFigure]:
    """Six figures in large type; fewer where parts were not asked for."""
    if not answer.best.portfolio:
        return []
    found, cost = answer.evaluation, answer.evaluation.cost
    note = fill("proposal.key.cost.note", present=number(cost.present_value_cny_million, 0))
    figures = [
        KeyFigure(
            number(cost.build_cny_million, 0),
            fill("proposal.unit.million"),
            fill("proposal.key.cost"),
            note,
        ),
        KeyFigure(
            number(found.mean_delay_saved_ms, 2),
            fill("unit.ms"),
            fill("proposal.key.ms"),
            fill("proposal.key.ms.note", year=last_year(study)),
        ),
    ]
    if found.targets:
        met = sum(target.met_after for target in found.targets)
        before = sum(target.met_before for target in found.targets)
        note = fill("proposal.key.targets.note", before=before)
        label = fill("proposal.key.targets")
        figures.append(KeyFigure(f"{met}/{len(found.targets)}", None, label, note))
    if {"base", "best"} <= set(answer.resilience):
        base, best = answer.resilience["base"], answer.resilience["best"]
        note = fill("proposal.key.loss.note", before=amount(base.expected_lost_gbps_hours_per_year))
        lost = amount(best.expected_lost_gbps_hours_per_year)
        figures.append(KeyFigure(lost, None, fill("proposal.key.loss"), note))
    note = fill(
        "proposal.key.payback.note",
        transit=number(found.transit_saved_cny_million, 0),
        settlement=number(found.settlement_saved_cny_million, 0),
    )
    years = fill("proposal.unit.never").en if found.payback_years is None else number(found.payback_years)
    figures.append(KeyFigure(years, fill("proposal.unit.years"), fill("proposal.key.payback"), note))
    if answer.sureness is not None:
        link, share = _least_sure(answer, answer.sureness)
        note = fill(
            "proposal.key.sure.note",
            link=StudyNames(study).short(link),
            samples=f"{answer.sureness.optimised or answer.sureness.samples:,}",
        )
        figures.append(KeyFigure(percent(share), None, fill("proposal.key.sure"), note))
    return figures


def _least_sure(answer: Answer, sureness: Sureness) -> tuple[str, float]:
    shares = [(c.candidate, sureness.chosen_share.get(c.candidate, 0.0)) for c in answer.best.portfolio]
    return min(shares, key=lambda item: item[1])


def to_know(study: Study, answer: Answer) -> list[Text]:
    """What a decision maker should know before signing, the gravest first."""
    return list(_to_know(study, answer, StudyNames(study)))


def _to_know(study: Study, answer: Answer, names: StudyNames) -> Iterator[Text]:
    found = answer.evaluation
    if found.load_after.unserved_gbps > 0:
        yield fill(
            "proposal.know.unserved",
            gbps=amount(found.load_after.unserved_gbps),
            year=last_year(study),
            link=names.link(found.load_after.link),
        )
    missed = [names.target(target.target) for target in found.targets if not target.met_after]
    if missed and len(missed) < len(found.targets):
        yield fill("proposal.know.targets", targets=listed(missed))
    if found.lost_to_single_cut_gbps_before or found.lost_to_single_cut_gbps_after:
        yield fill(
            "proposal.know.cut",
            after=amount(found.lost_to_single_cut_gbps_after),
            before=amount(found.lost_to_single_cut_gbps_before),
        )
    yield from _doubts(answer, names)
    yield next_words(answer, names)
    dark = [names.short(choice.candidate) for choice in answer.best.portfolio
            if _regenerated(light_of(answer, choice.candidate), choice.capacity_gbps, study)]  # fmt: skip
    if dark:
        yield fill("proposal.know.optics", links=listed(dark))
    yield from _measured(answer.evidence)


def _measured(evidence: tuple[Evidence, ...]) -> Iterator[Text]:
    """What packets said. Where they allow no verdict, that is told, and why."""
    sure = [each for each in evidence if not each.reasons]
    unsure = [each for each in evidence if each.reasons]
    if sure:
        within = sum(each.within_tolerance for each in sure)
        yield fill("proposal.know.evidence", within=within, all=len(sure))
    if unsure:
        reason = unsure[0].reasons[0]
        yield fill("proposal.know.unsure", unsure=len(unsure), all=len(evidence), reason=reason)


def _doubts(answer: Answer, names: StudyNames) -> Iterator[Text]:
    sureness = answer.sureness
    if sureness is None or not answer.best.portfolio:
        return
    saved = interval_of(sureness, "delay_saved")
    if saved is not None and saved.best_estimate > 0:
        link, share = _least_sure(answer, sureness)
        yield fill(
            "proposal.know.sure",
            samples=f"{sureness.samples:,}",
            optimised=f"{sureness.optimised or sureness.samples:,}",
            link=names.short(link),
            share=percent(share),
            low=number(saved.p5 / saved.best_estimate, 2),
            high=number(saved.p95 / saved.best_estimate, 2),
        )
    outcome = interval_of(sureness, sureness.outcome)
    if sureness.swings and outcome is not None and outcome.best_estimate > 0:
        swing, base = sureness.swings[0], outcome.best_estimate
        text = fill(
            "proposal.know.swing",
            assumption=names.figure(swing.assumption),
            outcome=names.figure(sureness.outcome),
            low=amount(swing.low),
            high=amount(swing.high),
            at_low=percent(swing.outcome_at_low / base),
            at_high=percent(swing.outcome_at_high / base),
        )
        first, second = names.short(swing.first_at_low), names.short(swing.first_at_high)
        flip = fill("proposal.know.flip", first=first, second=second)
        yield _join(text, flip) if swing.first_at_low != swing.first_at_high else text


def next_words(answer: Answer, names: StudyNames) -> Text:
    """What more money would buy, and what binds now."""
    found = answer.next_yuan
    binding = names.binding(found.binding)
    if found.step_cny_million is None:
        enough = fill("proposal.know.enough")
        return _join(enough, fill("proposal.know.binding", binding=binding)) if found.binding else enough
    saved = answer.best.delay_saved
    gain = percent(found.gain / saved, 1) if saved > 0 else amount(found.gain)
    return fill(
        "proposal.know.next", step=number(found.step_cny_million, 1), gain=gain, binding=binding
    )  # fmt: skip


def light_of(answer: Answer, candidate: str) -> Optics | None:
    """The optics of a candidate, if they were computed."""
    return next((each for each in answer.optics if each.candidate == candidate), None)


def _regenerated(light: Optics | None, capacity_gbps: float, study: Study) -> bool:
    """Whether one wave of the capacity needs regeneration, or never closes."""
    rate = min(capacity_gbps, study.figure("wave_gbps"))
    return light is not None and (light.highest_rate_gbps or 0.0) < rate


def light_words(answer: Answer, candidate: str, capacity_gbps: float, study: Study) -> Text:
    """Whether light carries a candidate's waves, in three words."""
    light = light_of(answer, candidate)
    if light is None:
        return Text("–", "–")
    if not _regenerated(light, capacity_gbps, study):
        return fill(
            "proposal.light.closes", rate=f"{light.highest_rate_gbps:g}", margin=number(light.margin_db)
        )
    rate = min(capacity_gbps, study.figure("wave_gbps"))
    needed = light.regenerators.get(rate)
    if needed is None:
        return fill("proposal.light.never")
    return fill("proposal.light.regenerators", count=needed)


def interval_of(sureness: Sureness, name: str) -> Interval | None:
    """The interval of a headline figure."""
    return next((each for each in sureness.intervals if each.name == name), None)


def amount(value: float | None) -> str:
    """A quantity with about three digits: ``12,300``, ``8.25``, ``0.0312``."""
    if value is None:
        return number(None)
    size = abs(value)
    if size >= 1000:
        return f"{value:,.0f}".replace("-", "−")
    digits = 0 if size >= 100 or value == round(value) else 1 if size >= 10 else 2 if size >= 1 else 3
    return number(value, digits)


def _join(*texts: Text) -> Text:
    return Text("".join(text.en for text in texts), "".join(text.zh for text in texts))
