"""The plan is a value: same network, same bytes, whatever the hash seed."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import replace

import pytest

from controller.plan import RoutingPlan
from tests.controller.strategies import four_sites, network_of
from topology.network import Text, TrafficClass

PRINT_DIGESTS = """
from controller.flowtables import digest_of_tables, flow_tables
from controller.plan import RoutingPlan
from tests.controller.strategies import grid
from topology.emulation.layout import Layout
network = grid(4, 5)
plan = RoutingPlan.of(network, without_links=frozenset(["r0c0--r0c1", "r2c2--r2c3"]))
print(plan.digest(), digest_of_tables(flow_tables(plan, network, Layout.of(network))))
"""


def test_paths_latency_and_class() -> None:
    plan = RoutingPlan.of(four_sites())
    best, compute = plan.path("a", "d"), plan.path("a", "d", TrafficClass.COMPUTE)
    assert (best.sites, best.latency_ns, best.hops) == (("a", "b", "d"), 2_000_000, 2)
    assert (compute.sites, compute.latency_ms) == (("a", "c", "d"), 4.0)
    assert len(plan.paths) == 4 * 3 * 2
    assert plan.unreachable == ()
    assert plan.degraded == ()


def test_latency_counts_half_the_transit_of_each_end_of_a_link() -> None:
    network = network_of("abc", [("a", "b", 1.0, 100), ("b", "c", 2.0, 100)], transit_ms=0.5)
    assert RoutingPlan.of(network).path("a", "c").latency_ns == 4_000_000
    assert RoutingPlan.of(network).path("a", "c").latency_ms == network.path_latency_ms(("a", "b", "c"))


def test_degraded_pairs_name_their_narrow_links() -> None:
    plan = RoutingPlan.of(network_of("abc", [("a", "b", 1.0, 100), ("b", "c", 1.0, 10)]))
    assert plan.degraded == (("a", "c"), ("b", "c"), ("c", "a"), ("c", "b"))
    assert plan.path("a", "c", TrafficClass.COMPUTE).narrow_links == ("b--c",)
    assert plan.path("a", "c").narrow_links == ()


@pytest.mark.parametrize(
    ("links", "no_transit", "failed", "reason"),
    [
        ([("a", "b", 1.0, 100)], "", (), "no links lead there"),
        (
            [("a", "b", 1.0, 100), ("b", "c", 1.0, 100)],
            "b",
            (),
            "every way leads through a site that carries no transit",
        ),
        ([("a", "b", 1.0, 100), ("b", "c", 1.0, 100)], "", ("b--c",), "cut off without b--c"),
    ],
)
def test_unreachable_pairs_say_why(
    links: list[tuple[str, str, float, float]], no_transit: str, failed: tuple[str, ...], reason: str
) -> None:
    plan = RoutingPlan.of(network_of("abc", links, no_transit=no_transit), without_links=failed)
    reasons = {(pair.source, pair.destination): pair.reason for pair in plan.unreachable}
    assert reasons["a", "c"] == reason
    assert ("a", "c", TrafficClass.BEST_EFFORT) not in plan.paths


def test_failed_links_are_named_in_the_order_of_the_scenario() -> None:
    network = four_sites()
    first = RoutingPlan.of(network, without_links=["c--d", "a--b"])
    second = RoutingPlan.of(network, without_links=frozenset(["a--b", "c--d"]))
    assert first.without_links == ("a--b", "c--d")
    assert first == second
    assert first.digest() == second.digest()


def test_digest_covers_what_is_routed_and_nothing_else() -> None:
    network = four_sites()
    digest = RoutingPlan.of(network).digest()
    assert RoutingPlan.of(replace(network, title=Text("Other", "别的"))).digest() == digest
    assert RoutingPlan.of(network, without_links=["a--b"]).digest() != digest


def test_json_is_canonical() -> None:
    text = RoutingPlan.of(four_sites()).to_json()
    data = json.loads(text)
    assert json.dumps(data, ensure_ascii=False, sort_keys=True, separators=(",", ":")) == text
    assert data["paths"][0] == {
        "source": "a",
        "destination": "b",
        "class": "best-effort",
        "sites": ["a", "b"],
        "latency_ns": 1_000_000,
        "narrow_links": [],
    }


def test_rerouted_counts_paths_that_changed() -> None:
    network = four_sites()
    whole, cut = RoutingPlan.of(network), RoutingPlan.of(network, without_links=["a--b"])
    assert whole.rerouted(whole) == 0
    # best effort: a-b, a-d, b-c; compute: a-b (b-d is narrow, but the only way), b-c; both directions each.
    assert whole.rerouted(cut) == cut.rerouted(whole) > 0


def test_same_digests_under_any_hash_seed() -> None:
    found = {
        subprocess.run(
            [sys.executable, "-c", PRINT_DIGESTS],
            env={**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": "."},
            check=True,
            capture_output=True,
            text=True,
        ).stdout
        for seed in ("0", "4711", "random")
    }
    assert len(found) == 1
