"""Running the tools of Open vSwitch: much to read, long to wait, nobody there to wait for."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from topology.emulation.openvswitch import OpenVSwitch, how_it_ended
from topology.errors import EmulationError


@pytest.fixture
def openvswitch(tmp_path: Path) -> OpenVSwitch:
    return OpenVSwitch(tmp_path / "s7")


def test_a_slow_tool_gets_all_it_reads_and_is_heard_to_the_end(openvswitch: OpenVSwitch) -> None:
    text = "a flow of many\n" * 40_000  # more than a pipe holds
    assert openvswitch._run(["sh", "-c", "sleep 0.8; cat; sleep 0.8; echo done"], text) == text + "done\n"
    assert openvswitch._run(["cat"]) == ""


def test_a_tool_that_fails_is_quoted(openvswitch: OpenVSwitch) -> None:
    with pytest.raises(EmulationError, match=r"sh failed: no such bridge"):
        openvswitch._run(["sh", "-c", "echo no such bridge >&2; exit 1"])
    with pytest.raises(EmulationError, match=r"sh failed: status 3, and no word"):
        openvswitch._run(["sh", "-c", "exit 3"])


def test_nobody_waits_for_a_daemon_that_has_died(openvswitch: OpenVSwitch) -> None:
    with subprocess.Popen(["sh", "-c", "kill -9 $$"]) as dead:
        openvswitch._daemons["ovs-vswitchd"] = dead
    with pytest.raises(
        EmulationError, match=r"ovs-vswitchd of s7 was killed by SIGKILL\n +hint: its log ends: no log"
    ):
        openvswitch._run(["sleep", "100"])
    with pytest.raises(EmulationError, match="was killed by SIGKILL"):
        openvswitch.check()


def test_an_end_in_words() -> None:
    assert how_it_ended(-9) == "was killed by SIGKILL"
    assert how_it_ended(3) == "ended with exit code 3"
