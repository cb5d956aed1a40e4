"""The tc commands for netem and HTB, and what tc says read back. No root, no tc."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from topology.burstloss import GilbertElliott
from topology.emulation.layout import Layout, LinkEnd, LinkLayout
from topology.emulation.links import LinkProperties, Wire, netem, shaping, tc
from topology.emulation.links.buckets import burst_bytes
from topology.emulation.links.calibration import lateness_of
from topology.emulation.links.steering import processor_mask
from topology.emulation.links.tables import library
from topology.variation import JitterDistribution

WIRE = Wire("qingyang--xian", "w1a", "w1b", LinkProperties(100, 2.513, queue_bytes=250_000))
LINK = LinkLayout(
    "qingyang--xian",
    17,
    LinkEnd("qingyang", 2, "s1-p2", "w17a"),
    LinkEnd("xian", 3, "s4-p3", "w17b"),
    LinkProperties(100, 2.513, queue_bytes=250_000),
)


def test_netem_without_links_is_no_dead_pipe(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(netem, "steer_all", lambda: 0)
    monkeypatch.setattr(netem, "seed_supported", lambda: False)
    monkeypatch.setattr(tc, "run", lambda *_commands, **_options: None)
    pipe = netem.NetemPipe(calibrated=False)
    assert not pipe.alive()
    pipe.start([], 1)  # a part of a network none of whose links begins there
    assert pipe.alive()
    pipe.stop()
    assert not pipe.alive()


def test_netem_golden() -> None:
    assert [command.text for command in netem.start_commands(WIRE, None)] == [
        "qdisc add dev w1b root handle 1: netem limit 5398 delay 2513.000us rate 100gbit",
        "qdisc add dev w1a root handle 1: netem limit 5398 delay 2513.000us rate 100gbit",
        "qdisc add dev w1a clsact",
        "filter add dev w1a ingress protocol 0x88b6 prio 1 u32 match u32 0 0 flowid 1:1",
        "filter add dev w1a ingress protocol all prio 2 u32 match u32 0 0"
        " action mirred egress redirect dev w1b",
        "qdisc add dev w1b clsact",
        "filter add dev w1b ingress protocol 0x88b6 prio 1 u32 match u32 0 0 flowid 1:1",
        "filter add dev w1b ingress protocol all prio 2 u32 match u32 0 0"
        " action mirred egress redirect dev w1a",
    ]
    assert {command.link for command in netem.start_commands(WIRE, None)} == {"qingyang--xian"}


def test_netem_options_in_full() -> None:
    properties = LinkProperties(10, 5, jitter_ms=1, loss_ratio=0.0125, queue_bytes=20_000)
    assert netem.netem_options(properties, None) == (
        "limit 1430 delay 5000.000us 1000.000us loss random 1.2500000% rate 100gbit"
    )


def test_netem_distributions_and_bursts() -> None:
    bursts = GilbertElliott(0.001, 0.2, 0.9, 0.00001)
    properties = LinkProperties(
        *(10, 8, 1, bursts.loss_ratio, 20_000), JitterDistribution.NORMAL, bursts, reorders=True
    )
    assert netem.netem_options(properties, None) == (
        "limit 1547 delay 8000.000us 1000.000us distribution onehop-normal"
        " loss gemodel 0.1000000% 20.0000000% 90.0000000% 0.0010000%"
    )


def test_netem_names_a_uniform_distribution_where_another_may_have_been() -> None:
    wire = replace(WIRE, properties=replace(WIRE.properties, jitter_ms=1))
    assert not any(" distribution " in command.text for command in netem.start_commands(wire, None))
    changed = netem.change_commands(wire, None)
    assert all(" 1000.000us distribution onehop-uniform " in command.text for command in changed)


def test_netem_varies_by_a_distribution_also_where_its_lateness_is_all_of_the_delay() -> None:
    short = replace(
        WIRE.properties, delay_ms=0.1, jitter_ms=0.1, jitter_distribution=JitterDistribution.PARETO
    )
    assert " delay 0.100us 100.000us distribution onehop-pareto " in netem.netem_options(short, None, 0.3)
    entry = {"options": {"delay": {"delay": 1e-7, "jitter": 1e-4}}}
    assert netem.parse_netem(entry, short, 0.3).delay_ms == 0.1


def test_a_silent_direction_has_no_bursts() -> None:
    bursts = GilbertElliott(0.1, 0.2)
    wire = replace(WIRE, properties=replace(WIRE.properties, loss_ratio=bursts.loss_ratio, burst_loss=bursts))
    silent, loud = netem.silence_commands(wire, (True, False), None)
    assert " loss random 100.0000000% " in silent.text
    assert " loss gemodel " in loud.text


def test_tables_stand_where_tc_looks_while_it_runs() -> None:
    wire = replace(
        WIRE,
        properties=replace(WIRE.properties, jitter_ms=0.1, jitter_distribution=JitterDistribution.PARETO),
    )
    with library(netem.start_commands(wire, None)) as place:
        assert place is not None
        assert [file.name for file in place.iterdir()] == ["onehop-pareto.dist"]
        assert len(str(place)) < 90  # tc has 128 characters for the whole path
    assert not place.exists()
    with library(netem.start_commands(WIRE, None)) as none:
        assert none is None


def test_netem_bursts_read_back() -> None:
    shown = {"p": 0.001, "r": 0.2, "1-h": 0.9, "1-k": 0.00001}
    entry = {"options": {"delay": {"delay": 0.002513}, "loss-gemodel": shown}}
    bursts = GilbertElliott(0.001, 0.2, 0.9, 0.00001)
    asked = replace(WIRE.properties, loss_ratio=bursts.loss_ratio, burst_loss=bursts, reorders=True)
    assert netem.parse_netem(entry, asked) == replace(asked, delay_ms=pytest.approx(2.513))
    without = {"options": {"delay": {"delay": 0.002513}, "rate": {"rate": 12_500_000_000}}}
    said = netem.parse_netem(without, asked)
    assert (said.loss_ratio, said.burst_loss, said.reorders) == (0.0, None, False)


def test_netem_seeds_differ_by_direction_and_repeat() -> None:
    first = [command.text for command in netem.start_commands(WIRE, 7)[:2]]
    seeds = [text.rpartition("seed ")[2] for text in first]
    assert seeds[0] != seeds[1]
    assert all(0 <= int(seed) < 2**64 for seed in seeds)
    assert first == [command.text for command in netem.start_commands(WIRE, 7)[:2]]


def test_netem_keeps_order_whatever_the_jitter() -> None:
    for jitter_ms in (0.0, 0.5):
        assert " rate " in netem.netem_options(replace(WIRE.properties, jitter_ms=jitter_ms), None)


@given(st.floats(0.1, 1000), st.floats(0, 300), st.floats(0, 300))
def test_netem_holds_what_is_in_flight(rate_mbps: float, delay_ms: float, jitter_ms: float) -> None:
    properties = LinkProperties(rate_mbps, delay_ms, jitter_ms)
    smallest_in_flight = rate_mbps * 1e3 / 8 * delay_ms / 64
    assert netem.limit_frames(properties) > smallest_in_flight


def test_netem_lateness_is_taken_off_the_delay_and_added_when_read_back() -> None:
    assert " delay 2213.000us " in netem.netem_options(WIRE.properties, None, 0.3)
    assert " delay 0.000us " in netem.netem_options(replace(WIRE.properties, delay_ms=0.1), None, 0.3)
    entry = {"options": {"delay": {"delay": 0.002213, "jitter": 0}}}
    assert netem.parse_netem(entry, WIRE.properties, 0.3).delay_ms == pytest.approx(2.513)
    asked = replace(WIRE.properties, delay_ms=0.1)
    assert netem.parse_netem({"options": {"limit": 1}}, asked, 0.3).delay_ms == 0.1


def test_lateness_is_what_nearly_every_frame_has_within_bounds() -> None:
    left = [(number, number * 1_000_000) for number in range(10)]

    def arrived(*late_us: int) -> list[tuple[int, int]]:
        return [(n, at + 2_000_000 + late * 1000) for (n, at), late in zip(left, late_us, strict=True)]

    assert lateness_of(left, arrived(10, 400, 20, 30, 9000, 90, 80, 70, 60, 50)) == pytest.approx(0.02)
    assert lateness_of(left, arrived(*range(5000, 5010))) == 0.5
    assert lateness_of(left, arrived(*[-20] * 10)) == 0.0
    assert lateness_of(left, []) == 0.0


@pytest.mark.parametrize(
    ("processors", "mask"), [(2, "00000003"), (32, "ffffffff"), (40, "000000ff,ffffffff"), (1, "00000001")]
)
def test_processor_masks(processors: int, mask: str) -> None:
    assert processor_mask(processors) == mask


def test_netem_read_back() -> None:
    entry = {
        "kind": "netem",
        "dev": "w1a",
        "options": {
            "limit": 5398,
            "delay": {"delay": 0.002513, "jitter": 0.0005, "correlation": 0},
            "loss-random": {"loss": 0.01, "correlation": 0},
            "rate": {"rate": 12_500_000_000},
        },
    }
    assert netem.parse_netem(entry, WIRE.properties) == LinkProperties(
        100, pytest.approx(2.513), pytest.approx(0.5), 0.01, 250_000
    )


def test_netem_read_back_of_a_link_without_delay() -> None:
    entry = {"kind": "netem", "dev": "w1a", "options": {"limit": 1000}}
    assert netem.parse_netem(entry, WIRE.properties) == replace(WIRE.properties, delay_ms=0.0)


def test_shaping_golden() -> None:
    assert [command.text for command in shaping.link_commands(LINK)] == [
        "qdisc replace dev s1-p2 root handle 22: htb default 1",
        "class replace dev s1-p2 parent 22: classid 22:1 htb"
        " rate 100000000bit ceil 100000000bit burst 12500b cburst 12500b quantum 1514",
        "qdisc replace dev s1-p2 parent 22:1 bfifo limit 250000b",
        "qdisc replace dev s4-p3 root handle 23: htb default 1",
        "class replace dev s4-p3 parent 23: classid 23:1 htb"
        " rate 100000000bit ceil 100000000bit burst 12500b cburst 12500b quantum 1514",
        "qdisc replace dev s4-p3 parent 23:1 bfifo limit 250000b",
    ]


def test_shaping_covers_every_link_of_a_layout() -> None:
    links = {f"l{n}": replace(LINK, link=f"l{n}", number=n) for n in range(1, 81)}
    commands = shaping.commands(Layout("x", "", 1.0, {}, links))
    assert len(commands) == 80 * 6
    roots = [command.text.split() for command in commands if " root " in command.text]
    handles = [words[words.index("handle") + 1] for words in roots]
    assert len(set(handles)) == 160


@pytest.mark.parametrize(
    ("rate_mbps", "burst"), [(0.5, 1514), (10, 1514), (100, 12_500), (200, 50_000), (400, 150_000)]
)
def test_burst_grows_with_the_rate_but_is_at_least_a_frame(rate_mbps: float, burst: int) -> None:
    assert burst_bytes(rate_mbps) == burst


def test_the_failing_line_of_a_batch_is_found() -> None:
    stderr = "Error: Specified qdisc kind is unknown.\nCommand failed -:3\n"
    assert tc.failed_line(stderr) == 2
    assert tc.failed_line("Cannot open netlink socket\n") is None
