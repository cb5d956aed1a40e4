"""The page of the experiment on promised delays."""

from __future__ import annotations

from collections.abc import Mapping

from experiments.measurement.contract import FlowOutcome, outcomes
from experiments.report import determinism_charts
from experiments.report.determinism_charts import Tail
from experiments.report.figures import Drawing
from experiments.report.findings import KeyFigure
from experiments.report.page import environment, rendered
from experiments.report.text import fill, number, percent
from experiments.results import ResultFolder
from experiments.results.determinism import PHASES, DeterminismSummary, Phase, PromisedFlow
from topology.network import Text

_NS_PER_MS = 1e6
Raw = Mapping[Phase, Mapping[str, FlowOutcome]]


def render(folder: ResultFolder) -> str:
    """The page as text. Raises ``InputError`` if the folder has no summary, or a file in it is damaged."""
    manifest = folder.manifest
    summary = folder.summary_as(DeterminismSummary)
    network = folder.network("base")
    names = {} if network is None else {id_: site.name for id_, site in network.sites.items()}
    raw = {phase: _raw(folder, phase) for phase in PHASES}
    page = environment()
    page.globals["site"] = lambda id_: names.get(id_, Text(id_, id_))
    return rendered(
        page.get_template("determinism.html.j2"),
        manifest,
        summary=summary,
        title=summary.scenarios["base"].title,
        key_figures=_key_figures(summary),
        together=_together(summary, raw),
        panels=_panels(summary, raw),
        phases=PHASES,
        colours=determinism_charts.COLOURS,
        bound_colour=determinism_charts.BOUND,
    )


def _raw(folder: ResultFolder, phase: Phase) -> Mapping[str, FlowOutcome]:
    """The packets of a phase, by flow; none if the run ended before."""
    sent, received = (folder.path / f"{phase}.{kind}.jsonl" for kind in ("sent", "received"))
    return outcomes(sent, received) if sent.exists() and received.exists() else {}


def _together(summary: DeterminismSummary, raw: Raw) -> Drawing | None:
    tails: dict[Phase, Tail] = {}
    for phase in PHASES:
        shares: list[float] = []
        sent = 0
        for flow in summary.flows:
            outcome = raw[phase].get(flow.id)
            if outcome is not None:
                shares += [delay / _NS_PER_MS / flow.guaranteed_ms for delay in outcome.delays_ns]
                sent += outcome.sent
        if sent:
            tails[phase] = Tail(shares, sent)
    if not tails:
        return None
    return Drawing.of(
        "together",
        fill("determinism.together.alt"),
        lambda language, name: determinism_charts.shares_of_bound(tails, language, name),
    )


def _panels(summary: DeterminismSummary, raw: Raw) -> list[Drawing]:
    found = []
    for place, flow in enumerate(summary.flows):
        tails = {
            phase: Tail([delay / _NS_PER_MS for delay in outcome.delays_ns], outcome.sent)
            for phase in PHASES
            if (outcome := raw[phase].get(flow.id)) is not None and outcome.sent
        }
        if tails:
            found.append(_panel(place, flow, tails))
    return found


def _panel(place: int, flow: PromisedFlow, tails: Mapping[Phase, Tail]) -> Drawing:
    return Drawing.of(
        f"flow-{place}",
        fill("determinism.flow.alt", name=flow.id),
        lambda language, name: determinism_charts.delays_of_flow(
            flow.id, tails, flow.guaranteed_ms, flow.tight_ms, language, name
        ),
    )


def _key_figures(summary: DeterminismSummary) -> list[KeyFigure]:
    """What a reader in a hurry should take home; empty if nothing can be relied on."""
    worst = summary.worst
    if not summary.verdict.ok or worst is None:
        return []
    sent = sum(flow.best_effort.sent for flow in summary.flows)
    failed = sum(flow.best_effort.lost + flow.best_effort_beyond for flow in summary.flows)
    processing = max(flow.processing.max_ms for flow in summary.flows)
    found = [
        KeyFigure(
            str(summary.violations),
            None,
            fill("determinism.key.violations"),
            fill("determinism.key.violations.note", packets=f"{summary.packets:,}"),
        ),
        KeyFigure(str(summary.lost), None, fill("determinism.key.lost"), fill("determinism.key.lost.note")),
        KeyFigure(
            percent(worst.ratio),
            None,
            fill("determinism.key.ratio"),
            fill(
                "determinism.key.ratio.note",
                worst=number(worst.loaded.max_ms, 2),
                bound=number(worst.guaranteed_ms, 2),
                name=worst.id,
            ),
        ),
        KeyFigure(
            percent(failed / sent if sent else None),
            None,
            fill("determinism.key.best_effort"),
            fill("determinism.key.best_effort.note"),
        ),
        KeyFigure(
            number(processing, 2),
            fill("unit.ms"),
            fill("determinism.key.processing"),
            fill("determinism.key.processing.note"),
        ),
    ]
    if summary.liar is not None:
        found.append(
            KeyFigure(
                percent(summary.liar.lost / summary.liar.sent if summary.liar.sent else None),
                None,
                fill("determinism.key.liar"),
                fill("determinism.key.liar.note"),
            )
        )
    return found
