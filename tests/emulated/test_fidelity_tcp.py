"""TCP against theory, and independent clocks, on real links: a short form of what the benchmark asks."""

from __future__ import annotations

import socket
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from typing import cast

import pytest

from experiments.fidelity.clocks import compare_clocks
from experiments.fidelity.hosts import SOCKET_BUFFER_BYTES, hosts_joined_by, tcp_settings
from experiments.fidelity.judging import Check, Skipped
from experiments.fidelity.links import layout_of
from experiments.fidelity.transfers import LINE_MBPS, Transfer, link_of, measure_transfers
from experiments.measurement.throughput import measure_tcp
from tests.emulated.fitness import failing_each_time, skip_if_unfit, skip_without_netem
from topology.emulation.links import LinkProperties, Pipe, Wire
from topology.emulation.links.buckets import FRAME_BYTES
from topology.emulation.links.choose import pipe_for
from topology.emulation.links.packetsocket import ETH_P_IP

pytestmark = pytest.mark.emulated

ROUND = [
    Transfer(link_of(LINE_MBPS, 5, 0.0), "cubic", 2, 2),
    Transfer(link_of(LINE_MBPS, 20, 0.01), "bbr", 2, 2),
    Transfer(link_of(4 * LINE_MBPS, 15, 0.01), "reno", 1, 3),
    Transfer(link_of(4 * LINE_MBPS, 20, 0.01), "cubic", 1, 3),
]


@pytest.fixture(params=["userspace", "netem"])
def pipe(request: pytest.FixtureRequest, cell: None) -> Pipe:
    if request.param == "netem":
        skip_without_netem()
    return pipe_for(request.param)


def _failing(checks: list[Check | Skipped]) -> set[str]:
    assert any(isinstance(check, Check) for check in checks)
    return {check.what for check in checks if isinstance(check, Check) and not check.holds}


def test_tcp_is_as_fast_as_theory_says(pipe: Pipe) -> None:
    failing = failing_each_time(lambda seed: _failing(measure_transfers(pipe, [ROUND], seed=seed)))
    if failing:
        skip_if_unfit()
    assert not failing


class Lying:
    """A pipe that carries frames, but with twice the delay and four times the losses that are declared."""

    name = "lying"

    def __init__(self, pipe: Pipe) -> None:
        self._pipe = pipe
        self.stop = pipe.stop

    def start(self, wires: Sequence[Wire], seed: int) -> None:
        self._pipe.start([replace(wire, properties=self._really(wire.properties)) for wire in wires], seed)

    @staticmethod
    def _really(declared: LinkProperties) -> LinkProperties:
        loss_ratio = max(0.03, 4 * declared.loss_ratio)
        return replace(declared, delay_ms=2 * declared.delay_ms, loss_ratio=loss_ratio)


def test_links_that_do_otherwise_than_declared_are_found(pipe: Pipe) -> None:
    asked = [each for each in ROUND if each.congestion_control != "bbr"]  # which feels neither so much
    found = _failing(measure_transfers(cast(Pipe, Lying(pipe)), [asked]))
    assert found == {f"lying: {each.what}" for each in asked}


def test_independent_clocks_agree_with_our_probes(pipe: Pipe) -> None:
    checks: list[Check | Skipped] = []

    def ask(seed: int) -> set[str]:
        checks[:] = compare_clocks(pipe, [1.0, 20.0], seconds=1.5, seed=seed)
        return _failing(checks)

    failing = failing_each_time(ask)
    if failing:
        skip_if_unfit()
    assert not failing
    for check in checks:
        if isinstance(check, Skipped):
            pytest.skip(f"without {check.what}: {check.reason}")


def test_sockets_hold_more_than_the_links_and_a_frame_is_one_packet(pipe: Pipe) -> None:
    layout = layout_of({"l": LinkProperties(LINE_MBPS, 1.0)})
    with (
        hosts_joined_by(layout, pipe, 1) as pairs,
        socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_IP)) as tap,
    ):
        west, east = pairs["l"]
        for host in (west, east):
            settings = tcp_settings(host)
            for name in ("tcp_rmem", "tcp_wmem"):
                assert int(settings[name].split()[-1]) == SOCKET_BUFFER_BYTES
        tap.bind((layout.links["l"].b.interface, ETH_P_IP))
        got = measure_tcp(west, east, seconds=1, declared_mbps=LINE_MBPS, congestion_control="reno")
        assert got.congestion_control == "reno"
        sizes = []
        with suppress(BlockingIOError):
            while True:
                sizes.append(len(tap.recv(1 << 17, socket.MSG_DONTWAIT)))
    assert max(sizes) == FRAME_BYTES
