"""The lab as a whole, on the smallest scenario: what a user relies on, on real packets."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from experiments.lab import Lab
from experiments.measurement.path import observe_paths
from experiments.results import ResultFolder, summary_schema
from tests.emulated.fitness import ATTEMPTS
from tests.patience import PATIENCE_S, wait_until
from topology.errors import MachineError
from topology.network import Network
from topology.scenario import load

pytestmark = [pytest.mark.emulated, pytest.mark.timeout(600)]

SMALL = Path(__file__).with_name("fault_experiment.py")  # a few seconds: a little of each measurement
OVERLAY = """\
onehop: 1
id: tiny-direct
base: tiny
title: {en: A direct link, zh: 一条直达链路}
sources:
  geo: {title: great circle, grade: A}
add:
  links:
    - {ends: [qingyang, beijing], capacity_gbps: 100, assumption: a test}
"""


@pytest.fixture
def tiny(cell: None) -> Network:
    return load("tiny")


@pytest.fixture
def overlay(tmp_path: Path) -> Path:
    path = tmp_path / "tiny-direct.yaml"
    path.write_text(OVERLAY, encoding="utf-8")
    return path


def onehop(*words: str | Path, **options: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(  # type: ignore[call-overload, no-any-return]
        [sys.executable, "-m", "experiments.cli", *map(str, words)],
        capture_output=True,
        text=True,
        check=False,
        timeout=500,
        **options,
    )


def pinged(lab: Lab) -> str:
    """What ping says from Qingyang to Beijing; fails unless all three come back at least once."""
    address = lab.layout.sites["beijing"].host_ip
    for _ in range(ATTEMPTS):  # ping does not wait long for the last one
        told = lab.emulated.host("qingyang").cmd(f"ping -n -c 3 -i 0.2 {address}")
        if "3 received" in told:
            return told
    raise AssertionError(told)


def test_packets_take_the_planned_path_and_every_switch_counts_a_hop(tiny: Network) -> None:
    with Lab(tiny) as lab:
        pair = (lab.endpoint("qingyang"), lab.endpoint("beijing"))
        crossed = observe_paths(lab.layout, [pair])["qingyang", "beijing"]
        assert crossed.sites == ("qingyang", "lanzhou", "xian", "beijing")
        assert f"ttl={64 - len(crossed.sites)}" in pinged(lab)


def test_a_cut_is_routed_around_and_mended(cell: None, overlay: Path) -> None:
    with Lab(load(str(overlay))) as lab:
        pair = (lab.endpoint("qingyang"), lab.endpoint("beijing"))

        def path() -> tuple[str, ...]:
            return observe_paths(lab.layout, [pair])["qingyang", "beijing"].sites

        assert path() == ("qingyang", "beijing")
        for up, expected in (
            (False, ("qingyang", "lanzhou", "xian", "beijing")),
            (True, ("qingyang", "beijing")),
        ):
            before = len(lab.controller.events)
            lab.emulated.set_link("qingyang--beijing", up=up)
            lab.controller.wait_for_next("repaired", before, timeout_s=PATIENCE_S)
            assert path() == expected


def test_traffic_flows_while_the_controller_restarts(tiny: Network) -> None:
    with Lab(tiny) as lab:
        lab.controller.stop()
        pinged(lab)
        before = len(lab.controller.events)
        lab.controller.start()
        event = lab.controller.wait_for_next("programmed", before, timeout_s=PATIENCE_S)
        assert event["switches"] == len(tiny.sites)
        pinged(lab)


def test_a_lab_outside_a_cell_is_refused(monkeypatch: pytest.MonkeyPatch, cell: None) -> None:
    monkeypatch.delenv("ONEHOP_CELL")
    with pytest.raises(MachineError, match="inside a cell"), Lab(load("tiny")):
        pass


def test_a_run_ends_in_a_report(cell: None, overlay: Path, tmp_path: Path) -> None:
    import jsonschema

    folder = tmp_path / "result"
    done = onehop("run", "--proposal", overlay, "--quick", "--json", "--output", folder)
    # 5: a machine too busy for a verdict; everything is measured and written all the same.
    assert done.returncode in (0, 5), done.stderr
    summary = json.loads(done.stdout)
    jsonschema.validate(summary, summary_schema())
    assert summary == json.loads((folder / "summary.json").read_text())
    (pair,) = summary["pairs"]
    assert pair["base"]["path"] == ["qingyang", "lanzhou", "xian", "beijing"]
    assert pair["proposal"]["path"] == ["qingyang", "beijing"]
    assert pair["base"]["hops"] == 3
    assert pair["proposal"]["hops"] == 1
    for variant in ("base", "proposal"):
        found = pair[variant]
        assert found["path_proven"]
        assert found["sent"] == 100
        assert found["floor_rtt_ms"] < found["rtt_ms"]["min"]
        # A loose bound that no busy machine breaks; tolerance is the verdict's business.
        assert found["rtt_ms"]["min"] == pytest.approx(found["predicted_rtt_ms"], rel=0.1, abs=1.0)
        assert found["throughput_mbps"]["tcp"] > 0
    assert ResultFolder.open(folder).manifest.status in ("complete", "refused")
    page = (folder / "report.html").read_text()
    assert "庆阳" in page
    assert "Qingyang" in page


def test_killed_in_the_middle_the_next_run_works_and_samples_are_kept(
    cell: None, overlay: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "killed"
    command = [sys.executable, "-m", "experiments.cli", "run", "--proposal", str(overlay)]
    command += ["--samples", "100000", "--output", str(folder)]
    environment = {**os.environ, "ONEHOP_TEST_MARK": folder.name}
    process = subprocess.Popen(command, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL, env=environment)
    deadline = time.monotonic() + 3 * PATIENCE_S
    samples = folder / "base-idle.jsonl"
    while not (samples.exists() and samples.stat().st_size > 2000):
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.05)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert ResultFolder.open(folder).manifest.status == "running"
    wait_until(lambda: not _processes_with(b"ONEHOP_TEST_MARK=" + folder.name.encode()))
    assert json.loads(onehop("status", "--json").stdout) == []
    again = onehop("run", SMALL, "--quick", "--samples", "20", "--output", tmp_path / "next")
    assert again.returncode in (0, 5), again.stderr


def test_an_interrupt_takes_everything_down(cell: None, overlay: Path, tmp_path: Path) -> None:
    folder = tmp_path / "interrupted"
    command = [sys.executable, "-m", "experiments.cli", "run", "--proposal", str(overlay)]
    process = subprocess.Popen(
        [*command, "--samples", "100000", "--output", str(folder)],
        stderr=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,  # a terminal sends Ctrl-C to the whole group
    )
    deadline = time.monotonic() + 3 * PATIENCE_S
    while not (folder / "base-idle.jsonl").exists():
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.05)
    os.killpg(process.pid, signal.SIGINT)
    _, told = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 130
    assert "Traceback" not in told
    assert str(folder) in told
    assert ResultFolder.open(folder).manifest.status == "interrupted"


def _processes_with(mark: bytes) -> list[str]:
    found = []
    for path in Path("/proc").glob("[0-9]*/environ"):
        try:
            if mark in path.read_bytes():
                found.append(path.parent.name)
        except OSError:
            continue
    return found
