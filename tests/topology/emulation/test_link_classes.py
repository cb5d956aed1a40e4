"""Classes of a link: what is asked of tc, what tc says back, and that nothing changes without them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.link_service import link_services
from topology.emulation.contention import Contender, class_faults, contending_trains
from topology.emulation.injection import Direction, ip_header
from topology.emulation.layout import Layout, LinkEnd, LinkLayout
from topology.emulation.links import LinkProperties, shaping
from topology.emulation.links.buckets import FRAME_BYTES
from topology.emulation.links.classes import ClassName, burst_limit_bits, link_classes
from topology.emulation.links.shaped import Shaped, ShapedClass, parse_classes, parse_filters, shaped_of
from topology.emulation.reading import ClassReading
from topology.network import ReservedClass
from topology.scenario import load

PROPERTIES = LinkProperties(10, 2.5, queue_bytes=25_000)
RESERVED = ReservedClass()
LINK = LinkLayout(
    "a--b",
    17,
    LinkEnd("a", 2, "s1-p2", "w17a"),
    LinkEnd("b", 3, "s4-p3", "w17b"),
    PROPERTIES,
    link_classes(PROPERTIES, RESERVED),
)
SHOWN = """\
class htb 22:10 parent 22:1 leaf 8002: prio 0 rate 200Kbit ceil 10Mbit burst 1513b cburst 1513b
class htb 22:1 root rate 10Mbit ceil 10Mbit burst 1513b cburst 1513b
class htb 22:20 parent 22:1 leaf 8003: prio 1 rate 7500Kbit ceil 10Mbit burst 36917b cburst 2Kb
class htb 22:30 parent 22:1 leaf 8004: prio 2 rate 2300Kbit ceil 10Mbit burst 1513b cburst 1Mb
class htb 23:1 root leaf 8005: prio 0 quantum 1514 rate 7123Kbit ceil 7123Kbit burst 1513b cburst 1513b
"""
FILTERS = """\
filter parent 22: protocol ip pref 1 u32 chain 0
filter parent 22: protocol ip pref 1 u32 chain 0 fh 800: ht divisor 1
filter parent 22: protocol ip pref 1 u32 chain 0 fh 800::800 order 2048 key ht 800 bkt 0 flowid 22:10
  match 00c00000/00fc0000 at 0
filter parent 22: protocol ip pref 1 u32 chain 0 fh 800::801 order 2049 key ht 800 *flowid 22:20 not_in_hw
  match 00b00000/00fc0000 at 0
filter parent 22: protocol ip pref 1 u32 chain 0 fh 800::802 order 2050 key ht 800 bkt 0 flowid 22:20
  match 00b40000/00fc0000 at 0
"""


def test_classes_golden() -> None:
    commands = [command.text for command in shaping.link_commands(LINK)]
    assert commands[: len(commands) // 2] == [
        "qdisc replace dev s1-p2 root handle 22: htb default 30",
        "class replace dev s1-p2 parent 22: classid 22:1 htb"
        " rate 10000000bit ceil 10000000bit burst 1514b cburst 1514b quantum 1514",
        "class replace dev s1-p2 parent 22:1 classid 22:10 htb"
        " rate 200000bit ceil 10000000bit burst 1514b cburst 1514b prio 0 quantum 1514",
        "qdisc replace dev s1-p2 parent 22:10 bfifo limit 15140b",
        "filter add dev s1-p2 parent 22: protocol ip prio 1 u32 match ip dsfield 0xc0 0xfc flowid 22:10",
        "class replace dev s1-p2 parent 22:1 classid 22:20 htb"
        " rate 7500000bit ceil 10000000bit burst 36918b cburst 1514b prio 1 quantum 1514",
        "qdisc replace dev s1-p2 parent 22:20 bfifo limit 36918b",
        "filter add dev s1-p2 parent 22: protocol ip prio 1 u32 match ip dsfield 0xb0 0xfc flowid 22:20",
        "filter add dev s1-p2 parent 22: protocol ip prio 1 u32 match ip dsfield 0xb4 0xfc flowid 22:20",
        "class replace dev s1-p2 parent 22:1 classid 22:30 htb"
        " rate 2300000bit ceil 10000000bit burst 1514b cburst 1514b prio 2 quantum 1514",
        "qdisc replace dev s1-p2 parent 22:30 pfifo_head_drop limit 16",
    ]


@given(st.floats(0.1, 400_000), st.floats(0.01, 0.9), st.floats(0.01, 100))
def test_rates_add_up_to_the_link_and_the_queue_holds_every_burst(
    rate_mbps: float, share: float, burst_ms: float
) -> None:
    reserved = ReservedClass(share=share, burst_ms=burst_ms)
    classes = {each.name: each for each in link_classes(replace(PROPERTIES, rate_mbps=rate_mbps), reserved)}
    assert sum(each.rate_bps for each in classes.values()) == round(rate_mbps * 1e6)
    assert all(each.rate_bps > 0 for each in classes.values())
    ours = classes[ClassName.RESERVED]
    assert ours.queue_bytes * 8 >= burst_limit_bits(ours.rate_bps, reserved) + 2 * 8 * FRAME_BYTES


@pytest.mark.parametrize("name", ["tiny-deterministic", "qingyang-deterministic"])
def test_what_is_promised_is_what_the_links_are_set_to(name: str) -> None:
    network = load(name)
    layout = Layout.of(network)
    services = link_services(network, rate_scale=network.rate_scale)
    for link in layout.links.values():
        ours = next(each for each in link.classes if each.name is ClassName.RESERVED)
        service = services[link.a.site, link.b.site]
        assert abs(ours.rate_bps - service.rate_bps) <= 1
        assert ours.queue_bytes * 8 >= service.burst_limit_bits + service.rate_bps * service.latency_ns / 1e9
    assert Layout.from_json(layout.to_json()) == layout


def test_a_scenario_that_reserves_nothing_has_no_classes() -> None:
    layout = Layout.of(load("qingyang-direct"))
    assert not any(link.classes for link in layout.links.values())
    commands = [command.text for command in shaping.commands(layout)]
    assert len(commands) == 6 * len(layout.links)
    assert not any(word in text for text in commands for word in ("filter", " prio ", "default 30"))


def test_tc_is_read_back() -> None:
    classes = parse_classes(SHOWN)
    assert classes[0x22, 0x20] == (7_500_000, 10_000_000, 36_917, 2048)
    assert classes[0x22, 0x30][3] == 1 << 20
    assert classes[0x23, 1] == (7_123_000, 7_123_000, 1513, 1513)
    assert parse_filters(FILTERS) == {(0x22, 0x10): (48,), (0x22, 0x20): (44, 45)}


def test_what_tc_says_is_compared_with_what_was_asked() -> None:
    qdiscs: list[dict[str, Any]] = [
        {"kind": "htb", "dev": "s1-p2", "root": True},
        *(
            {"kind": kind, "dev": "s1-p2", "parent": parent, "options": {"limit": limit}}
            for kind, parent, limit in (
                ("bfifo", "22:10", 15140),
                ("bfifo", "22:20", 36918),
                ("pfifo_head_drop", "22:30", 16),
            )
        ),
    ]
    shaped = shaped_of({0x22: "s1-p2"}, qdiscs, SHOWN, FILTERS)["s1-p2"]
    assert class_faults(LINK, shaped) == []
    wrong = {
        **shaped.classes,
        0x20: replace(shaped.classes[0x20], rate_bps=7_000_000, queue_bytes=9, dscp=(44,)),
    }
    del wrong[0x10]
    assert class_faults(LINK, Shaped(shaped.link, wrong)) == [
        "class control is missing",
        "class reserved: rate set to 7000000 bit/s instead of 7500000 bit/s",
        "class reserved: queue set to 9 bytes instead of 36918 bytes",
        "class reserved takes DSCP [44] instead of [44, 45]",
    ]


def test_contenders_are_measured_for_the_same_time() -> None:
    contenders = Contender.all_of(LINK, Direction("x", "y", 1.0, 10.0))
    assert [each.direction.dscp for each in contenders] == [48, 44, None]
    trains = contending_trains(contenders, 0.016)
    lasting_s = [
        train.frames * train.frame_bytes * 8 / each.link_class.rate_bps
        for train, each in zip(trains, contenders, strict=True)
    ]
    assert max(lasting_s) < 1.5 * min(lasting_s)


def test_a_class_that_gets_less_than_its_rate_is_told() -> None:
    ours = LINK.classes[1]
    said = ShapedClass(ours.rate_bps, ours.ceil_bps, 1513, 1513)
    assert ClassReading(ours, said, 7.6).problems() == []
    assert ClassReading(ours, said, 9.9).problems() == []
    assert ClassReading(ours, said, 7.0).problems() == [
        "class reserved got 7.000 Mbit/s under contention, declared 7.500 Mbit/s (tolerance 5%)"
    ]
    assert ClassReading(ours, said, None).problems() == [
        "too few frames of class reserved came through to measure its rate"
    ]


def test_the_header_of_measuring_packets_is_a_good_one() -> None:
    header = ip_header(44, 50)
    assert (header[1] >> 2, len(header)) == (44, 20)
    words = [int.from_bytes(header[n : n + 2], "big") for n in range(0, 20, 2)]
    total = sum(words)
    assert (total & 0xFFFF) + (total >> 16) == 0xFFFF
