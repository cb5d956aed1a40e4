"""Each kind of link, measured in both directions: what a sceptic would ask, and the answer.

Frames are seen as HTB lets them go and as they arrive (``topology.emulation.injection``), with kernel time
stamps of one clock; so what is judged is the link and neither the sender nor a program at its end.
"""

from __future__ import annotations

import statistics
import time

from experiments.fidelity.judging import (
    Check,
    at_most,
    delays_ms,
    fluid_queue,
    jitter_checks,
    loss_checks,
    order_checks,
    queue_checks,
    window_rates_mbps,
    within,
)
from experiments.fidelity.links import KINDS, LOADED, LOSS_RATIO, layout_of, links_of
from topology.burstloss import GilbertElliott
from topology.emulation.injection import Direction, Injector, Sightings, Train
from topology.emulation.layout import LinkLayout
from topology.emulation.links import LinkProperties, Pipe
from topology.emulation.links.buckets import FRAME_BYTES, burst_bytes

SLACK_MS = 0.15  # what a machine may add to a delay before it counts as the link's own
DELAY_MS_ALLOWED = 0.25  # as the read-back allows
RATE_ALLOWED = 0.02  # of the declared rate, in any second
WAIT_MS_ALLOWED = 1.5  # a burst and a frame, which the fluid model does not tell apart, at the link's rate
DROPS_ALLOWED = 0.1  # of those the fluid model says
OVERLOAD = 1.3  # of a link's rate, to fill its queue
OVERLOAD_SECONDS = 0.6
QUEUE_FRAME_BYTES = 1250
SMALL_BYTES = 64
SPARSE_MBPS = 0.1  # of small frames against the load: 195 a second
_NS = 1_000_000_000


def measure(
    pipe: Pipe, *, delays: int = 800, losses: int = 3000, seconds: float = 4, seed: int = 1
) -> list[Check]:
    """All checks of the links by ``pipe``; inside a cell, in a network namespace of its own.

    ``delays``, ``losses``: frames in each direction of a link that varies or loses; ``seconds`` of full load.
    Takes about 20 s. Raises ``EmulationError``.
    """
    layout = layout_of()
    with links_of(layout, pipe, seed):
        checks: list[Check] = []
        for kinds, frames, gap_ms in (
            ([kind for kind in KINDS if kind.endswith(" jitter")], delays, _span_ms()),
            (["jitter that reorders"], delays, 1.0),
            (["single losses", "losses in bursts"], losses, 1.0),
        ):
            seen = _probe([layout.links[kind] for kind in kinds], frames, gap_ms)
            for kind in kinds:
                for way in (">", "<"):
                    checks += _judge(kind, seen[kind, way], f"{kind} {way}")
        link = layout.links["load"]
        checks += _loaded_both_ways(link, seconds)
        checks += _one_way_loaded(link, seconds / 2)
        checks += _queue(link)
    return [check.prefixed(pipe.name) for check in checks]


def _span_ms() -> float:
    """Frames so far apart do not wait for each other on any link that varies."""
    return max(each.most_delay_ms - each.least_delay_ms for each in KINDS.values()) + 0.2


def _probe(links: list[LinkLayout], frames: int, gap_ms: float) -> dict[tuple[str, str], Sightings]:
    """Small frames in both directions of ``links``, ``gap_ms`` apart in each."""
    ways = [(link, way) for link in links for way in (">", "<")]
    directions = [_direction(link, way, link.properties.rate_mbps) for link, way in ways]
    with Injector(directions) as injector:
        seen = injector.probes(range(len(ways)), frames, frames * gap_ms / 1e3)
    return {(link.link, way): seen[number] for number, (link, way) in enumerate(ways)}


def _direction(link: LinkLayout, way: str, rate_mbps: float) -> Direction:
    ends = (link.a.interface, link.b.interface)
    sender, receiver = ends if way == ">" else ends[::-1]
    return Direction(sender, receiver, link.properties.most_delay_ms, rate_mbps)


def _judge(kind: str, seen: Sightings, what: str) -> list[Check]:
    declared = KINDS[kind]
    if declared.jitter_ms:
        return jitter_checks(declared, [seen], SLACK_MS, what) + order_checks(
            seen, what, reorders=declared.reorders
        )
    bursts = declared.burst_loss or GilbertElliott(LOSS_RATIO, 1 - LOSS_RATIO)
    return loss_checks(bursts, seen, what)


def _loaded_both_ways(link: LinkLayout, seconds: float) -> list[Check]:
    """The rate in every second, with both directions full."""
    declared = link.properties
    train = _full_train(declared, seconds)
    with Injector([_direction(link, way, declared.rate_mbps) for way in (">", "<")]) as injector:
        seen = injector.trains([{0: train, 1: train}])
    checks = []
    for number, way in enumerate((">", "<")):
        begin_ns = seen[number].arrived[0][1] + _NS // 20 if seen[number].arrived else 0  # after the burst
        rates = window_rates_mbps(seen[number], train.frame_bytes, begin_ns, _NS)
        what = f"full both ways {way}: rate in a second"
        for name, rate in (("least", min(rates, default=0.0)), ("most", max(rates, default=0.0))):
            checks.append(
                within(f"{what}, {name}", round(rate, 3), declared.rate_mbps, RATE_ALLOWED, "Mbit/s")
            )
        checks += order_checks(seen[number], f"full both ways {way}")
        checks.append(_lost(seen[number], f"full both ways {way}"))
    return checks


def _one_way_loaded(link: LinkLayout, seconds: float) -> list[Check]:
    """Whether a direction notices that the other is full."""
    declared = link.properties
    small = Train(round(SPARSE_MBPS * 1e6 / 8 / SMALL_BYTES * seconds), SMALL_BYTES, SMALL_BYTES)
    directions = [_direction(link, ">", declared.rate_mbps), _direction(link, "<", SPARSE_MBPS)]
    with Injector(directions) as injector:
        seen = injector.trains([{0: _full_train(declared, seconds), 1: small}])[1]
    added_ms = [delay_ms - declared.delay_ms for delay_ms in delays_ms(seen)]
    median_ms = statistics.median(added_ms) if added_ms else float("inf")
    return [
        at_most(
            "full one way: median added delay the other way", round(median_ms, 3), DELAY_MS_ALLOWED, "ms"
        ),
        _lost(seen, "full one way, the other way"),
    ]


def _full_train(declared: LinkProperties, seconds: float) -> Train:
    frames = round(declared.rate_mbps * 1e6 / 8 * seconds / FRAME_BYTES)
    return Train(frames, FRAME_BYTES, int(0.9 * declared.queue_bytes))


def _lost(seen: Sightings, what: str) -> Check:
    lost = len(dict(seen.left).keys() - dict(seen.arrived).keys())
    return at_most(f"{what}: frames lost of {len(seen.left)}", lost, 0, "frames")


def _queue(link: LinkLayout) -> list[Check]:
    """How long frames wait, and which are dropped, where more comes than the link carries."""
    declared = link.properties
    gap_ns = round(QUEUE_FRAME_BYTES * 8e3 / declared.rate_mbps / OVERLOAD)
    with _Stamped([_direction(link, ">", declared.rate_mbps)]) as injector:
        seen = injector.steady(round(OVERLOAD_SECONDS * _NS / gap_ns), gap_ns)
    burst = burst_bytes(declared.rate_mbps)
    model = fluid_queue(injector.put_ns, QUEUE_FRAME_BYTES, declared.rate_mbps, burst, declared.queue_bytes)
    return queue_checks(model, dict(seen.left), WAIT_MS_ALLOWED, DROPS_ALLOWED)


class _Stamped(Injector):
    """An injector that notes when each frame was handed to the kernel, in ns of the clock of the stamps."""

    def __init__(self, directions: list[Direction]) -> None:
        super().__init__(directions)
        self.put_ns: list[int] = []

    def steady(self, frames: int, gap_ns: int) -> Sightings:
        """Send full frames in the first direction, one every ``gap_ns``."""
        begun = time.monotonic_ns()
        for number in range(frames):
            while (ahead_ns := begun + number * gap_ns - time.monotonic_ns()) > 0:
                if ahead_ns > _NS // 5000:
                    time.sleep((ahead_ns - _NS // 10_000) / _NS)
            self.put_ns.append(time.time_ns())
            self._send(0, number, QUEUE_FRAME_BYTES)
        seen = {0: Sightings()}
        time.sleep(LOADED.queue_bytes * 8e-6 / LOADED.rate_mbps)
        self._wait_and_collect(seen)
        return seen[0]
