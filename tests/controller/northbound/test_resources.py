"""What the resources answer is what the controller knows, and what is asked of them happens."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from controller.admission import State
from controller.plan import RoutingPlan
from controller.reservations import Constraint
from tests.controller.northbound.stage import DEMAND, LAYOUT, NETWORK, TOKEN, Stage


@pytest.fixture(autouse=True)
def _leave_no_demand(stage: Stage) -> Iterator[None]:
    yield
    for name in set(stage.backend.snapshot.reservations) - set(NETWORK.demands):
        stage.ask("DELETE", f"/v1/demands/{name}", token=TOKEN)


def test_topology_is_that_of_the_scenario(stage: Stage) -> None:
    topology = stage.get("/v1/topology").json
    assert topology["scenario"] == NETWORK.id
    assert topology["digest"] == NETWORK.digest()
    assert [site["id"] for site in topology["sites"]] == list(NETWORK.sites)
    assert [link["id"] for link in topology["links"]] == list(NETWORK.links)
    for site in topology["sites"]:
        assert int(site["dpid"], 16) == LAYOUT.sites[site["id"]].dpid
        assert site["connected"]
        assert site["programmed"]
    for link in topology["links"]:
        assert link["latency_ms"] == pytest.approx(NETWORK.link_latency_ms(NETWORK.links[link["id"]]))
        assert link["up"]


def test_plan_is_the_one_in_force_whole_or_in_part(stage: Stage) -> None:
    plan = RoutingPlan.of(NETWORK)
    shown = stage.get("/v1/plan").json
    assert shown["digest"] == plan.digest()
    assert [path | {"class": path["class"]} for path in json.loads(plan.to_json())["paths"]] == shown["paths"]
    part = stage.get("/v1/plan?source=beijing&class=compute").json
    expected = [p for p in shown["paths"] if p["source"] == "beijing" and p["class"] == "compute"]
    assert part["paths"] == expected
    assert part["total"] == len(expected) == 3
    window = stage.get("/v1/plan?offset=5&limit=2").json
    assert window["paths"] == shown["paths"][5:7]
    assert window["total"] == shown["total"]


def test_links_carry_counters_and_what_is_reserved(stage: Stage) -> None:
    shown = stage.get("/v1/links").json
    usage = stage.service.usage()
    for link in shown["links"]:
        for end, other in (("a", "b"), ("b", "a")):
            port, counters = link[end]["port"], link[end]["counters"]
            assert counters["received_packets"] == 1000 * port
            assert counters["sent_bytes"] == 200_000 * port
            assert counters["received_dropped"] is None
            used = usage[link[end]["site"], link[other]["site"]]
            assert link[end]["reserved"]["rate_bps"] == used.rate_bps
            assert link[end]["reserved"]["rate_limit_bps"] == used.rate_limit_bps
    assert any(link["a"]["reserved"]["rate_bps"] for link in shown["links"])
    assert shown["silent_sites"] == []


def test_a_demand_is_asked_for_seen_and_given_back(stage: Stage) -> None:
    before = stage.service.usage()
    answer = stage.ask("POST", "/v1/demands", DEMAND, token=TOKEN)
    assert answer.status == 201
    assert answer.headers["location"] == "/v1/demands/one-more"
    reservation = stage.backend.snapshot.reservations["one-more"]
    assert answer.json["primary"]["bound_ns"] == reservation.primary.bound_ns
    assert answer.json["demand"]["from"] == "beijing"
    assert answer.json["demand"]["class"] == "reserved"
    shown = stage.get(answer.headers["location"]).json
    assert shown["state"] == "on-primary"
    assert {key: shown[key] for key in answer.json} == answer.json
    assert [one["id"] for one in stage.get("/v1/demands").json["demands"]] == [*NETWORK.demands, "one-more"]
    assert stage.service.usage() != before
    gone = stage.ask("DELETE", "/v1/demands/one-more", token=TOKEN)
    assert gone.status == 200
    assert gone.json == answer.json
    assert stage.service.usage() == before
    assert stage.get("/v1/demands/one-more").status == 404
    again = stage.ask("DELETE", "/v1/demands/one-more", token=TOKEN)
    assert again.status == 404
    assert again.is_problem


REFUSED: list[tuple[dict[str, Any], Constraint]] = [
    ({"rate_gbps": 1000}, Constraint.RATE),
    ({"max_one_way_ms": 0.001}, Constraint.DELAY),
    ({"max_hops": 1, "avoid_sites": ["xian"], "from": "lanzhou", "to": "beijing"}, Constraint.HOPS),
    ({"id": next(iter(NETWORK.demands))}, Constraint.DUPLICATE),
    ({"burst_mbit": 100_000}, Constraint.BURST),
]


@pytest.mark.parametrize(("changed", "constraint"), REFUSED, ids=[str(c) for _, c in REFUSED])
def test_a_refusal_says_what_failed(stage: Stage, changed: dict[str, Any], constraint: Constraint) -> None:
    answer = stage.ask("POST", "/v1/demands", DEMAND | changed, token=TOKEN)
    assert answer.status == 409
    assert answer.is_problem
    assert answer.json["type"] == "urn:onehop:problem:refused"
    assert answer.json["constraint"] == constraint
    assert answer.json["detail"]
    assert {"asked", "available", "unit", "link", "from_site", "possible"} <= answer.json.keys()
    assert "one-more" not in stage.backend.snapshot.reservations


def test_all_mistakes_of_a_demand_are_told_at_once(stage: Stage) -> None:
    asked = {"id": "One More", "from": "beijing", "to": "qingyang", "rate_gpbs": 1, "class": "compute"}
    answer = stage.ask("POST", "/v1/demands", asked, token=TOKEN)
    assert answer.status == 422
    assert answer.is_problem
    told = " ".join(mistake["what"] + mistake["hint"] for mistake in answer.json["mistakes"])
    for part in ("did you mean 'rate_gbps'?", "'rate_gbps' is missing", "expected an id", "'compute'"):
        assert part in told
    answer = stage.ask(
        "POST", "/v1/demands", DEMAND | {"from": "beijng", "avoid_sites": ["nowhere"]}, token=TOKEN
    )
    assert answer.status == 422
    assert [mistake["where"] for mistake in answer.json["mistakes"]] == [
        "demand from",
        "demand avoid_sites[0]",
    ]


BODIES = {
    "empty": b"",
    "half": b"{",
    "null": b"null",
    "list": b"[]",
    "text": b'"text"',
    "no utf-8": b"\xff\xfe",
    "deep": b"[" * 60_000,
    "half a character": b'{"id": "\\ud800", "\\ud800": 1}',
    "infinite": b'{"rate_gbps": 1e999}',
    "a long number": b'{"rate_gbps": ' + b"1" * 5000 + b"}",
}


@pytest.mark.parametrize("body", BODIES.values(), ids=BODIES)
def test_bodies_that_are_no_demand_are_problems(stage: Stage, body: bytes) -> None:
    answer = stage.ask("POST", "/v1/demands", body, token=TOKEN)
    assert answer.status in (400, 422)
    assert answer.is_problem


def test_an_unknown_service_is_told(stage: Stage) -> None:
    asked = {key: value for key, value in DEMAND.items() if key != "to"} | {"service": "no-such-thing"}
    answer = stage.ask("POST", "/v1/demands", asked, token=TOKEN)
    assert answer.status == 422
    assert answer.json["mistakes"][0]["where"] == "demand service"


def test_what_is_not_there_is_a_problem(stage: Stage) -> None:
    for method, path, status in (
        ("GET", "/", 404),
        ("GET", "/v1/demands/none", 404),
        ("GET", "/v1/topology/", 404),
        ("GET", "/docs", 404),
        ("GET", "/v1/plan?limit=0", 422),
        ("GET", "/v1/plan?class=gold", 422),
        ("GET", "/v1/demands?offset=x", 422),
        ("PUT", "/v1/topology", 405),
    ):
        answer = stage.ask(method, path, token=TOKEN)
        assert (answer.status, answer.is_problem) == (status, True), path


def test_a_failed_link_shows_everywhere(stage: Stage) -> None:
    mark = stage.feed.last
    end = LAYOUT.links["qingyang--beijing"].a
    stage.switches[end.site].set_port(end.port, up=False)
    stage.wait_for("repaired", after=mark, without_links=["qingyang--beijing"])
    try:
        links = {link["id"]: link["up"] for link in stage.get("/v1/links").json["links"]}
        assert links == {link: link != "qingyang--beijing" for link in NETWORK.links}
        demands = stage.get("/v1/demands").json
        assert demands["failed_links"] == ["qingyang--beijing"]
        states = {one["id"]: one["state"] for one in demands["demands"]}
        assert states["train-beijing"] == State.ON_BACKUP
        assert states["mirror-xian"] == State.ON_PRIMARY
        assert stage.get("/healthz").json["links_down"] == 1
        assert stage.get("/v1/plan").json["without_links"] == ["qingyang--beijing"]
    finally:
        mark = stage.feed.last
        stage.switches[end.site].set_port(end.port, up=True)
        stage.wait_for("repaired", after=mark, without_links=[])
    assert stage.get("/healthz").json["status"] == "ok"


def test_a_switch_that_does_not_tell_its_counters_holds_nobody_up(stage: Stage) -> None:
    stage.switches["xian"].answers_statistics = False
    try:
        stage.service._counting._last = type(stage.service._counting._last)(float("-inf"), {})
        shown = stage.get("/v1/links").json
    finally:
        stage.switches["xian"].answers_statistics = True
        stage.service._counting._last = type(stage.service._counting._last)(float("-inf"), {})
    assert shown["silent_sites"] == ["xian"]
    ends = [end for link in shown["links"] for end in (link["a"], link["b"])]
    assert all((end["counters"] is None) == (end["site"] == "xian") for end in ends)
