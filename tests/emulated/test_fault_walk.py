"""kill -9 at every step of bring-up, run and take-down: nothing of ours stays, nothing of others goes.

Each run is stopped at one step and killed there, four at a time, while another user's Open vSwitch, a plain
Mininet network, and interfaces and a bridge with the very names a lab uses stand in the same namespace.
"""

from __future__ import annotations

import os
import random
import signal
import time
from collections import deque
from collections.abc import Iterator
from pathlib import Path

import pytest

from experiments.measurement.samples import read_results
from experiments.results import ResultFolder
from tests.emulated.fault_bystanders import bystanders
from tests.emulated.fault_runs import Running, begin
from topology.emulation import registry

pytestmark = [
    pytest.mark.emulated,
    pytest.mark.timeout(900),
    pytest.mark.filterwarnings("ignore:distutils Version:DeprecationWarning"),  # plain Mininet's
]

EXPERIMENT = Path(__file__).with_name("fault_experiment.py")
SAMPLES = 20
RUN = ("run", EXPERIMENT, "--quick", "--samples", str(SAMPLES), "--output", "result")

BRING_UP = (
    "topology.emulation.registry:announce",
    "topology.emulation.cell:_create_namespaces_and_run",
    "topology.emulation.cell:_init",
    "experiments.cli.run:begin",
    "experiments.results.folder:ResultFolder.create",
    "experiments.lab:private_network",
    "experiments.lab:pipe_for",
    "experiments.controller_process:ControllerProcess.start",
    "topology.emulation.network:require_room",
    "topology.emulation.nodes:SiteHost.startShell",
    "topology.emulation.switches:Switches.start",
    "topology.emulation.openvswitch:OpenVSwitch.finish",
    "topology.emulation.switches:transact",
    "topology.emulation.nodes:SiteHost.finish_shell",
    "topology.emulation.interfaces:IpBatch.do",
    "topology.emulation.network:set_up_host",
    "topology.emulation.switches:Switches.begin_bridges",
    "topology.emulation.network:EmulatedNetwork._wires",
    "topology.emulation.switches:Switches.settle",
    "topology.emulation.links.shaping:apply",
    "experiments.controller_process:ControllerProcess.wait_for",
)
MEASURING = (
    "experiments.measurement.path:observe_paths",
    "experiments.measurement.sender:SessionSender.stray",
    "experiments.measurement.background:BackgroundTraffic.__exit__",
    "experiments.measurement.ping:measure_ping",
)
TAKE_DOWN = (
    "topology.emulation.network:EmulatedNetwork._take_down",
    "topology.emulation.network:_hang_up",
    "topology.emulation.switches:Switches.stop",
    "experiments.controller_process:ControllerProcess.stop",
    "experiments.cli.run:_conclude",
    "experiments.cli.run:finish",
    "experiments.cli.run:_give_back",
)
STEPS = BRING_UP + MEASURING + TAKE_DOWN
AT_ONCE = 4
WITH_SAMPLES = (*MEASURING[1:], *TAKE_DOWN)


def test_killed_at_any_step_nothing_of_ours_stays(
    cell: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(registry, "LABS", tmp_path / "labs")
    wrong: dict[str, str] = {}
    with bystanders(tmp_path) as theirs:
        for step, run in under_way(tmp_path):
            try:
                run.wait_for_step()
                os.kill(run.pid, signal.SIGKILL)
                assert run.wait() == -signal.SIGKILL
                run.wait_until_gone()
                check_what_is_left(step, run.words_file.parent)
            except AssertionError as error:
                wrong[step] = str(error)
        chance = random.Random(5)
        for run in [begin(RUN, tmp_path / f"moment-{number}") for number in range(AT_ONCE)]:
            time.sleep(chance.uniform(0, 0.5))  # anywhere, also in the middle of a step
            os.kill(run.pid, signal.SIGKILL)
            assert run.wait() == -signal.SIGKILL, run.told
            run.wait_until_gone()
        assert not wrong, "\n".join(f"{step}: {what}" for step, what in wrong.items())
        assert registry.running() == []
        assert list(registry.LABS.iterdir()) == []
        theirs.check()
        run = begin(RUN, tmp_path / "next")
        assert run.wait() in (0, 5), run.told  # 5: the machine was too busy to measure
        theirs.check()


def under_way(folder: Path) -> Iterator[tuple[str, Running]]:
    """Each step and the run that stops there; meanwhile those of the next steps are on their way."""
    runs: deque[tuple[str, Running]] = deque()
    for number, step in enumerate(STEPS):
        runs.append((step, begin(RUN, folder / f"step-{number}", step=step)))
        if len(runs) == AT_ONCE:
            yield runs.popleft()
    yield from runs


def check_what_is_left(step: str, folder: Path) -> None:
    """Only the result folder, readable, with every sample that had come."""
    assert list((folder / "temporary").iterdir()) == []
    result = folder / "result"
    assert {entry.name for entry in folder.iterdir()} <= {"temporary", "words.txt", "result"}
    if not (result / "manifest.json").exists():
        assert step in BRING_UP[:5]
        return
    assert ResultFolder.open(result).manifest.status in ("running", "complete")
    assert not [entry.name for entry in result.iterdir() if entry.name.startswith(".")]
    if step in WITH_SAMPLES:
        (found,) = read_results(result / "base-idle.jsonl").values()
        assert found.sent == SAMPLES
