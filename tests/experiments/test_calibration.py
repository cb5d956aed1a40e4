"""Calibration without a machine: the search, what is kept and for whom, and what is held against it."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any, get_args

import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from experiments.capability import store
from experiments.capability.asking import Asked
from experiments.capability.judgement import COUNTED_ON, judge, proposed_scale
from experiments.capability.machine import machine_now
from experiments.capability.measuring import SMALL_FRAME_BYTES, Effort, confirmed
from experiments.capability.search import Found, Trial, largest
from experiments.capability.testlinks import FILL, added_us
from experiments.cli import onehop
from experiments.cli.calibrate import P99_LIMITS
from experiments.lab import LabOptions
from experiments.manifests import begin
from experiments.results.calibration import Bound, Calibration, Capacity, Lateness, Limit, Machine
from experiments.run import QUICK
from topology.emulation.injection import Sightings
from topology.emulation.layout import Layout
from topology.emulation.reading import DEFAULT_TOLERANCE
from topology.errors import MachineError
from topology.network import Network
from topology.scenario import load

LIMIT = Limit()
SMALL = Lateness(count=400, p50_us=10, p99_us=40, p99_9_us=80, max_us=90)


def trial(load: float, *, p50_us: float = 10, p99_us: float = 40, lost: float = 0, sent: float = 1) -> Trial:
    late = Lateness(count=400, p50_us=p50_us, p99_us=p99_us, p99_9_us=p99_us, max_us=p99_us)
    return Trial(load, sent, lost, late)


@cache
def this_machine() -> Machine:
    return machine_now("auto", "auto")


def calibration(
    one_mbps: float = 1000.0, flow_mbps: float = 300.0, many_mbps: float = 800.0, **changes: object
) -> Calibration:
    """A machine that carries so much: on one link, as one flow over four links, on many links."""

    def capacity(links: int, frame_bytes: int, mbps: float) -> Capacity:
        return Capacity(
            links=links,
            frame_bytes=frame_bytes,
            rate_mbps=mbps,
            packets_per_s=mbps * 1e6 / 8 / frame_bytes,
            added=SMALL,
            bound="delay",
        )

    made = Calibration(
        created="2026-01-01T00:00:00Z",
        machine=this_machine(),
        limit=LIMIT,
        busy_ratio=0.02,
        steal_ratio=0.0,
        floor=SMALL,
        timer=SMALL,
        added=SMALL,
        path=SMALL,
        capacities=(
            capacity(1, 1514, one_mbps),
            capacity(1, 64, one_mbps / 20),
            capacity(40, 1514, many_mbps),
            capacity(40, 64, many_mbps / 20),
        ),
        flow=capacity(4, 1514, flow_mbps),
    )
    return made.model_copy(update=changes)


@pytest.fixture
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv(store.STATE_VARIABLE, str(tmp_path / "state"))
    return tmp_path / "state"


# --- the search -------------------------------------------------------------------------------------------


@given(
    knee=st.floats(600, 1_900_000), start=st.floats(500, 2_000_000), resolution=st.floats(1.02, 2), loses=...
)
def test_the_largest_load_is_found_to_the_resolution(
    knee: float, start: float, resolution: float, loses: bool
) -> None:
    asked: list[float] = []

    def attempt(load: float) -> Trial:
        asked.append(load)
        if load <= knee:
            return trial(load)
        return trial(load, lost=0.2) if loses else trial(load, p50_us=50_000, p99_us=90_000)

    found = largest(attempt, LIMIT, start=start, least=500, most=2_000_000, resolution=resolution)
    assert found.best is not None
    assert found.best.load <= knee <= found.best.load * max(resolution, 1) * (1 + 1e-9)
    assert found.bound == ("loss" if loses else "delay")
    assert len(asked) < 12 + math.log2(math.log(2) / math.log(resolution)) + 2
    assert all(500 <= load <= 2_000_000 for load in asked)


def test_a_machine_without_a_knee_is_unbounded_and_one_without_any_load_has_none() -> None:
    every = largest(trial, LIMIT, start=20_000, least=500, most=1_000_000)
    assert every.best is not None
    assert (every.best.load, every.bound) == (1_000_000, "unbounded")
    nothing = largest(lambda load: trial(load, lost=1), LIMIT, start=20_000, least=500, most=1_000_000)
    assert nothing == Found(None, "loss")
    assert confirmed(nothing, LIMIT, trial) == (0.0, None)


def test_what_other_work_spoils_once_is_looked_at_again_and_what_is_clear_is_not() -> None:
    seen: dict[float, int] = {}

    def spoilt_at_first(load: float) -> Trial:
        seen[load] = seen.get(load, 0) + 1
        return trial(load, p99_us=5_000) if seen[load] < 3 else trial(load)

    found = largest(spoilt_at_first, LIMIT, start=1000, least=500, most=4000)
    assert found.best is not None
    assert found.best.load == 4000
    seen.clear()

    def hopeless(load: float) -> Trial:
        seen[load] = seen.get(load, 0) + 1
        return trial(load, p50_us=90_000, p99_us=90_000)

    largest(hopeless, LIMIT, start=1000, least=500, most=4000)
    assert set(seen.values()) == {1}


@pytest.mark.parametrize(
    ("one", "expected"),
    [
        (trial(1), None),
        (trial(1, p50_us=250, p99_us=1000), None),
        (trial(1, p50_us=251), "delay"),
        (trial(1, p99_us=1001), "delay"),
        (trial(1, lost=0.0011), "loss"),
        (trial(1, lost=0.001), None),
        (trial(1, sent=0.9), "sender"),
        (trial(1, sent=0.9, p50_us=900), "delay"),
        (Trial(1, 1.0, 0.0, None), "loss"),
    ],
)
def test_what_is_beyond_the_limit(one: Trial, expected: Bound | None) -> None:
    assert one.beyond(LIMIT) == expected


def test_a_longer_look_lowers_what_a_short_one_found() -> None:
    found = Found(trial(100_000), "delay")
    load, added = confirmed(found, LIMIT, lambda load: trial(load, lost=0.0 if load < 80_000 else 0.1))
    assert load == pytest.approx(100_000 * 0.85**2)
    assert added is not None


@given(st.lists(st.floats(-1e3, 1e7), min_size=1, max_size=3000))
def test_percentiles_are_values_that_occurred(values: list[float]) -> None:
    late = Lateness.of(values)
    rounded = sorted(round(value, 1) for value in values)
    for share, value in ((0.5, late.p50_us), (0.99, late.p99_us), (0.999, late.p99_9_us), (1, late.max_us)):
        assert value in rounded
        assert sum(each <= value for each in rounded) >= share * len(values) - 1e-9
    assert late.p50_us <= late.p99_us <= late.p99_9_us <= late.max_us


def test_added_delay_counts_frames_seen_at_both_ends_only() -> None:
    seen = Sightings(left=[(0, 1000), (1, 2000), (3, 4000)], arrived=[(1, 2_012_000), (0, 2_001_500), (7, 9)])
    assert added_us(seen, 2.0) == [pytest.approx(10.0), pytest.approx(0.5)]


def test_the_time_it_takes_is_told_beforehand() -> None:
    assert 60 < Effort().expected_s < 120


# --- what is kept -----------------------------------------------------------------------------------------


def test_what_is_kept_comes_back_and_goes_into_the_manifest(state: Path) -> None:
    assert store.kept() == store.Kept(None)
    path = store.keep(calibration())
    assert path.parent == state
    assert path.stat().st_mode & 0o777 == 0o644
    assert [file.name for file in state.iterdir()] == [path.name]
    assert store.kept().calibration == calibration()
    networks = {"base": load("tiny")}
    manifest = begin("one-hop", networks, LabOptions(), QUICK, ())  # type: ignore[arg-type]
    assert manifest.calibration == calibration()
    again = type(manifest).from_json(manifest.to_json(), where="manifest.json")
    assert again.calibration == manifest.calibration


@pytest.mark.parametrize("name", ["kernel", "cpu_model", "links", "onehop", "python", "iproute2", "ovs"])
def test_another_machine_or_program_makes_it_void(state: Path, name: str) -> None:
    made = calibration()
    store.keep(made.model_copy(update={"machine": made.machine.model_copy(update={name: "another"})}))
    found = store.kept()
    assert found.calibration is None
    assert found.why_not.startswith(f"{name} was another, is ")


@pytest.mark.parametrize("text", ["", "{", '{"calibration_version": 1}', "[]", '"x"'])
def test_a_damaged_file_holds_nothing(state: Path, text: str) -> None:
    store.keep(calibration()).write_text(text)
    found = store.kept()
    assert found.calibration is None
    assert found.why_not


def test_a_state_folder_that_cannot_be_is_one_clear_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv(store.STATE_VARIABLE, str(tmp_path / "file" / "below"))
    with pytest.raises(MachineError, match="cannot be kept"):
        store.keep(calibration())


# --- what is held against it ------------------------------------------------------------------------------


def test_a_scenario_that_fits_is_not_warned_about() -> None:
    judgement = judge(Asked.by(load("tiny")), calibration())
    assert judgement.fits
    assert judgement.rate_scale is None
    assert judgement.full_share == 1.0


def test_links_too_fast_are_named_the_fastest_first() -> None:
    network = _at_scale(load("qingyang-direct"), 200.0)
    rates = {link.link: link.properties.rate_mbps for link in Layout.of(network).links.values()}
    judgement = judge(Asked.by(network), calibration(one_mbps=1500 / COUNTED_ON, flow_mbps=1e9))
    (shortfall,) = judgement.shortfalls
    assert set(shortfall.links) == {link for link, mbps in rates.items() if mbps > 1500}
    assert [rates[link] for link in shortfall.links] == sorted(
        (rates[link] for link in shortfall.links), reverse=True
    )
    assert f"{shortfall.links[0]}, " in str(shortfall)
    assert "one carries 1.5 Gbit/s from host to host" in str(shortfall)
    assert str(shortfall).endswith(f"and {len(shortfall.links) - 5} more")


@given(
    st.sampled_from(["tiny", "qingyang-direct", "tiny-deterministic", "topohub:topozoo/Cernet"]),
    st.floats(1, 1e5),
    st.floats(1, 1e5),
    st.floats(1, 1e6),
)
def test_at_the_scale_proposed_everything_fits(
    name: str, one_mbps: float, flow_mbps: float, rate_scale: float
) -> None:
    known = calibration(one_mbps, flow_mbps)
    judgement = judge(_scaled(name, rate_scale), known)
    assert judgement.fits == (judgement.rate_scale is None)
    if judgement.rate_scale is not None:
        assert judgement.rate_scale > rate_scale
        assert judge(_scaled(name, judgement.rate_scale), known).fits
        assert judge(_scaled(name, judgement.rate_scale / 1.2), known).shortfalls


def _scaled(name: str, rate_scale: float) -> Asked:
    """What the network asks at this scale, without routing it anew each time."""
    at_one = _asked_at_one(name)
    factor = 1e6 / rate_scale
    flow = at_one.flow and replace(at_one.flow, mbps=at_one.flow.mbps * factor)
    return replace(
        at_one,
        rate_scale=rate_scale,
        rates_mbps={link: mbps * factor for link, mbps in at_one.rates_mbps.items()},
        flow=flow,
        reserved_mbps=at_one.reserved_mbps * factor,
        everything_mbps=at_one.everything_mbps * factor,
    )


@cache
def _asked_at_one(name: str) -> Asked:
    return Asked.by(_at_scale(load(name), 1e6))


def _at_scale(network: Network, rate_scale: float) -> Network:
    return replace(network, rate_scale=rate_scale)


@given(st.floats(1, 1e8), st.floats(1, 1e4))
def test_a_proposed_scale_has_two_digits_and_is_enough(rate_scale: float, ratio: float) -> None:
    proposed = proposed_scale(rate_scale, ratio)
    assert proposed >= rate_scale * ratio * (1 - 1e-8)
    assert proposed <= rate_scale * ratio * 1.1 * (1 + 1e-8)
    assert len(f"{proposed:.6e}".partition("e")[0].rstrip("0").replace(".", "")) <= 2


def test_a_flow_counts_on_every_link_of_its_path() -> None:
    asked = Asked.by(load("tiny"))  # Qingyang to Beijing: three links, the narrowest of 10 Mbit/s
    assert asked.flow is not None
    assert asked.flow.mbps == pytest.approx(min(asked.rates_mbps[link] for link in asked.flow.links))
    assert asked.flow.carried_mbps == pytest.approx(3 * asked.flow.mbps)
    wide = replace(asked, rates_mbps={})
    judgement = judge(wide, calibration(flow_mbps=asked.flow.mbps / COUNTED_ON / 2))
    (shortfall,) = judgement.shortfalls
    assert shortfall.links == asked.flow.links
    assert judgement.rate_scale == 2 * asked.rate_scale
    long = replace(wide, flow=replace(asked.flow, links=tuple(f"l{n}" for n in range(8))))
    enough = asked.flow.mbps / COUNTED_ON * 2  # the path is twice as long as the one tried
    assert judge(long, calibration(flow_mbps=enough * 0.99)).shortfalls
    assert judge(long, calibration(flow_mbps=enough)).fits


def test_reservations_count_together() -> None:
    asked = Asked.by(load("tiny-deterministic"))
    assert asked.reserved_mbps > 0
    alone = replace(asked, flow=None, rates_mbps={})
    enough = asked.reserved_mbps / 4 / COUNTED_ON
    judgement = judge(alone, calibration(flow_mbps=enough / 3))
    assert "reservations of" in str(judgement.shortfalls[0])
    assert judgement.shortfalls[0].ratio == pytest.approx(3)
    assert judge(alone, calibration(flow_mbps=enough)).fits


def test_a_machine_whose_idle_links_are_late_fits_nothing_and_no_scale_is_proposed() -> None:
    late = Lateness(count=100, p50_us=400, p99_us=900, p99_9_us=900, max_us=900)
    judgement = judge(Asked.by(load("tiny")), calibration(added=late))
    assert "0.40 ms late" in str(judgement.shortfalls[0])
    assert judgement.rate_scale is None


# --- on the command line ----------------------------------------------------------------------------------


def test_the_command_line_shows_what_is_kept(state: Path) -> None:
    missing = CliRunner().invoke(onehop, ["calibrate", "--show"], standalone_mode=False)
    assert isinstance(missing.exception, MachineError)
    store.keep(calibration())
    shown = CliRunner().invoke(onehop, ["calibrate", "--show", "--json"], standalone_mode=False)
    assert json.loads(shown.stdout)["capacities"][0]["rate_mbps"] == 1000.0
    table = CliRunner().invoke(onehop, ["calibrate", "--show"], standalone_mode=False).stdout
    assert "40 links at once" in table
    assert "0.25 ms" in table


def test_doctor_says_what_a_scenario_lacks(state: Path) -> None:
    def told(*words: str) -> Any:
        shown = CliRunner().invoke(onehop, ["doctor", *words, "--json"], standalone_mode=False).stdout
        return json.loads(shown)["calibration"]

    assert told("tiny")["calibrated"] is False
    store.keep(calibration(one_mbps=15 / COUNTED_ON))
    found = told("tiny")
    assert found["calibrated"] is True
    (of_tiny,) = found["scenarios"]
    assert of_tiny["fits"] is False
    assert of_tiny["rate_scale"] == 27_000
    assert "one carries 15 Mbit/s from host to host" in of_tiny["warnings"][0]


def test_a_run_is_warned_before_anything_is_created(
    state: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    def stop(*_anything: object) -> int:
        assert "hint: --rate-scale 27000 fits" in capfd.readouterr().err
        return 0

    store.keep(calibration(one_mbps=15 / COUNTED_ON))
    monkeypatch.setattr("experiments.cli.up.in_cell", stop)
    assert onehop.main(["up", "tiny"], standalone_mode=False) == 0


@pytest.mark.parametrize("name", ["calibration.md", "calibration.zh.md"])
def test_the_page_states_the_figures_of_the_code(name: str) -> None:
    text = (Path(__file__).parents[2] / "docs" / name).read_text(encoding="utf-8")
    effort = Effort()
    expected = [
        f"{LIMIT.delay_ms:g} ms",
        f"{LIMIT.loss_ratio * 100:g} %",
        f"{COUNTED_ON * 100:g} %",
        f"{FILL * 100:g} %",
        f" {SMALL_FRAME_BYTES} ",
        f" {effort.many} ",
        f"{effort.resolution:g}",
        store.STATE_VARIABLE,
        *get_args(Bound),
    ]
    assert [figure for figure in expected if figure not in text] == []
    assert LIMIT.delay_p99_ms == P99_LIMITS * LIMIT.delay_ms
    assert DEFAULT_TOLERANCE.delay_ms == LIMIT.delay_ms
