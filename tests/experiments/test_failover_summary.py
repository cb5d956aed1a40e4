"""Which faults hit what, what is made of many trials, and the page and table that follow."""

from __future__ import annotations

import io
import re
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console

from experiments.failover.alarms import links_to_fill
from experiments.failover.kinds import GOAL_MS, Kind
from experiments.failover.record import Recorded, TrialFile, read_trials
from experiments.failover.subjects import TRANSIT_DEMAND, Target, targets, with_transit
from experiments.failover.summary import Alarms, FailoverSummary, ProtectedFlow, condensed
from experiments.failover.timeline import Timeline
from experiments.failover.trial import Trial
from experiments.failover.verdict import verdict_of
from experiments.protection import admitted, protected_links
from experiments.report import print_summary
from experiments.report.failover_page import render
from experiments.results import ResultFolder
from tests.experiments.synthetic import manifest
from tests.experiments.test_failover_timeline import cut, observation
from topology.emulation.layout import Layout
from topology.errors import InputError
from topology.scenario import load

ALARMS = Alarms(
    seconds=600.0,
    utilisation=1.0,
    sessions=10,
    links=5,
    links_filled=5,
    false_alarms=0,
    lost=0,
    sent=600_000,
)


def trial(kind: Kind, repetition: int, interruption_ms: float, *, duplicated: int = 0) -> Trial:
    figures = Timeline(
        sent=500,
        lost=int(interruption_ms) + 7,
        under_way=7,
        interruption_ms=interruption_ms,
        pause_ms=interruption_ms + 14.5,
        last_ms=-0.5,
        first_ms=interruption_ms + 14,
        duplicated=duplicated,
        reordered=3,
        expired=0,
        detected_ms=interruption_ms - 1,
        switched_ms=interruption_ms,
        barrier_ms=None if kind is Kind.CONTROLLER_DEATH else interruption_ms + 40,
        restored_ms=1400.0,
        worst_ms=14.0,
    )
    target = Target("f", 0, ("a--b",), "", ("a", "b"))
    return Trial(kind, repetition, target, figures, observation(cut), duplicated, 0, 0.5, 25.0)


def trials() -> list[Trial]:
    return [
        trial(kind, repetition, 4.0 + repetition if kind in (Kind.CARRIER, Kind.CONTROLLER_DEATH) else 30.0)
        for repetition in range(10)
        for kind in Kind
    ]


@pytest.fixture
def folder(tmp_path: Path) -> ResultFolder:
    network = with_transit(load("tiny-deterministic"))
    made = ResultFolder.create(manifest().model_copy(update={"experiment": "failover"}), path=tmp_path / "r")
    made.write_network("base", network)
    with TrialFile(made.path / "trials.jsonl") as file:
        for each in trials():
            file.add(each)
    made.write_summary(summary_of(made))
    return made


def summary_of(made: ResultFolder) -> FailoverSummary:
    network = made.network("base")
    assert network is not None
    written = made.manifest
    kinds = condensed(trials())
    return FailoverSummary(
        experiment="failover",
        scenarios=written.scenarios,
        rate_scale=written.rate_scale,
        backend=written.backend,
        verdict=verdict_of(kinds, ALARMS),
        packets_per_s=1000,
        detection={"interval_ms": 7, "multiplier": 4},  # type: ignore[arg-type]
        site_names={id_: site.name for id_, site in network.sites.items()},
        flows=tuple(
            ProtectedFlow.of(one, added=one.id == TRANSIT_DEMAND)
            for one in admitted(network).values()
            if one.backup
        ),
        kinds=kinds,
        alarms=ALARMS,
        host=written.host,
    )


def test_the_links_of_protected_demands_are_watched_and_no_others() -> None:
    network = load("tiny-deterministic")
    assert set(protected_links(network, admitted(network))) == {
        "qingyang--beijing",
        "qingyang--xian",
        "xian--beijing",
    }
    assert protected_links(load("tiny"), admitted(load("tiny"))) == ()


def test_a_demand_over_a_switch_is_added_where_the_scenario_has_none() -> None:
    network = load("tiny-deterministic")
    added = with_transit(network)
    assert set(added.demands) - set(network.demands) == {TRANSIT_DEMAND}
    assert with_transit(added) is added
    assert len(admitted(added)[TRANSIT_DEMAND].primary.sites) > 2


def test_every_kind_of_fault_has_a_place_and_hits_what_it_should() -> None:
    network = with_transit(load("tiny-deterministic"))
    reservations = admitted(network)
    for kind in Kind:
        places = targets(kind, network, reservations)
        assert places
        for place in places:
            sites = reservations[place.reservation].primary.sites
            links = [link.id for link in network.path_links(sites)]
            if kind is Kind.SWITCH_DEATH:
                assert place.site in sites[1:-1]
            else:
                assert place.links[0] == links[place.position]
            assert place.guard[0] == sites[place.position - (kind is Kind.SWITCH_DEATH)]
        assert len(places[0].links) == (2 if kind is Kind.TWO_CUTS else len(places[0].links))


def test_a_network_without_reservations_is_refused() -> None:
    with pytest.raises(InputError):
        with_transit(load("tiny"))


def test_many_trials_are_condensed_by_kind() -> None:
    kinds = condensed(trials())
    assert [each.kind for each in kinds] == list(Kind)
    carrier = kinds[0]
    assert (carrier.repetitions, carrier.goal_ms, carrier.within_goal) == (10, 10.0, 6)
    spread = carrier.interruption_ms
    assert (spread.min, spread.median, spread.max) == (4.0, 8.0, 13.0)
    assert (carrier.lost_total, carrier.under_way_total) == (sum(range(11, 21)), 70)
    dead = next(each for each in kinds if each.kind is Kind.CONTROLLER_DEATH)
    assert dead.barrier_ms is None
    assert {each.kind for each in kinds if each.goal_ms is None} == set(Kind) - set(GOAL_MS)
    late = condensed([trial(Kind.CARRIER, 0, 4.0, duplicated=2)])[0]
    assert (late.duplicated, late.beyond_bound) == (2, 0)


def test_links_are_filled_as_far_as_the_machine_can_the_slowest_first() -> None:
    def filled(scenario: str) -> tuple[int, int]:
        links = list(Layout.of(load(scenario)).links.values())
        chosen = links_to_fill(links)
        slowest = sorted(link.properties.rate_mbps for link in links)[: len(chosen)]
        assert sorted(link.properties.rate_mbps for link in chosen) == slowest
        return len(chosen), len(links)

    assert filled("tiny-deterministic") == (5, 5)
    some, every = filled("qingyang-deterministic")
    assert 0 < some < every


def test_the_verdict_names_what_was_missed() -> None:
    said = verdict_of(condensed(trials()), ALARMS).text
    assert "in 12 of 20 cuts" in said.en
    assert "no packet delivered twice" in said.en
    assert "no false alarm in 600 s" in said.en
    assert "20 次中 12 次" in said.zh
    assert not verdict_of((), None).ok


def test_alarms_of_a_machine_that_stood_still_are_told_apart() -> None:
    still = ALARMS.model_copy(update={"false_alarms": 12, "in_standstills": 10, "standstill_ms": 44.6})
    said = verdict_of(condensed([trial(Kind.CARRIER, 0, 2.0)]), still).text
    assert "12 false alarms in 600 s with every link full, 10 of them as the machine stood still" in said.en
    assert "(for 45 ms at most)" in said.en
    assert "其中 10 次因主机停顿（最长 45 毫秒）" in said.zh


def test_a_machine_that_was_too_slow_gets_no_verdict_and_hears_why() -> None:
    kinds = condensed(trials())
    blind = verdict_of(kinds, ALARMS, unfollowed=2)
    slow = verdict_of(kinds, ALARMS, slowed=(7, 28))
    assert not blind.ok
    assert not slow.ok
    assert "2 of 70 faults" in blind.reasons[0].en
    assert "every 7 ms; they held at 28 ms" in slow.reasons[0].en
    assert all(reason.zh for verdict in (blind, slow) for reason in verdict.reasons)


def test_a_fault_counts_only_if_its_packets_were_seen_before() -> None:
    seen = trial(Kind.CARRIER, 0, 4.0)
    before = sum(at_ns < seen.observed.began_ns for at_ns in seen.observed.scheduled_ns.values())
    assert seen.followed
    assert not replace(seen, figures=replace(seen.figures, under_way=before)).followed


def test_trials_are_read_back_and_a_line_cut_short_is_left_out(folder: ResultFolder) -> None:
    path = folder.path / "trials.jsonl"
    whole = list(read_trials(path))
    assert len(whole) == 70
    assert isinstance(whole[0], Recorded)
    path.write_text(path.read_text() + '{"kind": "car')
    assert list(read_trials(path)) == whole
    path.write_text(path.read_text() + "\n")
    with pytest.raises(InputError, match="is no trial"):
        list(read_trials(path))


def test_the_page_is_whole_in_both_languages_and_the_same_each_time(folder: ResultFolder) -> None:
    page = render(folder)
    assert page == render(folder)
    for text in (
        "Carrier lost at both ends",
        "两端同时失去载波",
        "12 of 20 under the goal",
        "failover-transit",
    ):
        assert text in page
    ids = re.findall(r'\bid="([^"]+)"', page)
    assert len(ids) == len(set(ids))
    assert page.count("<svg") == 2 * (1 + len(Kind))


def test_the_table_fits_the_terminal(folder: ResultFolder) -> None:
    for language, word in (("en", "Carrier lost"), ("zh", "两端同时失去载波")):
        out = io.StringIO()
        print_summary(
            folder.summary_as(FailoverSummary), console=Console(file=out, width=120), language=language
        )
        assert word in out.getvalue()
        assert "…" not in out.getvalue()
