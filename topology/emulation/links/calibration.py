"""How late this machine's netem is: measured on a scratch link, so that it can be allowed for.

netem sends a frame when a timer's interrupt has come and its softirq has run. On hardware this takes some
10 µs, in a virtual machine up to half a millisecond, at every link of a path. The delay line needs no such
measure: it learns its own lateness while it runs.
"""

from __future__ import annotations

import subprocess
from collections.abc import Sequence

from topology.emulation.injection import Direction, Injector
from topology.emulation.links import LinkProperties, Pipe, Wire
from topology.errors import EmulationError

DELAY_MS = 2.0
MOST_MS = 0.5  # more is not the machine's usual lateness but other work on it
_PROBES, _SECONDS = 60, 0.3
_SWITCH_SIDE = ("scratch-sa", "scratch-sb")
_WIRES = ("scratch-wa", "scratch-wb")


def measure_lateness_ms(pipe: Pipe) -> float:
    """The delay of an idle link by ``pipe`` beyond the declared one; the pipe is started and stopped here.

    Between 0 and ``MOST_MS``. Raises ``EmulationError`` where the scratch link cannot be made.
    """
    _ip(
        *(f"link add name {s} type veth peer name {w}" for s, w in zip(_SWITCH_SIDE, _WIRES, strict=True)),
        *(f"link set {name} up" for name in _SWITCH_SIDE + _WIRES),
    )
    try:
        pipe.start([Wire("scratch", *_WIRES, LinkProperties(1000.0, DELAY_MS))], 0)
        try:
            with Injector([Direction(*_SWITCH_SIDE, DELAY_MS, 1000.0)]) as injector:
                seen = injector.probes([0], _PROBES, _SECONDS)[0]
        finally:
            pipe.stop()
    finally:
        _ip(*(f"link del {name}" for name in _SWITCH_SIDE))
    return lateness_of(seen.left, seen.arrived)


def lateness_of(left: Sequence[tuple[int, int]], arrived: Sequence[tuple[int, int]]) -> float:
    """Usual lateness in ms of frames seen with number and time (ns); 0 if none arrived. Pure.

    The lowest tenth: other work on the machine makes frames later, nothing makes them earlier.
    """
    left_at = dict(left)
    late = sorted((at - left_at[number]) / 1e6 - DELAY_MS for number, at in arrived if number in left_at)
    return min(max(late[len(late) // 10], 0.0), MOST_MS) if late else 0.0


def _ip(*commands: str) -> None:
    done = subprocess.run(
        ["ip", "-batch", "-"], input="\n".join(commands) + "\n", capture_output=True, text=True, check=False
    )
    if done.returncode != 0:
        raise EmulationError(f"the scratch link for calibration cannot be made: {done.stderr.strip()}")
