"""The experiment on promised delays: bounds, figures, verdict, page and table, from made-up packets."""

from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console

from controller.link_service import link_services
from controller.reservations import FRAME_BITS
from experiments.determinism.bounds import flow_bounds, read_back_services
from experiments.determinism.cast import LIAR, OVERLOAD, Cast
from experiments.measurement.contract import policed_bits
from experiments.report import print_summary, write_report
from experiments.results import ResultFolder
from experiments.results.determinism import Delays, DeterminismSummary
from tests.experiments.determined import BOUNDS, CAST, LAYOUT, write_folder
from topology.emulation.links.shaped import ShapedClass
from topology.emulation.reading import ClassReading, LinkReading
from topology.errors import EmulationError, InputError
from topology.scenario import load


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, DeterminismSummary]:
    path = tmp_path_factory.mktemp("results") / "kept"
    return path, write_folder(path)


def _readings(rate_share: float = 1.0) -> list[LinkReading]:
    """As the kernel says it: what was asked for, the reserved rate times ``rate_share``."""
    found = []
    for link in LAYOUT.links.values():
        classes = tuple(
            ClassReading(
                each,
                ShapedClass(
                    round(each.rate_bps * (rate_share if each.name == "reserved" else 1.0)),
                    each.ceil_bps,
                    each.burst_bytes,
                    each.ceil_burst_bytes,
                ),
                each.rate_bps / 1e6,
            )
            for each in link.classes
        )
        for source, end in ((link.a, link.b), (link.b, link.a)):
            figures = (link.properties, 40, 5.0, 5.0, 5.0, link.properties.rate_mbps, 300, 0, 0, 0)
            found.append(LinkReading(link.link, source.site, end.site, *figures, classes=classes))
    return found


def test_bounds_are_computed_from_what_was_read_back() -> None:
    network = CAST.network
    asked = link_services(network, rate_scale=network.rate_scale)
    assert read_back_services(network, _readings()) == asked
    slower = read_back_services(network, _readings(rate_share=0.9))
    assert all(slower[place].rate_bps < asked[place].rate_bps for place in asked)
    with pytest.raises(EmulationError, match="no class"):
        read_back_services(network, [replace(_readings()[0], classes=())])


def test_the_guaranteed_bound_is_the_promise_and_the_tight_one_lies_below() -> None:
    for one in CAST.honest:
        bound = BOUNDS[one.id]
        assert bound.guaranteed_ns == one.primary.bound_ns
        assert bound.tight_ns is not None
        assert bound.propagation_ns < bound.tight_ns < bound.guaranteed_ns
    alone = flow_bounds(CAST.honest, link_services(CAST.network, rate_scale=CAST.network.rate_scale))
    shared = CAST.honest[0].id  # the liar goes the same way, so without it the bound is tighter
    assert (alone[shared].tight_ns or 0) < (BOUNDS[shared].tight_ns or 0)


def test_bursts_that_meters_let_pass_widen_the_budget_if_they_do_not_fit() -> None:
    services = link_services(CAST.network, rate_scale=CAST.network.rate_scale)
    large = [replace(one, burst_bits=9 * FRAME_BITS) for one in CAST.honest]
    widened = flow_bounds(large, services)
    assert all(widened[one.id].guaranteed_ns > one.primary.bound_ns for one in CAST.honest)


def test_the_liar_goes_the_way_of_an_honest_flow() -> None:
    assert CAST.liar is not None
    assert CAST.liar.primary.sites == CAST.honest[0].primary.sites
    assert LIAR not in [one.id for one in CAST.honest]
    loads = {load.interface: load for load in CAST.loads(LAYOUT)}
    link = LAYOUT.links["qingyang--beijing"]
    assert loads[link.a.interface].rate_mbps == OVERLOAD * link.properties.rate_mbps
    assert link.link in CAST.links(LAYOUT)


def test_scenarios_without_promises_are_refused_with_a_hint() -> None:
    with pytest.raises(InputError, match="no reserved demands") as raised:
        Cast.of(load("tiny"))
    assert "tiny-deterministic" in raised.value.problems[0].hint


def test_percentiles_are_delays_that_occurred() -> None:
    found = Delays.of([n * 1_000_000 for n in range(1, 2001)], sent=2003, lost=3)
    assert (found.min_ms, found.p50_ms, found.p99_ms, found.p999_ms, found.max_ms) == (
        1,
        1000,
        1980,
        1998,
        2000,
    )
    assert Delays.of([], sent=4, lost=4).max_ms is None


def test_a_policer_passes_what_the_contract_says() -> None:
    sent = [(n * 1_000_000, 1000) for n in range(300)]  # 8 Mbit/s
    passed = policed_bits(sent, 2_000_000, 16_000)
    assert passed == pytest.approx(2_000_000 * 0.299 + 16_000, rel=0.03)


def test_a_kept_promise(kept: tuple[Path, DeterminismSummary]) -> None:
    _path, summary = kept
    assert (summary.violations, summary.lost, summary.beyond_bound) == (0, 0, 0)
    assert summary.verdict.ok
    assert summary.verdict.text.en.startswith("The promise was kept: of 1,200 packets")
    assert summary.worst is not None
    assert 0 < (summary.worst.ratio or 0) < 1
    assert all(flow.sent.conforming for flow in summary.flows)
    assert all(flow.processing.max_ms < 0.31 for flow in summary.flows)
    assert summary.largest_burst_ratio <= 1
    assert all(flow.best_effort_failed_ratio > 0.2 for flow in summary.flows)


def test_a_broken_promise_is_said(tmp_path: Path) -> None:
    summary = write_folder(tmp_path / "broken", late_ns=15_000_000)
    assert summary.violations > 0
    assert summary.beyond_bound >= summary.violations
    assert summary.verdict.ok  # it was measured, and that is the finding
    assert "broken" in summary.verdict.text.en


def test_a_busy_machine_gives_no_verdict(tmp_path: Path) -> None:
    summary = write_folder(tmp_path / "busy", busy=True)
    assert not summary.verdict.ok
    assert "too busy" in summary.verdict.reasons[0].en


def test_the_summary_is_read_back(kept: tuple[Path, DeterminismSummary]) -> None:
    path, summary = kept
    assert ResultFolder.open(path).summary_as(DeterminismSummary) == summary


def test_the_page_shows_both_distributions_and_the_bound(kept: tuple[Path, DeterminismSummary]) -> None:
    path, summary = kept
    report = write_report(ResultFolder.open(path))
    text = report.read_text(encoding="utf-8")
    assert write_report(ResultFolder.open(path)).read_text(encoding="utf-8") == text  # the same bytes
    assert text.count("<svg") == 2 * (1 + len(summary.flows))
    for words in ("without reservation", "无预留", "bound", "上界", "Own processing", summary.flows[0].id):
        assert words in text
    assert "http://" not in text.replace("http://www.w3.org", "").replace("http://creativecommons", "")


@pytest.mark.parametrize(("language", "words"), [("en", "kept"), ("zh", "承诺得到遵守")])
def test_the_table_ends_with_the_verdict(
    kept: tuple[Path, DeterminismSummary], language: str, words: str
) -> None:
    console = Console(width=110, record=True, file=io.StringIO())
    print_summary(kept[1], console=console, language=language)
    text = console.export_text()
    assert words in "".join(text.splitlines()[-3:])
    assert all(flow.id in text for flow in kept[1].flows)
