"""TCP over links of every delay and loss, by iperf3, and whether it is as fast as theory says.

Two families of links. On the slow ones TCP fills the line: cubic where nothing is lost, bbr also where up to
one packet in a hundred is. On the fast ones, where the line is no limit, losses govern reno and cubic. What
lies between, where both play a part, has no formula and is not asked.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from experiments.fidelity.expectation import (
    bdp_bytes,
    has_expectation,
    line_goodput_mbps,
    window_goodput_mbps,
)
from experiments.fidelity.hosts import Pairs, hosts_joined_by
from experiments.fidelity.judging import Check, Skipped, within, within_factor
from experiments.fidelity.links import layout_of
from experiments.measurement.throughput import PORT, Throughput, measure_tcp
from topology.emulation.doctor import load_module
from topology.emulation.links import LinkProperties, Pipe
from topology.emulation.links.buckets import FRAME_BYTES

DELAYS_MS = (1.0, 5.0, 20.0, 60.0)
LOSS_RATIOS = (0.0, 0.001, 0.01)
LINE_MBPS, FAST_MBPS = 20.0, 200.0
LINE_ALLOWED = 0.02  # of the goodput of a full line, as of the rate in any second
BBR_ALLOWED = 0.03  # one round trip in eight it sends at three quarters of the rate, to empty the queue
# Losses at random, of which some dozens are seen, instead of at even distances: 0.8 to 1.2 of the formula, up
# to 1.4 where cubic grows in both its ways. Whole segments and a round trip to recover: up to a fifth less.
WINDOW_FACTOR = 1.5
GOVERNED = 0.5  # of the line at most: then losses govern, not the line
_FILLED = 0.25  # of the line at most, by streams side by side, so that more losses are seen
_MOST_STREAMS = 8
_LEAST_QUEUE_FRAMES = 20
_AVAILABLE = Path("/proc/sys/net/ipv4/tcp_available_congestion_control")


@dataclass(frozen=True, slots=True)
class Transfer:
    """As much TCP as goes over one link; ``seconds`` count, after ``warm_up_s``."""

    link: LinkProperties
    congestion_control: str
    warm_up_s: int
    seconds: int

    @property
    def fills_line(self) -> bool:
        """Whether it should fill the line; otherwise losses govern it."""
        one_mbps = window_goodput_mbps(self.congestion_control, self.link)
        return one_mbps > GOVERNED * line_goodput_mbps(self.link)

    @property
    def streams(self) -> int:
        """Connections side by side: one fills a line; where losses govern each has losses of its own."""
        if self.fills_line:
            return 1
        one_mbps = window_goodput_mbps(self.congestion_control, self.link)
        return min(_MOST_STREAMS, max(1, int(_FILLED * self.link.rate_mbps / one_mbps)))

    @property
    def expected_mbps(self) -> float:
        """Goodput of all streams together."""
        if self.fills_line:
            return line_goodput_mbps(self.link)
        return self.streams * window_goodput_mbps(self.congestion_control, self.link)

    @property
    def what(self) -> str:
        """What it is called in a table."""
        link = self.link
        kind = "full line" if self.fills_line else f"losses govern, streams: {self.streams}"
        return (
            f"TCP {self.congestion_control}, {link.delay_ms:g} ms, {100 * link.loss_ratio:g} % lost"
            f", {link.rate_mbps:g} Mbit/s, {kind}"
        )


def link_of(rate_mbps: float, delay_ms: float, loss_ratio: float) -> LinkProperties:
    """A link whose queue holds what is under way when it is full, or twenty frames."""
    empty = LinkProperties(rate_mbps, delay_ms, loss_ratio=loss_ratio)
    queue_bytes = max(_LEAST_QUEUE_FRAMES * FRAME_BYTES, round(bdp_bytes(empty)))
    return LinkProperties(rate_mbps, delay_ms, loss_ratio=loss_ratio, queue_bytes=queue_bytes)


def full_grid() -> Iterator[list[Transfer]]:
    """Every transfer, in rounds: those of a round run side by side, each over a link of its own."""
    yield [Transfer(link_of(LINE_MBPS, delay_ms, 0.0), "cubic", 6, 4) for delay_ms in DELAYS_MS]
    for loss_ratio in LOSS_RATIOS:
        yield [Transfer(link_of(LINE_MBPS, delay_ms, loss_ratio), "bbr", 4, 5) for delay_ms in DELAYS_MS]
    for control in ("reno", "cubic"):
        # The longer the way, the rarer the losses: the average of a window needs some dozens of them.
        for delays_ms, warm_up_s, seconds in (((1.0,), 2, 6), ((5.0,), 3, 10), ((20.0, 60.0), 6, 20)):
            links = [link_of(FAST_MBPS, delay, loss) for delay in delays_ms for loss in LOSS_RATIOS[1:]]
            transfers = [Transfer(link, control, warm_up_s, seconds) for link in links]
            asked = [
                each for each in transfers if not each.fills_line and has_expectation(control, each.link)
            ]
            if asked:
                yield asked


def measure_transfers(
    pipe: Pipe, rounds: Sequence[Sequence[Transfer]] | None = None, *, seed: int = 1
) -> list[Check | Skipped]:
    """Each transfer beside what theory expects; inside a cell, in a network namespace of its own.

    The whole grid takes about two and a half minutes. A congestion control that the kernel does not have is
    skipped. Raises ``EmulationError``, ``MeasurementError``.
    """
    rounds = list(full_grid()) if rounds is None else rounds
    lacking = {
        name for name in ("cubic", "bbr") if not congestion_control_available(name)
    }  # every Linux has reno
    links = {each.link: None for transfers in rounds for each in transfers}
    names = {link: f"tcp {number}" for number, link in enumerate(links, start=1)}
    layout = layout_of({name: link for link, name in names.items()})
    checks: list[Check | Skipped] = []
    with hosts_joined_by(layout, pipe, seed) as pairs:
        for transfers in rounds:
            present = [each for each in transfers if each.congestion_control not in lacking]
            carried = _side_by_side(present, names, pairs)
            checks += [judge(each, got.mbps) for each, got in zip(present, carried, strict=True)]
    checks += [
        Skipped(f"TCP {name}", f"this kernel has no congestion control {name}") for name in sorted(lacking)
    ]
    return [each.prefixed(pipe.name) for each in checks]


def judge(transfer: Transfer, mbps: float) -> Check:
    """Whether a transfer was as fast as expected."""
    expected_mbps = round(transfer.expected_mbps, 3)
    if transfer.fills_line:
        allowed = BBR_ALLOWED if transfer.congestion_control == "bbr" else LINE_ALLOWED
        return within(transfer.what, round(mbps, 3), expected_mbps, allowed, "Mbit/s")
    return within_factor(transfer.what, round(mbps, 3), expected_mbps, WINDOW_FACTOR, "Mbit/s")


def congestion_control_available(name: str) -> bool:
    """Whether this kernel has a congestion control, built in or as a module that can be loaded."""
    return name in _AVAILABLE.read_text().split() or (
        load_module(f"tcp_{name}") and name in _AVAILABLE.read_text().split()
    )


def _side_by_side(
    transfers: Sequence[Transfer], names: dict[LinkProperties, str], pairs: Pairs
) -> list[Throughput]:
    def run(number: int, transfer: Transfer) -> Throughput:
        west, east = pairs[names[transfer.link]]
        return measure_tcp(
            west,
            east,
            seconds=transfer.warm_up_s + transfer.seconds,
            declared_mbps=transfer.link.rate_mbps,
            streams=transfer.streams,
            congestion_control=transfer.congestion_control,
            port=PORT + number,
            warm_up_s=transfer.warm_up_s,
        )

    if not transfers:
        return []
    with ThreadPoolExecutor(len(transfers)) as pool:
        return list(pool.map(run, range(len(transfers)), transfers))
