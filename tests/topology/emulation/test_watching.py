"""BFD as it is asked for and as it answers, and silence as tc is told of it. No root, no Open vSwitch."""

from __future__ import annotations

from topology.emulation.bfd import (
    BfdStatus,
    BfdTimers,
    parse_pace,
    session_rows,
    statuses_of,
    watched_ends,
)
from topology.emulation.layout import Layout
from topology.emulation.links import LinkProperties, Wire, netem
from topology.emulation.links.schedule import DelayQueue
from topology.emulation.ovsdb import Row, as_map, map_of
from topology.scenario import load

SHOWN = """\
---- s4-p3 ----
\tForwarding: true
\tDetect Multiplier: 4
\tConcatenated Path Down: false
\tTX Interval: Approx 7ms
\tRX Interval: Approx 1000ms
\tDetect Time: now +3998ms

---- s4-p2 ----
\tForwarding: false
\tTX Interval: Approx 1000ms
\tRX Interval: Approx 7ms
"""


def test_sessions_start_at_both_ends_of_the_links_in_their_order() -> None:
    layout = Layout.of(load("tiny-deterministic"))
    ends = list(watched_ends(layout, {"xian--beijing", "lanzhou--xian"}))
    assert [end.site for end in ends] == ["lanzhou", "xian", "xian", "beijing"]
    rows = session_rows(ends, BfdTimers(7, 4))
    assert list(rows) == [end.interface for end in ends]
    asked = {"enable": "true", "min_rx": "7", "min_tx": "7", "mult": "4"}
    assert map_of(rows[ends[0].interface]["bfd"]) == asked
    assert BfdTimers(7, 4).detection_ms == 28
    assert BfdTimers.affordable(10) == BfdTimers()
    assert BfdTimers.affordable(32).interval_ms == 22


def test_a_machine_that_cannot_keep_up_is_asked_for_less_but_not_for_ever() -> None:
    timers: BfdTimers | None = BfdTimers(interval_ms=7)
    paces = []
    while timers is not None:
        paces.append(timers.interval_ms)
        timers = timers.slower()
    assert paces == [7, 14, 28, 56, 112]


def test_status_is_read_of_watched_interfaces_only() -> None:
    enabled = as_map({"enable": "true"})
    told = {"flap_count": "3", "forwarding": "true", "state": "up", "diagnostic": "none"}
    rows: list[Row] = [
        {"name": "s1-p2", "bfd": enabled, "bfd_status": as_map(told)},
        {"name": "s1-p3", "bfd": as_map({}), "bfd_status": as_map({})},
        {"name": "s1-p4", "bfd": enabled, "bfd_status": as_map({})},
    ]
    assert statuses_of(rows) == {
        "s1-p2": BfdStatus("s1-p2", True, "up", 3, "none"),
        "s1-p4": BfdStatus("s1-p4", False, "", 0, ""),
    }


def test_pace_is_that_of_receiving() -> None:
    assert parse_pace(SHOWN) == {"s4-p3": 1000, "s4-p2": 7}
    assert parse_pace("") == {}


def test_a_silent_direction_gets_a_netem_that_forgets_the_frames_under_way() -> None:
    wire = Wire("x--y", "w1a", "w1b", LinkProperties(100, 2.513, queue_bytes=250_000))
    texts = [command.text for command in netem.silence_commands(wire, (True, False), None)]
    assert texts == [
        "qdisc replace dev w1b root handle 2: netem limit 5398 delay 2513.000us"
        " loss random 100.0000000% rate 100gbit",
        "qdisc replace dev w1a root handle 1: netem limit 5398 delay 2513.000us rate 100gbit",
    ]


def test_a_silent_lane_takes_nothing_in_and_knows_it() -> None:
    queue = DelayQueue(LinkProperties(100, 1.0), "seed")
    assert queue.push(b"before", 0, 0) == 1_000_000
    queue.silent = True
    assert queue.push(b"meanwhile", 10, 10) is None
    queue.silent = False
    assert queue.push(b"after", 20, 20) is None  # not the first one waiting
    assert [queue.pop(), queue.pop()] == [b"before", b"after"]
    assert queue.counters().silenced == 1
