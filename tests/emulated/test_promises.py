"""Promised delays on real packets: classes do what they declare; no flood harms an admitted flow."""

from __future__ import annotations

import json
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from experiments.catalog.determinism import Determinism
from experiments.lab import LabOptions
from experiments.manifests import begin
from experiments.report import write_report
from experiments.results import ResultFolder
from experiments.results.determinism import DeterminismSummary
from experiments.run import QUICK, Run, load_network
from tests.emulated.bare_links import bare_links
from topology.emulation.links import LinkProperties
from topology.emulation.links.classes import ClassName
from topology.emulation.links.userspace import UserspacePipe
from topology.emulation.readback import read_back
from topology.network import ReservedClass

pytestmark = pytest.mark.emulated

SLOW, FAST = LinkProperties(10, 2, queue_bytes=25_000), LinkProperties(60, 1, queue_bytes=150_000)


@pytest.mark.usefixtures("cell")
def test_every_class_gets_its_rate_when_all_want_more() -> None:
    pipe = UserspacePipe()
    with bare_links([SLOW, FAST], pipe, reserved=ReservedClass()) as layout:
        readings = read_back(layout, pipe)
    assert not [fault for reading in readings for fault in reading.faults]
    problems = [problem for reading in readings for problem in reading.problems()]
    if problems:
        pytest.skip(f"machine too busy to send as fast as it should: {problems[0]}")
    for reading in readings:
        measured = {each.declared.name: each.rate_mbps or 0 for each in reading.classes}
        declared = {each.declared.name: each.declared.rate_bps / 1e6 for each in reading.classes}
        assert measured[ClassName.RESERVED] >= 0.95 * declared[ClassName.RESERVED]
        assert measured[ClassName.RESERVED] < 1.05 * reading.declared.rate_mbps


@pytest.mark.usefixtures("cell")
def test_classes_that_were_tampered_with_are_told() -> None:
    pipe = UserspacePipe()
    with bare_links([SLOW], pipe, reserved=ReservedClass()) as layout:
        interface, handle = layout.links["l1"].a.interface, "2"
        for command in (
            f"class change dev {interface} parent {handle}:1 classid {handle}:20 htb rate 3mbit ceil 10mbit",
            f"filter del dev {interface} parent {handle}: protocol ip prio 1",
        ):
            subprocess.run(["tc", *command.split()], check=True)
        readings = read_back(layout, pipe, only=["l1"], probes=5, attempts=1)
    told = next(reading.faults for reading in readings if reading.source == "a1")
    assert any(
        "class reserved: rate set to 3000000 bit/s instead of 7500000 bit/s" in fault for fault in told
    )
    assert any("class reserved takes DSCP [] instead of [44, 45]" in fault for fault in told)
    assert not next(reading.faults for reading in readings if reading.source == "b1")


@pytest.mark.usefixtures("cell")
@pytest.mark.timeout(180)
def test_admitted_flows_keep_their_bound_among_floods_and_a_liar(tmp_path: Path) -> None:
    networks = load_network("tiny-deterministic", None)
    depth, options = replace(QUICK, packets=1500), LabOptions()
    folder = ResultFolder.create(
        begin(Determinism.name, networks, options, depth, ()), path=tmp_path / "result"
    )
    summary = Determinism().run(Run(networks, (), depth, options, folder))
    folder.write_summary(summary)
    report = write_report(folder)
    assert report.read_text(encoding="utf-8").count("<svg") == 2 * (1 + len(summary.flows))
    assert ResultFolder.open(folder.path).summary_as(DeterminismSummary) == summary
    assert json.loads((folder.path / "summary.json").read_text())["packets"] == summary.packets
    assert {flow.id for flow in summary.flows} == {"train-beijing", "results-beijing", "mirror-xian"}
    if not summary.verdict.ok:
        pytest.skip(f"no verdict: {summary.verdict.reasons[0].en}")
    assert (summary.lost, summary.duplicated, summary.violations) == (0, 0, 0)
    assert all(flow.sent.conforming for flow in summary.flows)
    assert all(flow.guaranteed_ms == pytest.approx(flow.promised_ms, rel=0.01) for flow in summary.flows)
    assert sum(flow.best_effort.lost for flow in summary.flows) > 0
    assert summary.liar is not None
    assert summary.liar.lost > 0
    assert summary.liar.got_its_due
    assert summary.liar.cut
