"""What the network between two machines does, measured before anything is built on it.

Round trips by ``ping``, of which half counts as one way; the largest packet that passes uncut, by pings that
must not be fragmented (RFC 1191); and whether two machines share a clock, as namespaces and containers of one
kernel do: then they have the same boot id (random(4)).
"""

from __future__ import annotations

import re
import statistics
import subprocess
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import combinations

from topology.emulation.parts.reach import OutsideNetwork, Reach
from topology.errors import MachineError
from topology.placement.model import Machine, UnderlayPath

_TIME = re.compile(r"\btime=(\d+(?:\.\d+)?) ms")
_LIMIT = re.compile(r"\bmtu ?= ?(\d+)", re.IGNORECASE)
_LARGEST_PAYLOAD_BYTES = 65_507
_PING_HEADERS_BYTES = 28  # IPv4 and ICMP
_LEAST_MTU_BYTES = 576  # every IPv4 host takes as much (RFC 791)
_PINGS = ("-c", "100", "-i", "0.005")
_PATIENT_PINGS = ("-c", "20", "-i", "0.2")  # as often as a user without privileges may
_ANSWER_S = 30.0

Run = Callable[[Sequence[str]], str]


@dataclass(frozen=True, slots=True)
class UnderlayReading:
    """The network between two machines, as measured from ``a``.

    Attributes:
        rtt_median_ms, rtt_p99_ms: of small packets, outside of any tunnel.
        mtu_bytes: the largest IP packet that passes without being cut.
        one_clock: whether both machines read the same clock, so that one-way delays mean something.
    """

    a: str
    b: str
    rtt_median_ms: float
    rtt_p99_ms: float
    mtu_bytes: int
    one_clock: bool

    @property
    def path(self) -> UnderlayPath:
        """What a placement is to know of it."""
        return UnderlayPath(self.a, self.b, round(self.rtt_median_ms / 2, 6))


def measure_underlay(machines: Sequence[Machine], outside: OutsideNetwork) -> list[UnderlayReading]:
    """Measure between every two machines, all at once; takes one to five seconds.

    Raises ``MachineError`` naming a machine that cannot be reached, or does not answer another's pings.
    """
    runs = {machine.name: _runner(machine, outside) for machine in machines}
    with ThreadPoolExecutor(8) as pool:
        clocks = dict(zip(runs, pool.map(_clock, runs.values()), strict=True))
        pairs = list(combinations(machines, 2))
        return list(pool.map(lambda pair: _between(pair[0], pair[1], runs[pair[0].name], clocks), pairs))


def _between(a: Machine, b: Machine, run: Run, clocks: dict[str, str]) -> UnderlayReading:
    times_ms = sorted(_round_trips(run, a, b))
    return UnderlayReading(
        a.name,
        b.name,
        rtt_median_ms=statistics.median(times_ms),
        rtt_p99_ms=times_ms[-(-99 * len(times_ms) // 100) - 1],
        mtu_bytes=path_mtu(lambda size: run(ping_of_size(b.address, size))),
        one_clock=clocks[a.name] == clocks[b.name],
    )


def _round_trips(run: Run, a: Machine, b: Machine) -> list[float]:
    for pace in (_PINGS, _PATIENT_PINGS):
        said = run(["ping", "-n", *pace, b.address])
        times_ms = round_trips_of(said)
        if times_ms:
            return times_ms
    raise MachineError(
        f"{b.name} does not answer pings of {a.name}: {' '.join(said.split())[:200]}",
        where=b.address,
        hint="are the addresses right, and is ICMP let through?",
    )


def round_trips_of(said: str) -> list[float]:
    """Every round trip in ms that ``ping`` tells of. Pure."""
    return [float(time) for time in _TIME.findall(said)]


def ping_of_size(address: str, packet_bytes: int) -> list[str]:
    """One ping in an IP packet of this size that must not be cut. Pure."""
    payload = str(packet_bytes - _PING_HEADERS_BYTES)
    return ["ping", "-n", "-c", "1", "-W", "0.5", "-M", "do", "-s", payload, address]


def path_mtu(ping: Callable[[int], str]) -> int:
    """The largest packet in bytes that comes back, from what ``ping`` says to some sizes; 0 if none does.

    A host or router that cannot pass a packet on names the size that it can; where one is silent, the size is
    found by halving.
    """
    highest = _LARGEST_PAYLOAD_BYTES + _PING_HEADERS_BYTES
    for _ in range(4):
        said = ping(highest)
        if _TIME.search(said):
            return highest
        named = [int(number) for number in _LIMIT.findall(said) if _LEAST_MTU_BYTES <= int(number) < highest]
        if not named:
            break
        highest = min(named)
    passes, fails = 0, min(highest, 9217)
    trial = _LEAST_MTU_BYTES
    while fails - passes > 1:
        if _TIME.search(ping(trial)):
            passes = trial
        else:
            fails = trial
            if not passes:
                return 0
        trial = (passes + fails) // 2
    return passes


def _clock(run: Run) -> str:
    return run(["cat", "/proc/sys/kernel/random/boot_id"]).strip()


def _runner(machine: Machine, outside: OutsideNetwork) -> Run:
    """Runs commands on a machine and returns all they say. Raises ``MachineError`` if they cannot run."""
    reach = Reach.to(machine, outside)

    def run(words: Sequence[str]) -> str:
        command = reach.command(["env", "LC_ALL=C", *words])
        try:
            done = subprocess.run(
                command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                errors="replace",
                timeout=_ANSWER_S,
                check=False,
            )
        except subprocess.TimeoutExpired:
            raise MachineError(
                f"{words[0]} did not end within {_ANSWER_S:.0f} s", where=f"machine {machine.name}"
            ) from None
        # ssh itself says 255; ping says 1 or 2 where it is not answered, which is for the caller to judge.
        if done.returncode in (126, 127, 255) or (done.returncode != 0 and words[0] != "ping"):
            raise MachineError(
                f"no command can be run there: {' '.join(done.stdout.split())[:200] or 'no word'}",
                where=f"machine {machine.name}",
                hint=f"try it yourself: {' '.join(machine.reach)} true",
            )
        return done.stdout

    return run
