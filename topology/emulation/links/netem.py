"""Links in the kernel: netem, fed by a redirect from the other wire end.

What arrives at wire end a is redirected to the egress of wire end b, where netem is the root queueing
discipline: it delays, varies and loses, and then the frame leaves towards the switch. The other direction is
the same with a and b exchanged. tc-netem(8), tc-mirred(8), tc-u32(8). Frames that only load the queue before
a match a filter that comes first and redirects nothing: they go up the stack, where no protocol wants them.

Four things netem does not do by itself. With jitter it reorders, unless it also has a rate: then a frame
never leaves before its predecessor (``netem_enqueue`` in net/sched/sch_netem.c). So it gets a rate far above
any link's, except where the link is to reorder. Its jitter is uniform; other distributions tc reads from
files, which not every system has, so we write our own (``tables``). It holds 1000 packets at most unless told
otherwise; here the limit follows from rate and delay. And it is as late as the machine's timers are: how late
is measured at the start and taken off every delay.
"""

from __future__ import annotations

import hashlib
import math
import subprocess
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from topology.burstloss import GilbertElliott, bursts_alike
from topology.emulation.links import LinkProperties, Wire, tc
from topology.emulation.links.calibration import measure_lateness_ms
from topology.emulation.links.packetsocket import ETH_P_LOAD
from topology.emulation.links.steering import steer_all
from topology.emulation.links.tables import NAMES, library
from topology.errors import EmulationError
from topology.variation import JitterDistribution

ORDER_KEEPING_RATE = "100gbit"  # adds 0.12 µs to a full frame
LEAST_DELAY_MS = 1e-4  # tc refuses a distribution without any delay
SMALLEST_FRAME_BYTES = 64
LIMIT_MARGIN_FRAMES = 1000
_HANDLE, _SILENT_HANDLE = 1, 2
_PROBE_WIRE = Wire("probe", "probe-a", "probe-b", LinkProperties(100.0, 1.0, 0.1, 0.01))
_PROBE_SCRIPT = "ip link add name probe-a type veth peer name probe-b && exec tc -batch -"


class NetemPipe:
    """A ``Pipe`` by the kernel's netem."""

    name = "netem"
    pid = 0

    def __init__(self, *, calibrated: bool = True) -> None:
        """Without calibration netem's lateness is not allowed for, so that it can be measured."""
        self.lateness_ms = 0.0
        self._calibrated = calibrated
        self._wires: dict[str, Wire] = {}
        self._seed: int | None = None
        self._carries = False  # it may have no wires: a part of a network none of whose links begins there

    def prepare(self) -> None:
        """Nothing to prepare: the kernel is there."""

    def start(self, wires: Sequence[Wire], seed: int) -> None:
        """Begin to carry frames; see ``Pipe.start``. Losses follow ``seed`` where tc can set one (6.6)."""
        if self._calibrated:
            self.lateness_ms = measure_lateness_ms(NetemPipe(calibrated=False))
        self._seed = seed if seed_supported() else None
        self._wires = {wire.link: wire for wire in wires}
        try:
            self._run(
                [command for wire in wires for command in start_commands(wire, self._seed, self.lateness_ms)]
            )
        except EmulationError:
            self.stop()
            raise
        steer_all()
        self._carries = True

    def change(self, link: str, properties: LinkProperties) -> None:
        """Give a running link other properties; see ``Pipe.change``."""
        if link not in self._wires:
            raise EmulationError(f"netem carries no link {link}", where=link)
        old = self._wires[link]
        if old.properties.reorders != properties.reorders:
            raise EmulationError("whether a running link reorders cannot change", where=link)
        self._wires[link] = Wire(link, old.a, old.b, properties)
        self._run(change_commands(self._wires[link], self._seed, self.lateness_ms))

    def silence(self, link: str, *, forth: bool, back: bool) -> None:
        """Lose every frame one way or both ways, or no longer; see ``Pipe.silence``."""
        if link not in self._wires:
            raise EmulationError(f"netem carries no link {link}", where=link)
        self._run(silence_commands(self._wires[link], (forth, back), self._seed, self.lateness_ms))

    def declared(self) -> dict[str, LinkProperties]:
        """What netem says it is doing, by link id; of two directions that differ, the one that is not as
        asked for. Rate and queue are not netem's, and which distribution it draws from it does not tell:
        these are given as they were asked for.
        """
        shown = {entry["dev"]: entry for entry in tc.show_qdiscs() if entry["kind"] == "netem"}
        declared = {}
        for link, wire in self._wires.items():
            for end in (wire.a, wire.b):
                if end not in shown:
                    raise EmulationError(f"interface {end} has lost its netem", where=link)
                declared[link] = parse_netem(shown[end], wire.properties, self.lateness_ms)
                if not _alike(declared[link], wire.properties):
                    break
        return declared

    def _run(self, commands: Sequence[tc.Command]) -> None:
        with library(commands) as place:
            tc.run(commands, library=place)

    def alive(self) -> bool:
        """Whether links are being carried."""
        return self._carries

    def stop(self) -> None:
        """Stop carrying frames; safe to call twice, and when the interfaces are gone."""
        wires, self._wires = self._wires, {}
        self._carries = False
        if wires:
            ends = [end for wire in wires.values() for end in (wire.a, wire.b)]
            tc.run_regardless([f"qdisc del dev {end} {kind}" for end in ends for kind in ("root", "clsact")])


def start_commands(wire: Wire, seed: int | None, lateness_ms: float = 0.0) -> list[tc.Command]:
    """The ``tc`` commands that begin to carry both directions of ``wire``. Pure."""
    netem = [
        tc.Command(wire.link, f"qdisc add dev {end} root handle 1: netem {options}")
        for end, options in _both_directions(wire, seed, lateness_ms)
    ]
    redirects = []
    for source, sink in ((wire.a, wire.b), (wire.b, wire.a)):
        redirects += [
            tc.Command(wire.link, f"qdisc add dev {source} clsact"),
            tc.Command(
                wire.link,
                f"filter add dev {source} ingress protocol {ETH_P_LOAD:#x} prio 1 u32 match u32 0 0"
                " flowid 1:1",
            ),
            tc.Command(
                wire.link,
                f"filter add dev {source} ingress protocol all prio 2 u32 match u32 0 0"
                f" action mirred egress redirect dev {sink}",
            ),
        ]
    return netem + redirects


def change_commands(wire: Wire, seed: int | None, lateness_ms: float = 0.0) -> list[tc.Command]:
    """The ``tc`` commands that give both directions of a running ``wire`` its properties. Pure.

    A distribution stays until another is named (``netem_change``), so a uniform one is named as well.
    """
    return [
        tc.Command(wire.link, f"qdisc change dev {end} root handle 1: netem {options}")
        for end, options in _both_directions(wire, seed, lateness_ms, name_uniform=True)
    ]


def silence_commands(
    wire: Wire, silent: tuple[bool, bool], seed: int | None, lateness_ms: float = 0.0
) -> list[tc.Command]:
    """The ``tc`` commands that silence directions (from a to b, from b to a), or let them speak. Pure.

    A silent direction gets a netem of another handle, since only a new one forgets the frames under way.
    ``replace`` and ``change`` take all options anew, so those of the link are stated with the loss.
    """
    commands = []
    deaf = Wire(wire.link, wire.a, wire.b, replace(wire.properties, loss_ratio=1.0, burst_loss=None))
    for number, is_silent in enumerate(silent):
        end, options = _both_directions(deaf if is_silent else wire, seed, lateness_ms)[number]
        handle = _SILENT_HANDLE if is_silent else _HANDLE
        command = f"qdisc replace dev {end} root handle {handle}: netem {options}"
        commands.append(tc.Command(wire.link, command))
    return commands


def netem_options(
    properties: LinkProperties, seed: str | None, lateness_ms: float = 0.0, *, name_uniform: bool = False
) -> str:
    """What stands after ``netem``: limit, delay, jitter, distribution, loss, rate, seed. Pure."""
    delay_ms = max(0.0, properties.delay_ms - lateness_ms)
    if properties.jitter_ms > 0:
        delay_ms = max(delay_ms, LEAST_DELAY_MS)
    parts = [f"limit {limit_frames(properties)}", f"delay {_microseconds(delay_ms)}"]
    if properties.jitter_ms > 0:
        parts.append(_microseconds(properties.achievable_jitter_ms))
        # Uniform is what netem draws when none has been named.
        if name_uniform or properties.jitter_distribution is not JitterDistribution.UNIFORM:
            parts.append(f"distribution {NAMES[properties.jitter_distribution]}")
    if (bursts := properties.burst_loss) is not None:
        each = (bursts.good_to_bad, bursts.bad_to_good, bursts.loss_in_bad, bursts.loss_in_good)
        parts.append("loss gemodel " + " ".join(_percent(probability) for probability in each))
    elif properties.loss_ratio > 0:
        parts.append(f"loss random {_percent(properties.loss_ratio)}")
    if not properties.reorders:
        parts.append(f"rate {ORDER_KEEPING_RATE}")
    if seed is not None:
        parts.append(f"seed {int.from_bytes(hashlib.sha256(seed.encode()).digest()[:8])}")
    return " ".join(parts)


def limit_frames(properties: LinkProperties) -> int:
    """How many frames are under way at most: the smallest ones at the full rate, and a margin. Pure."""
    flight_bytes = properties.rate_mbps * 1e3 / 8 * properties.most_delay_ms + properties.queue_bytes
    return math.ceil(flight_bytes / SMALLEST_FRAME_BYTES) + LIMIT_MARGIN_FRAMES


def parse_netem(entry: dict[str, Any], asked: LinkProperties, lateness_ms: float = 0.0) -> LinkProperties:
    """One entry of ``tc -j qdisc show`` as properties; rate and queue are those ``asked`` for. Pure."""
    options = entry["options"]
    delay = options.get("delay", {})
    delay_ms = delay.get("delay", 0.0) * 1e3
    bursts = _bursts(options)
    return replace(
        asked,
        # A delay shorter than the lateness has become none at all, which is what was asked for.
        delay_ms=delay_ms + lateness_ms
        if delay_ms > 2 * LEAST_DELAY_MS
        else min(asked.delay_ms, lateness_ms),
        jitter_ms=delay.get("jitter", 0.0) * 1e3,
        loss_ratio=options.get("loss-random", {}).get("loss", 0.0) if bursts is None else bursts.loss_ratio,
        burst_loss=bursts,
        reorders="rate" not in options and asked.reorders,
    )


def _bursts(options: dict[str, Any]) -> GilbertElliott | None:
    shown = options.get("loss-gemodel")
    return None if shown is None else GilbertElliott(shown["p"], shown["r"], shown["1-h"], shown["1-k"])


def seed_supported() -> bool:
    """Whether this tc knows netem's ``seed`` (iproute2 6.6)."""
    return "seed" in tc.usage("qdisc add dev lo root netem help")


def probe() -> str:
    """Why netem cannot be used here; empty if it can. Tries in a network namespace of its own, then gone."""
    commands = start_commands(_PROBE_WIRE, None)
    batch = "".join(f"{command.text}\n" for command in commands)
    try:
        done = subprocess.run(
            ["unshare", "--net", "sh", "-c", _PROBE_SCRIPT],
            input=batch,
            capture_output=True,
            text=True,
            check=False,
        )
    except FileNotFoundError:
        return "the program unshare is missing"
    if done.returncode == 0:
        return ""
    said = [line.strip() for line in done.stderr.splitlines() if line.strip()]
    failed = tc.failed_line(done.stderr)
    if failed is None:
        return said[0] if said else f"exit code {done.returncode}"
    known = {" netem": "netem", " clsact": "clsact", " mirred": "mirred by u32"}
    what = next((name for word, name in known.items() if word in commands[failed].text), "u32")
    return f"the kernel refuses {what} ({said[0].removeprefix('Error: ')})"


def _both_directions(
    wire: Wire, seed: int | None, lateness_ms: float, *, name_uniform: bool = False
) -> list[tuple[str, str]]:
    """``(interface, netem options)`` for frames from a to b, which wait at b, and for those from b to a."""
    return [
        (
            end,
            netem_options(
                wire.properties,
                None if seed is None else f"{seed}/{wire.link}/{direction}",
                lateness_ms,
                name_uniform=name_uniform,
            ),
        )
        for end, direction in ((wire.b, "ab"), (wire.a, "ba"))
    ]


def _microseconds(milliseconds: float) -> str:
    return f"{milliseconds * 1e3:.3f}us"


def _percent(share: float) -> str:
    return f"{share * 100:.7f}%"


def _alike(one: LinkProperties, other: LinkProperties) -> bool:
    return (
        math.isclose(one.delay_ms, other.delay_ms, rel_tol=1e-4, abs_tol=1e-3)
        and math.isclose(one.jitter_ms, other.achievable_jitter_ms, rel_tol=1e-4, abs_tol=1e-3)
        and math.isclose(one.loss_ratio, other.loss_ratio, rel_tol=1e-3, abs_tol=1e-6)
        and bursts_alike(one.burst_loss, other.burst_loss)
    )
