"""Tables on proposals for the terminal: the ranking, the portfolio, the targets, then the verdict."""

from __future__ import annotations

from rich.console import Console
from rich.table import Table
from rich.text import Text as Styled

from experiments.proposals.findings import Answer
from experiments.proposals.model import Study
from experiments.report.proposal_findings import amount, last_year, light_words, to_know, verdict
from experiments.report.proposal_names import StudyNames
from experiments.report.style import Language
from experiments.report.text import NOTHING, fill, number, percent
from topology.network import Text


def print_proposal(study: Study, answer: Answer, *, console: Console, language: str = "en") -> None:
    """Print the tables, then the verdict and what to know: the last thing on the screen is the answer."""
    chosen: Language = "zh" if language == "zh" else "en"
    tables = [_ranking(study, answer, chosen)]
    if answer.best.portfolio:
        tables.append(_portfolio(study, answer, chosen))
    if answer.evaluation.targets:
        tables.append(_targets(study, answer, chosen))
    for table in tables:
        console.print(table)
        console.print()
    console.print(Styled(verdict(study, answer).in_language(chosen), style="bold"))
    for text in to_know(study, answer):
        console.print(Styled(f"  - {text.in_language(chosen)}"))


def _ranking(study: Study, answer: Answer, language: Language) -> Table:
    names, chosen = StudyNames(study), {choice.candidate for choice in answer.best.portfolio}
    title = fill("proposal.terminal.ranking", first=study.first_year, last=last_year(study))
    table = _table(title, language)
    for key in ("rank", "link"):
        table.add_column(_word(key, language), justify="left")
    for key in ("build", "yearly", "mean_ms", "per_ms", "moved", "per_gbps", "payback", "targets_met"):
        table.add_column(_word(key, language), justify="right")
    for rank, each in enumerate(answer.alone, 1):
        candidate = each.portfolio[0].candidate
        table.add_row(
            f"{rank}{'*' if candidate in chosen else ''}",
            Styled(names.short(candidate).in_language(language)),
            amount(each.cost.build_cny_million),
            amount(each.cost.yearly_cny_million),
            number(each.mean_delay_saved_ms, 2),
            amount(each.cost_per_ms_cny_million),
            amount(sum(each.moved_demands.values())),
            amount(each.cost_per_gbps_cny_million),
            number(each.payback_years),
            f"{sum(target.met_after for target in each.targets)}/{len(each.targets)}",
            style="bold" if candidate in chosen else None,
        )
    return table


def _portfolio(study: Study, answer: Answer, language: Language) -> Table:
    names = StudyNames(study)
    table = _table(
        fill("proposal.terminal.portfolio", budget=number(answer.best.budget_cny_million, 0)), language
    )
    table.add_column(_word("link", language))
    for key in ("capacity", "year"):
        table.add_column(_word(key, language), justify="right")
    if answer.optics:
        table.add_column(_word("light", language))
    if answer.sureness:
        table.add_column(_word("chosen_share", language), justify="right")
    for choice in answer.best.portfolio:
        cells = [
            names.candidate(choice.candidate).in_language(language),
            f"{choice.capacity_gbps:g}",
            str(choice.year),
        ]
        if answer.optics:
            light = light_words(answer, choice.candidate, choice.capacity_gbps, study)
            cells.append(light.in_language(language))
        if answer.sureness:
            cells.append(percent(answer.sureness.chosen_share.get(choice.candidate)))
        table.add_row(*(Styled(cell) for cell in cells))
    return table


def _targets(study: Study, answer: Answer, language: Language) -> Table:
    names, limit_ms = StudyNames(study), study.figure("unserved_ms")
    table = _table(fill("proposal.terminal.targets"), language)
    table.add_column(_word("target", language))
    for key in ("limit", "before", "after", "worst_cut"):
        table.add_column(_word(key, language), justify="right")
    table.add_column("")

    def delay(value: float | None) -> str:
        gone = value is None or value >= limit_ms
        return _word("cut_off", language) if gone else number(value, 2)

    for target in answer.evaluation.targets:
        table.add_row(
            Styled(names.target(target.target).in_language(language)),
            f"{target.max_one_way_ms:g}",
            delay(target.before_ms),
            delay(target.after_ms),
            delay(target.worst_cut_after_ms),
            _word("met" if target.met_after else "missed", language),
        )
    return table


def _table(title: Text, language: Language) -> Table:
    return Table(
        title=Styled(title.in_language(language), style="bold"),
        title_justify="left",
        box=None,
        padding=(0, 2, 0, 0),
        header_style="bold",
        pad_edge=False,
    )


def _word(key: str, language: Language) -> str:
    return fill(f"proposal.{key}").in_language(language) or NOTHING
