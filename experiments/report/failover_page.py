"""The page of the experiment on faults."""

from __future__ import annotations

from experiments.failover.kinds import NAMES, Kind
from experiments.failover.record import Recorded, read_trials
from experiments.failover.summary import FailoverSummary, KindResult
from experiments.report import failover_charts
from experiments.report.figures import Drawing
from experiments.report.findings import KeyFigure
from experiments.report.page import environment, rendered
from experiments.report.text import fill, number
from experiments.results import ResultFolder
from topology.network import ReservedClass, Text

TRIALS = "trials.jsonl"
_CARRIER = (Kind.CARRIER, Kind.CONTROLLER_DEATH)
_SILENT = (Kind.SILENT_ONE_WAY, Kind.SILENT_TWO_WAY, Kind.SWITCH_DEATH)


def render(folder: ResultFolder) -> str:
    """The page as text. Raises ``InputError`` if the folder has no summary, or a file in it is damaged."""
    manifest = folder.manifest
    summary = folder.summary_as(FailoverSummary)
    network = folder.network("base")
    marks = network.routing.reserved if network is not None else None
    mark = (marks or ReservedClass()).dscp
    page = environment()
    page.globals["same"] = lambda id_: Text(id_, id_)
    return rendered(
        page.get_template("failover.html.j2"),
        manifest,
        summary=summary,
        title=summary.scenarios["base"].title,
        key_figures=_key_figures(summary),
        order=_order(summary),
        events=failover_charts.EVENTS,
        panels=_panels(list(read_trials(folder.path / TRIALS)), mark),
    )


def _order(summary: FailoverSummary) -> Drawing | None:
    if not summary.kinds:
        return None
    return Drawing.of(
        "order",
        fill("failover.order.alt"),
        lambda language, name: failover_charts.order_of_events(summary.kinds, language, name),
    )


def _panels(trials: list[Recorded], mark: int) -> list[Drawing]:
    found = []
    for kind in Kind:
        trial = failover_charts.typical(trials, kind)
        if trial is not None:
            found.append(_panel(trial, mark))
    return found


def _panel(trial: Recorded, mark: int) -> Drawing:
    title = NAMES[trial.kind]
    return Drawing.of(
        f"packets-{trial.kind}",
        fill("failover.packets.alt"),
        lambda language, name: failover_charts.packet_by_packet(
            trial, title.in_language(language), mark, language, name
        ),
    )


def _key_figures(summary: FailoverSummary) -> list[KeyFigure]:
    """What a reader in a hurry should take home."""
    if not summary.kinds:
        return []
    milliseconds = fill("unit.ms")
    found = []
    for key, group in (("carrier", _CARRIER), ("silent", _SILENT)):
        results = [each for each in summary.kinds if each.kind in group]
        if results:
            longest = max(each.interruption_ms.max for each in results)
            label = fill(f"failover.key.{key}")
            found.append(KeyFigure(number(longest, 0), milliseconds, label, _met(results)))
    tried = sum(each.repetitions for each in summary.kinds)
    twice = sum(each.duplicated for each in summary.kinds)
    circled = sum(each.expired for each in summary.kinds)
    note = fill("failover.key.twice.note", tried=tried)
    found.append(KeyFigure(str(twice), None, fill("failover.key.twice"), note))
    note = fill("failover.key.loops.note")
    found.append(KeyFigure(str(circled), None, fill("failover.key.loops"), note))
    if summary.alarms is not None:
        note = fill(
            "failover.key.alarms.note",
            seconds=number(summary.alarms.seconds, 0),
            filled=summary.alarms.links_filled,
            links=summary.alarms.links,
        )
        label = fill("failover.key.alarms")
        found.append(KeyFigure(str(summary.alarms.false_alarms), None, label, note))
    return found


def _met(results: list[KindResult]) -> Text:
    return fill(
        "failover.key.goal",
        within=sum(each.within_goal or 0 for each in results),
        tried=sum(each.repetitions for each in results),
        goal=number(results[0].goal_ms, 0),
    )
