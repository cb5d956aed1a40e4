"""Network namespaces that stand for machines, joined by a switched network with a delay of its own.

To show and test on one machine what is meant for several: each "machine" has its own network stack, and the
only way from one to another is the network between them. They share a kernel, and so a clock.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType

from experiments.measurement.endpoint import Endpoint, inside_namespace
from topology.emulation.links import LinkProperties, Wire
from topology.emulation.links.choose import pipe_for
from topology.emulation.links.steering import steer_all
from topology.emulation.parts.reach import OutsideNetwork
from topology.errors import EmulationError, MachineError
from topology.placement.fleet import Fleet
from topology.placement.model import Machine

MTU_BYTES = 9000
RATE_MBPS = 1000.0
_ROOT = Path(__file__).resolve().parents[2]
_HOLD = ("setpriv", "--pdeathsig", "KILL", "--", "unshare", "--net", "--", "sleep", "infinity")
_START_S = 5.0


class NamespaceMachines:
    """Machines by namespaces, called ``m1``, ``m2`` and so on. A context manager.

    Built in the calling process's network namespace, inside ``cell.private_network()``; they end with it.

    Args:
        count: how many.
        one_way_ms: delay from any to any other.
    """

    def __init__(self, count: int, one_way_ms: float = 0.25) -> None:
        self._count = count
        self._one_way_ms = one_way_ms
        self._holders: list[subprocess.Popen[bytes]] = []
        self._stack = ExitStack()

    def __enter__(self) -> NamespaceMachines:
        with ExitStack() as stack:
            stack.callback(self._end)
            own = os.stat("/proc/thread-self/ns/net").st_ino
            for _ in range(self._count):
                self._holders.append(subprocess.Popen(_HOLD, stdin=subprocess.DEVNULL))
            for holder in self._holders:
                _wait_for_namespace(holder.pid, own)
            _ip(self._commands())
            for number, holder in zip(self._numbers, self._holders, strict=True):
                commands = ["link set lo up", f"addr add {_address(number)}/24 dev eth0", "link set eth0 up"]
                namespace = f"/proc/{holder.pid}/ns/net"
                _ip(commands, ["nsenter", f"--net={namespace}", "--"])
                # Else what this "network card" receives changes places between processors (``steering``).
                with inside_namespace(Endpoint(f"m{number}", _address(number), namespace)):
                    steer_all()
            # The network between the machines stays, whichever namespace this process goes to.
            self._between = OutsideNetwork()
            stack.callback(self._between.close)
            pipe = pipe_for()
            stack.callback(pipe.stop)
            declared = LinkProperties(RATE_MBPS, self._one_way_ms / 2)
            pipe.start([Wire(f"u{n}", f"u{n}", f"d{n}", declared) for n in self._numbers], seed=1)
            self.outside = OutsideNetwork(f"/proc/{self.pids[0]}/ns/net")
            stack.callback(self.outside.close)
            self._stack = stack.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.__exit__(kind, error, trace)

    @property
    def fleet(self) -> Fleet:
        """The machines; the first leads."""
        program = ("env", f"PYTHONPATH={_ROOT}", sys.executable, "-m", "experiments.cli")
        machines = [
            Machine(
                name=f"m{number}",
                address=_address(number),
                reach=() if number == 1 else ("nsenter", f"--net=/proc/{holder.pid}/ns/net", "--"),
                program=program,
                mtu_bytes=MTU_BYTES,
            )
            for number, holder in zip(self._numbers, self._holders, strict=True)
        ]
        return Fleet(tuple(machines), controller="m1")

    @property
    def pids(self) -> list[int]:
        """For each machine the id of a process in its namespace."""
        return [holder.pid for holder in self._holders]

    @property
    def _numbers(self) -> range:
        return range(1, self._count + 1)

    def _commands(self) -> list[str]:
        """A star: machine -- wire ends of the delay -- port of the bridge."""
        commands = [f"link add underlay mtu {MTU_BYTES} type bridge", "link set underlay up"]
        for number, holder in zip(self._numbers, self._holders, strict=True):
            commands += [
                f"link add u{number} mtu {MTU_BYTES} type veth"
                f" peer name eth0 mtu {MTU_BYTES} netns {holder.pid}",
                f"link add d{number} mtu {MTU_BYTES} type veth peer name p{number} mtu {MTU_BYTES}",
                f"link set p{number} master underlay up",
                f"link set u{number} up",
                f"link set d{number} up",
            ]
        return commands

    def _end(self) -> None:
        for holder in self._holders:
            holder.kill()
            holder.wait()
        self._holders.clear()


def _address(number: int) -> str:
    return f"192.0.2.{number}"  # TEST-NET-1 (RFC 5737)


def _wait_for_namespace(pid: int, not_this: int) -> None:
    deadline = time.monotonic() + _START_S
    while os.stat(f"/proc/{pid}/ns/net").st_ino == not_this:
        if time.monotonic() > deadline:
            raise MachineError("a network namespace could not be made", hint="is unshare installed?")
        time.sleep(0.005)


def _ip(commands: Sequence[str], enter: Sequence[str] = ()) -> None:
    text = "".join(f"{command}\n" for command in commands)
    done = subprocess.run(
        [*enter, "ip", "-batch", "-"], input=text, capture_output=True, text=True, check=False
    )
    if done.returncode != 0:
        raise EmulationError(f"ip refused a step: {done.stderr.strip()}")
