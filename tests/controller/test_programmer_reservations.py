"""The programmer and its promises: asked for, given back, moved when links fail, never half."""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import Future
from dataclasses import replace
from types import MappingProxyType
from typing import Any

import pytest

from controller import programmer as module
from controller.admission import Admission, standing
from controller.entries import FlowEntry
from controller.flowtables import flow_tables
from controller.groups import Group
from controller.members import Asked, Inquiry, Withdrawn
from controller.plan import RoutingPlan
from controller.promises import carried
from controller.reservations import Answer, Constraint, Refusal, Reservation
from tests.controller.reserved import with_reserved_class
from tests.controller.strategies import four_sites
from tests.controller.test_programmer import Stage
from tests.patience import PATIENCE_S, wait_until
from topology.emulation.layout import HOST_PORT, Layout
from topology.errors import InputError
from topology.network import Demand, Network, Protection, ReservedClass, TrafficClass


def demand(name: str, source: str = "a", destination: str = "d", **more: Any) -> Demand:
    return Demand(name, source, destination, 1.0, TrafficClass.RESERVED, **more)


def square(*demands: Demand) -> Network:
    network = with_reserved_class(four_sites())
    routing = replace(network.routing, reserved=ReservedClass(burst_ms=10.0))
    asked = MappingProxyType({one.id: one for one in demands})
    return replace(network, routing=routing, demands=asked, rate_scale=1.0)


VIDEO = demand("video", protection=Protection.LINK)
NETWORK = square(VIDEO)
LAYOUT = Layout.of(NETWORK)


@pytest.fixture
def stage(monkeypatch: pytest.MonkeyPatch) -> Iterator[Stage]:
    monkeypatch.setattr(module, "LINGER_SECONDS", 0.1)
    stage = Stage(NETWORK)
    stage.programmer.start()
    stage.join("a", "b", "c", "d")
    stage.wait_for("programmed")
    yield stage
    stage.programmer.stop(PATIENCE_S)


def ask(stage: Stage, asked: Demand) -> Answer:
    answer: Future[Answer] = Future()
    stage.programmer.tell(Asked(asked, answer, time.monotonic()))
    return answer.result(PATIENCE_S)


def withdraw(stage: Stage, name: str) -> Reservation:
    answer: Future[Reservation] = Future()
    stage.programmer.tell(Withdrawn(name, answer, time.monotonic()))
    return answer.result(PATIENCE_S)


def check(stage: Stage, *demands: Demand, without: tuple[str, ...] = ()) -> None:
    """Switches hold what the same questions, asked anew, lead to; former ways may take a moment to go."""
    admission = Admission(NETWORK, rate_scale=NETWORK.rate_scale)
    for one in demands:
        admission.ask(one)
    now = standing(NETWORK, admission.reservations, without, rate_scale=NETWORK.rate_scale)
    plan = RoutingPlan.of(NETWORK, without_links=without)
    tables = flow_tables(plan, NETWORK, LAYOUT, carried(now))
    wanted = {site: dict(table.by_key) for site, table in tables.items()}
    wait_until(lambda: {site: switch.entries for site, switch in stage.switches.items()} == wanted)


def test_the_scenarios_own_demands_are_admitted_and_programmed(stage: Stage) -> None:
    assert stage.wait_for("admitted", id="video")["path"] == ["a", "b", "d"]
    programmed = stage.wait_for("programmed")
    assert (programmed["groups"], programmed["meters"]) == (2, 1)
    check(stage, VIDEO)


def test_an_answer_comes_when_the_switches_have_it(stage: Stage) -> None:
    more = demand("more", "d", "a")
    sent = {site: len(switch.sent) for site, switch in stage.switches.items()}
    answer = ask(stage, more)
    assert isinstance(answer, Reservation)
    check(stage, VIDEO, more)
    assert stage.wait_for("admitted", id="more")["pending"] == []
    assert dict(stage.programmer.snapshot.pending) == {}
    for site, switch in stage.switches.items():  # nobody else's entries are touched
        assert {change.entry.reservation for change in switch.sent[sent[site] :]} <= {"more"}
    assert withdraw(stage, "more") == answer
    assert not [e for e in stage.switches["d"].entries.values() if is_entry_from_host(e, answer)]
    check(stage, VIDEO)
    assert stage.wait_for("withdrawn")["id"] == "more"


def is_entry_from_host(item: object, held: Reservation) -> bool:
    return (
        isinstance(item, FlowEntry)
        and item.match.in_port == HOST_PORT
        and item.match.udp_dst == held.port
        and item.reservation == held.id
    )


def test_a_switch_that_does_not_answer_is_named(stage: Stage) -> None:
    stage.switches["b"].silent = True
    answer = ask(stage, demand("more"))
    assert isinstance(answer, Reservation)
    assert stage.wait_for("admitted", id="more")["pending"] == ["b"]
    assert "b" in stage.programmer.snapshot.pending["more"]
    stage.switches["b"].silent = False
    stage.join("b")
    stage.wait_for("programmed", after=len(stage.events) - 1)
    check(stage, VIDEO, demand("more"))


def test_a_refused_group_leaves_its_reservation_pending(stage: Stage) -> None:
    stage.switches["a"].refusing = lambda change: isinstance(change.entry, Group)
    ask(stage, demand("more", protection=Protection.LINK))
    assert "a" in stage.wait_for("admitted", id="more")["pending"]


def test_refusals_and_mistakes_change_nothing(stage: Stage) -> None:
    sent = {site: len(switch.sent) for site, switch in stage.switches.items()}
    answer = ask(stage, replace(demand("huge"), rate_gbps=1000.0))
    assert isinstance(answer, Refusal)
    assert stage.wait_for("refused", id="huge")["constraint"] == "rate"
    with pytest.raises(InputError):
        ask(stage, demand("nowhere", "a", "x"))
    with pytest.raises(InputError):
        withdraw(stage, "unheard-of")
    assert {site: len(switch.sent) for site, switch in stage.switches.items()} == sent
    check(stage, VIDEO)


def test_reservations_move_first_and_return(stage: Stage) -> None:
    sent = len(stage.switches["a"].sent)
    stage.port("a--b", up=False)
    moved = stage.wait_for("promise-moved", id="video")
    assert (moved["state"], moved["path"]) == ("on-backup", ["a", "c", "d"])
    repaired = stage.wait_for("repaired", without_links=["a--b"])
    assert repaired["promises"] == ["video"]
    assert stage.events.index(moved) < stage.events.index(repaired)
    assert isinstance(stage.switches["a"].sent[sent].entry, Group)
    check(stage, VIDEO, without=("a--b",))
    stage.port("a--b", up=True)
    assert stage.wait_for("promise-restored", id="video")["path"] == ["a", "b", "d"]
    check(stage, VIDEO)


def test_lost_protection_and_broken_promises_are_named(stage: Stage) -> None:
    stage.port("a--c", up=False)
    assert stage.wait_for("promise-unprotected", id="video")["backup"] is None
    check(stage, VIDEO, without=("a--c",))
    stage.port("a--b", up=False)
    assert stage.wait_for("promise-broken", id="video")["constraint"] == "unreachable"
    check(stage, VIDEO, without=("a--b", "a--c"))
    stage.port("a--c", up=True)
    stage.wait_for("promise-moved", id="video", state="on-backup")
    check(stage, VIDEO, without=("a--b",))


def test_what_cannot_be_kept_at_present_is_not_promised(stage: Stage) -> None:
    for link in ("a--b", "a--c"):
        stage.port(link, up=False)
    stage.wait_for("promise-broken", id="video")
    answer = ask(stage, demand("late"))
    assert isinstance(answer, Refusal)
    assert answer.constraint is Constraint.UNREACHABLE
    assert "late" not in stage.programmer.snapshot.reservations


def test_nobody_gets_the_room_of_one_that_had_to_move() -> None:
    moved = demand("moved", "a", "b")  # a--b fails: over c and d, the only way
    other = demand("other", "d", "b")
    moved, other = (replace(one, rate_gbps=4.0) for one in (moved, other))
    network = square(moved)
    stage = Stage(network)
    stage.programmer.start()
    try:
        stage.join("a", "b", "c", "d")
        stage.wait_for("programmed")
        stage.port("a--b", up=False)
        stage.wait_for("promise-moved", id="moved", state="rerouted")
        answer = ask(stage, other)
        assert isinstance(answer, Refusal)
        assert "moved" in answer.reason
        assert stage.programmer.snapshot.standing.held["moved"].active is not None
        stage.port("a--b", up=True)
        stage.wait_for("promise-restored", id="moved")
        assert isinstance(ask(stage, other), Reservation)
    finally:
        stage.programmer.stop(PATIENCE_S)


def test_inquiries_are_answered_by_the_thread_that_knows(stage: Stage) -> None:
    answer: Future[int] = Future()
    stage.programmer.tell(Inquiry(lambda promises: len(promises.reservations), answer))
    assert answer.result(PATIENCE_S) == 1


def test_without_a_reserved_class_nothing_can_be_asked_for() -> None:
    stage = Stage()
    stage.programmer.start()
    try:
        with pytest.raises(InputError, match="sets nothing aside"):
            ask(stage, VIDEO)
    finally:
        stage.programmer.stop(PATIENCE_S)
