"""Metrics: what a Prometheus can read, under names and units as it wants them."""

from __future__ import annotations

import pytest
from prometheus_client import Metric
from prometheus_client.openmetrics.parser import text_string_to_metric_families as openmetrics
from prometheus_client.parser import text_string_to_metric_families as prometheus

from controller.admission import State
from tests.controller.northbound.stage import LAYOUT, NETWORK, Stage

_OPENMETRICS = "application/openmetrics-text; version=1.0.0"


def scrape(stage: Stage, accept: str = "text/plain") -> dict[str, Metric]:
    answer = stage.get("/metrics", Accept=accept)
    assert answer.status == 200
    assert answer.headers["content-type"].startswith(accept.split(";")[0])
    parse = openmetrics if "openmetrics" in accept else prometheus
    families = list(parse(answer.body.decode()))
    assert len({family.name for family in families}) == len(families)
    return {family.name: family for family in families}


def value(families: dict[str, Metric], family: str, sample: str = "", **labels: str) -> float:
    (found,) = [
        one.value
        for one in families[family].samples
        if one.name == (sample or family) and labels.items() <= one.labels.items()
    ]
    return float(found)


@pytest.mark.parametrize("accept", ["text/plain", _OPENMETRICS])
def test_names_units_and_help(stage: Stage, accept: str) -> None:
    families = scrape(stage, accept)
    for name, family in families.items():
        assert name.startswith("onehop_")
        assert family.documentation.endswith(".")
        for sample in family.samples:
            if family.type == "counter":
                assert sample.name.endswith(("_total", "_created"))
    assert not [name for name in families if name.endswith(("_ms", "_ns", "_mbit", "_gbps"))]


def test_values_are_those_of_the_controller(stage: Stage) -> None:
    families = scrape(stage)
    for link in LAYOUT.links.values():
        labels = {"link": link.link, "site": link.a.site, "port": str(link.a.port)}
        received = value(families, "onehop_port_received_bytes", "onehop_port_received_bytes_total", **labels)
        assert received == 100_000 * link.a.port
        assert value(families, "onehop_link_up", link=link.link) == 1
    assert value(families, "onehop_reservations", state=State.ON_PRIMARY) == len(NETWORK.demands)
    for name, held in stage.backend.snapshot.standing.held.items():
        assert held.primary is not None
        bound = value(families, "onehop_reservation_bound_seconds", demand=name)
        assert bound == pytest.approx(held.primary.bound_ns / 1e9)
    for site in NETWORK.sites:
        assert value(families, "onehop_switch_programmed", site=site) == 1
    usage = stage.service.usage()["beijing", "qingyang"]
    between = {"from": "beijing", "to": "qingyang"}
    assert value(families, "onehop_reserved_bits_per_second", **between) == usage.rate_bps
    assert "onehop_port_received_dropped" in families
    assert families["onehop_port_received_dropped"].samples == []  # these switches do not count them


def test_requests_are_counted_by_route_not_by_path(stage: Stage) -> None:
    counted = ("onehop_http_requests", "onehop_http_requests_total")
    route = {"method": "GET", "route": "/v1/demands/{id}", "status": "404"}
    for number in range(3):
        assert stage.get(f"/v1/demands/no-{number}").status == 404
        assert stage.get(f"/no/{number}").status == 404
    before = scrape(stage)
    assert value(before, *counted, **route) >= 3
    for number in range(5):
        stage.get(f"/v1/demands/again-{number}")
        stage.ask("BREW", f"/{number}", token="wrong")
    after = scrape(stage)
    assert value(after, *counted, **route) == value(before, *counted, **route) + 5
    assert {sample.labels["route"] for sample in after[counted[0]].samples} <= {
        *("other", "/metrics", "/healthz", "/openapi.json", "/v1/events"),
        *("/v1/topology", "/v1/plan", "/v1/links", "/v1/demands", "/v1/demands/{id}"),
    }
    assert value(after, "onehop_http_answer_seconds", "onehop_http_answer_seconds_count", route="other") >= 5
