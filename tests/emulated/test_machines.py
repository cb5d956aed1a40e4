"""One network on two machines, which are namespaces: measured as on one, and gone whatever happens."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from experiments.benchmarks.machines import bench_machines
from experiments.machines.lab import PlacedLab
from experiments.machines.namespaces import NamespaceMachines
from experiments.machines.spreading import spread_over
from experiments.measurement.endpoint import Endpoint, inside_namespace
from experiments.run import Depth
from tests.emulated.fault_runs import MARK, Running, begin
from tests.emulated.fitness import failing_each_time, skip_if_unfit
from tests.patience import PATIENCE_S, wait_until
from topology.emulation import registry
from topology.emulation.cell import private_network
from topology.emulation.layout import Layout
from topology.emulation.links import shaping, tc
from topology.emulation.parts.network import PartNetwork
from topology.errors import EmulationError, MachineError
from topology.placement.model import Machine
from topology.placement.parts import parts
from topology.scenario import load

pytestmark = pytest.mark.emulated
_KEPT: list[object] = []


@pytest.fixture
def two(cell: None) -> Iterator[NamespaceMachines]:
    with private_network(), NamespaceMachines(2, one_way_ms=0.2) as machines:
        yield machines


def test_it_measures_as_on_one_machine(cell: None) -> None:
    def ask(_seed: int) -> set[str]:
        rows = bench_machines(["tiny"], 2, Depth(samples=40, pings=2, throughput_s=1))
        (crossing,) = [row["against"] for row in rows if row["what"] == "tiny: sites"]
        assert crossing in ("1 of 3 links cross", "2 of 3 links cross")
        delay, rate = [row for row in rows if "qingyang > beijing" in row["what"]]
        wrong = {"delay"} if delay["ratio"] != "holds" else set()
        if rate["ours"] <= 0.75 * rate["other"]:  # one second is too short for more
            wrong.add("rate")
        return wrong

    failing = failing_each_time(ask)
    if failing:
        skip_if_unfit()
    assert not failing


def test_paths_are_seen_on_every_machine_and_a_part_that_is_killed_is_named(two: NamespaceMachines) -> None:
    spread = spread_over(two.fleet, load("tiny"), two.outside)
    lab = PlacedLab(load("tiny"), spread)
    inner = set(lab.layout.links) - set(spread.placement.crossing)
    with pytest.raises(EmulationError, match="the part on machine m2 was killed by SIGKILL"), lab:
        _measure_and_kill_part_of(lab, inner)
    wait_until(lambda: not [record for record in registry.running() if record.verb == "part"])


def _measure_and_kill_part_of(lab: PlacedLab, inner: set[str]) -> None:
    pair = (lab.endpoint("qingyang"), lab.endpoint("beijing"))
    (crossed,) = lab.observe_paths([pair]).values()
    assert crossed.sites == ("qingyang", "lanzhou", "xian", "beijing")
    assert {reading.link for reading in lab.read_back()} == inner
    (across,) = lab.placement.crossing
    _shaper_of_a_crossing_link_is_read_back(lab, across)
    for up, lost in ((False, True), (True, False)):
        before = len(lab.controller.events)
        lab.set_link(across, up=up)
        assert (
            bool(lab.controller.wait_for_next("repaired", before, timeout_s=PATIENCE_S)["unreachable"])
            is lost
        )
    (part,) = [record for record in registry.running() if record.verb == "part"]
    os.kill(part.pid, signal.SIGKILL)
    time.sleep(PATIENCE_S)  # and is woken from it by the error


def _shaper_of_a_crossing_link_is_read_back(lab: PlacedLab, across: str) -> None:
    assert isinstance(lab.emulated, PartNetwork)
    end = lab.emulated.part.crossings[across]
    ((interface, handle),) = shaping.ends(end.link, end.side)
    change = f"tc class change dev {interface.interface} classid {handle:x}:1 htb rate"
    subprocess.run([*change.split(), "1mbit"], check=True)
    with pytest.raises(EmulationError, match=f"{across}: rate set to 1 Mbit/s instead of"):
        lab.emulated.check_crossings()
    tc.run([each for each in shaping.link_commands(end.link, end.side) if each.text.startswith("class")])
    lab.emulated.check_crossings()


@pytest.mark.parametrize("how", ["its stdin ends", "it is killed"])
def test_a_part_leaves_nothing_when(how: str, two: NamespaceMachines, tmp_path: Path) -> None:
    machine = two.fleet.machines[1]
    process, part = _start_part(two, machine, tmp_path)
    assert part.processes()
    if how == "it is killed":
        process.kill()
    os.close(part.reached)  # its stdin
    assert process.wait(timeout=PATIENCE_S) == (-signal.SIGKILL if how == "it is killed" else 0)
    part.wait_until_gone()


def test_a_leader_that_is_killed_leaves_nothing(two: NamespaceMachines, tmp_path: Path) -> None:
    file = tmp_path / "machines.yaml"
    there = tmp_path / "m2"
    there.touch()
    # A process id means something else in the leader's cell; a file is the same everywhere.
    subprocess.run(["mount", "--bind", f"/proc/{two.pids[1]}/ns/net", there], check=True)
    file.write_text(json.dumps(_file_of(two, ["nsenter", f"--net={there}", "--"])))
    for end in (signal.SIGKILL, signal.SIGTERM):  # the second run finds nothing of the first in its way
        up = begin(
            ["up", "tiny", "--machines", file, "--no-check"],
            tmp_path / end.name,
            step="experiments.cli.prompt:Prompt.cmdloop",
            prepare=lambda: _move_to(two),
        )
        up.wait_for_step()
        assert "of 3 links cross" in up.told
        assert up.find("ovs-vswitchd")
        os.kill(up.pid, end)
        up.wait()
        up.wait_until_gone()
    subprocess.run(["umount", there], check=True)


def test_an_underlay_without_room_for_tunnels_is_told_before_anything_is_built(
    two: NamespaceMachines,
) -> None:
    with inside_namespace(Endpoint("m1", "", f"/proc/{two.pids[0]}/ns/net")):
        subprocess.run(["ip", "link", "set", "eth0", "mtu", "1500"], check=True)
    with pytest.raises(MachineError, match=r"packets of at most 1500 bytes pass; a tunnel needs 1550"):
        spread_over(two.fleet, load("tiny"), two.outside)


def _start_part(
    two: NamespaceMachines, machine: Machine, folder: Path
) -> tuple[subprocess.Popen[str], Running]:
    network = load("tiny")
    spread = spread_over(two.fleet, network, two.outside)
    part = parts(Layout.of(network), spread.placement)[machine.name]
    mark = f"{folder.name}-{os.getpid()}"
    reading, writing = os.pipe()
    process = subprocess.Popen(
        [*machine.reach, *machine.program, "part", "up", "-"],
        stdin=reading,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, MARK: mark},
    )
    os.close(reading)
    os.write(writing, json.dumps(json.loads(part.to_json())).encode() + b"\n")
    assert process.stdout is not None
    told = json.loads(process.stdout.readline())
    assert told["event"] == "up"
    assert set(told["hosts"]) == set(part.layout.sites)
    return process, Running(process.pid, mark, writing, folder / "words")


def _file_of(two: NamespaceMachines, reach: list[str]) -> dict[str, object]:
    return {
        "placement": 1,
        "machines": {
            machine.name: {
                "address": machine.address,
                "reach": reach if machine.reach else [],
                "program": list(machine.program),
                "mtu_bytes": machine.mtu_bytes,
            }
            for machine in two.fleet.machines
        },
    }


def _move_to(two: NamespaceMachines) -> None:
    """Into the namespace that stands for the machine that leads, for good."""
    moved = inside_namespace(Endpoint("m1", "", f"/proc/{two.pids[0]}/ns/net"))
    moved.__enter__()
    _KEPT.append(moved)  # its end would lead back
