"""Placing all demands together, against brute force; bounds, proofs and the comparison with one by one."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import pairwise, product

import networkx as nx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from controller.admission import Admission
from controller.link_service import LinkService, link_services
from controller.placement import Objective, Placement, Proof, optimise
from controller.placement import stages as stages_module
from controller.reservations import FRAME_BITS, Refusal, Reservation
from tests.controller.reserving import order, with_groups
from tests.controller.strategies import network_of
from topology.network import Demand, Network, Protection, ReservedClass, TrafficClass
from topology.scenario import load

Sites = tuple[str, ...]
Uses = dict[tuple[str, str], tuple[int, int]]  # direction -> rate in bit/s, burst in bits
Services = dict[tuple[str, str], LinkService]


def reserving(network: Network, *, burst_ms: float = 1.0) -> Network:
    """The network with three quarters of every link set aside."""
    reserved = ReservedClass(share=0.75, burst_ms=burst_ms)
    return replace(network, routing=replace(network.routing, reserved=reserved))


def demand(
    name: str,
    ends: str | tuple[str, str],
    rate_gbps: float,
    *,
    burst_mbit: float = 0.0,
    most_ms: float | None = 100.0,
    protection: Protection = Protection.NONE,
    max_hops: int | None = None,
    avoid_sites: tuple[str, ...] = (),
) -> Demand:
    return Demand(
        id=name,
        source=ends[0],
        destination=ends[1],
        rate_gbps=rate_gbps,
        traffic_class=TrafficClass.RESERVED,
        max_one_way_ms=most_ms,
        burst_mbit=burst_mbit,
        protection=protection,
        max_hops=max_hops,
        avoid_sites=avoid_sites,
    )


def tokens(wanted: Demand) -> tuple[int, int]:
    return round(wanted.rate_gbps * 1e9), max(round(wanted.burst_mbit * 1e6), FRAME_BITS)


def after(wanted: Demand, queueing_ns: int) -> int:
    rate_bps, burst_bits = tokens(wanted)
    return burst_bits - (-rate_bps * queueing_ns // 10**9)


def delay_ns(services: Services, path: Sites) -> int:
    return sum(services[d].propagation_ns + services[d].queueing_ns for d in pairwise(path))


def along(services: Services, wanted: Demand, path: Sites, queued_ns: int) -> tuple[Uses, int]:
    """What a flow takes along ``path``, if it has passed budgets of ``queued_ns`` before; and those after."""
    uses: Uses = {}
    for direction in pairwise(path):
        uses[direction] = (tokens(wanted)[0], after(wanted, queued_ns))
        queued_ns += services[direction].queueing_ns
    return uses, queued_ns


def risks(network: Network, path: Sites) -> set[str]:
    """The links of a path, and the groups they are in."""
    links = list(network.path_links(path))
    return {link.id for link in links} | {group for link in links for group in link.shared_risk_groups}


def possible(network: Network, services: Services, wanted: Demand) -> Iterator[tuple[Uses, int]]:
    """Everything that could be given to a demand: what it takes, and its delay."""
    most_ns = 10**12 if wanted.max_one_way_ms is None else round(wanted.max_one_way_ms * 1e6)
    paths = [
        tuple(path)
        for path in nx.all_simple_paths(network.graph, wanted.source, wanted.destination)
        if all(network.sites[site].carries_transit for site in path[1:-1])
        and len(path) - 1 <= (wanted.max_hops or 99)
        and delay_ns(services, tuple(path)) <= most_ns
        and not set(path[1:-1]) & set(wanted.avoid_sites)
    ]
    if wanted.protection is Protection.NONE:
        for path in paths:
            yield along(services, wanted, path, 0)[0], delay_ns(services, path)
        return
    for primary, backup in product(paths, paths):
        shared = set(primary[1:-1]) & set(backup[1:-1])
        if risks(network, primary) & risks(network, backup):
            continue
        if shared and wanted.protection is Protection.SITE:
            continue
        if order(network, backup) < order(network, primary):
            continue
        there, back = primary[:-1], primary[:-1][::-1]
        failover_ns = delay_ns(services, there) + delay_ns(services, back) + delay_ns(services, backup)
        if failover_ns > most_ns:
            continue
        forward, _ = along(services, wanted, primary, 0)
        _, queued_ns = along(services, wanted, there, 0)
        returning, queued_ns = along(services, wanted, back, queued_ns)
        spare, _ = along(services, wanted, backup, queued_ns)
        yield {**forward, **returning, **spare}, delay_ns(services, primary) + delay_ns(services, backup)


def brute_force(network: Network, demands: Sequence[Demand], objective: Objective) -> tuple[int, int]:
    """The best of all assignments: worth, and rate times delay."""
    services = dict(link_services(network))
    choices = [list(possible(network, services, wanted)) for wanted in demands]
    best = (0, 0)

    def search(number: int, used: Uses, worth: int, cost: int) -> None:
        nonlocal best
        if number == len(demands):
            best = max(best, (worth, -cost))
            return
        search(number + 1, used, worth, cost)
        rate_bps = tokens(demands[number])[0]
        for uses, delay in choices[number]:
            after_it = dict(used)
            for direction, (rate, burst) in uses.items():
                rate_before, burst_before = used.get(direction, (0, 0))
                after_it[direction] = (rate_before + rate, burst_before + burst)
                if after_it[direction][0] > services[direction].rate_bps:
                    break
                if after_it[direction][1] > services[direction].burst_limit_bits:
                    break
            else:
                gained = rate_bps if objective is Objective.RATE else 1
                search(number + 1, after_it, worth + gained, cost + rate_bps * delay)

    search(0, {}, 0, 0)
    return best[0], -best[1]


@st.composite
def instances(draw: st.DrawFn) -> tuple[Network, list[Demand]]:
    """Small networks with more demands than room."""
    sites = "abcde"[: draw(st.integers(3, 5))]
    pairs = [(a, b) for i, a in enumerate(sites) for b in sites[i + 1 :]]
    links = draw(st.lists(st.sampled_from(pairs), unique=True, min_size=len(sites), max_size=7))
    delays, rates = st.sampled_from([0.1, 0.5, 1.0]), st.sampled_from([1.0, 1.0, 2.0])
    network = network_of(
        sites,
        [(a, b, draw(delays), draw(rates)) for a, b in links],
        no_transit=draw(st.sets(st.sampled_from(sites), max_size=1)),
    )
    if draw(st.booleans()):
        groups = st.sampled_from([(), (), ("duct",), ("bridge",)])
        network = with_groups(network, {link: draw(groups) for link in network.links})
    demands = []
    for number in range(draw(st.integers(2, 4))):
        ends = draw(st.permutations(sites))[:2]
        demands.append(
            demand(
                f"d{number}",
                (ends[0], ends[1]),
                draw(st.sampled_from([0.2, 0.3, 0.45, 0.7])),
                burst_mbit=draw(st.sampled_from([0.0, 0.1, 0.3])),
                most_ms=draw(st.sampled_from([2.0, 4.0, 8.0, 50.0])),
                protection=draw(st.sampled_from([*Protection, Protection.NONE])),
                max_hops=draw(st.sampled_from([None, None, 1, 2])),
                avoid_sites=tuple(draw(st.sets(st.sampled_from(sites), max_size=1))),
            )
        )
    return reserving(network), demands


@settings(max_examples=150, suppress_health_check=list(HealthCheck))
@given(instances(), st.sampled_from(Objective))
def test_equals_brute_force(instance: tuple[Network, list[Demand]], objective: Objective) -> None:
    network, demands = instance
    placed = optimise(network, demands, objective=objective)
    assert (placed.score.worth, placed.score.rate_delay) == brute_force(network, demands, objective)
    assert placed.worth_proof is not Proof.NONE
    assert placed.worth_bound == placed.score.worth
    assert placed.rate_delay_bound <= placed.score.rate_delay
    assert placed.rate_delay_gap < 1e-6


@settings(max_examples=60, suppress_health_check=list(HealthCheck))
@given(instances(), st.sampled_from(Objective))
def test_few_options_at_first_do_not_matter(
    instance: tuple[Network, list[Demand]], objective: Objective
) -> None:
    """One option per demand to begin with: all others must come from prices or from the list."""
    network, demands = instance
    first = stages_module._FIRST
    stages_module._FIRST = 1
    try:
        placed = optimise(network, demands, objective=objective)
    finally:
        stages_module._FIRST = first
    assert (placed.score.worth, placed.score.rate_delay) == brute_force(network, demands, objective)
    assert placed.worth_proof is not Proof.NONE


def square() -> Network:
    """``a`` to ``d`` over ``b``, over ``c``, and slowly without either; each link 1 Gbit/s, 0.75 reserved."""
    links = [("a", "b", 1.0, 1), ("b", "d", 1.0, 1), ("a", "c", 2.0, 1), ("c", "d", 2.0, 1)]
    return reserving(network_of("abcd", links), burst_ms=10.0)


def test_an_early_big_demand_blocks_two() -> None:
    """One by one the demand over two links takes what two demands over one link each would need."""
    network = reserving(network_of("abc", [("a", "b", 1.0, 1), ("b", "c", 1.0, 1)]), burst_ms=10.0)
    demands = [demand("long", "ac", 0.5), demand("left", "ab", 0.4), demand("right", "bc", 0.4)]
    placed = optimise(network, demands)
    assert placed.sequential.worth == 500_000_000
    assert placed.score.worth == placed.worth_bound == 800_000_000
    assert placed.proven
    assert placed.distance == pytest.approx(0.375)
    assert (placed.gained, placed.given_up) == (("left", "right"), ("long",))
    refused = [answer for answer in placed.answers if isinstance(answer, Refusal)]
    assert [(answer.demand.id, str(answer.constraint)) for answer in refused] == [("long", "rate")]


def test_the_objective_decides() -> None:
    network = reserving(network_of("abc", [("a", "b", 1.0, 1), ("b", "c", 1.0, 1)]), burst_ms=10.0)
    demands = [demand("left", "ab", 0.2), demand("right", "bc", 0.2), demand("long", "ac", 0.7)]
    by_rate = optimise(network, demands, objective=Objective.RATE)
    by_count = optimise(network, demands, objective=Objective.COUNT)
    assert [a.demand.id for a in by_rate.answers if isinstance(a, Reservation)] == ["long"]
    assert [a.demand.id for a in by_count.answers if isinstance(a, Reservation)] == ["left", "right"]
    assert (by_count.score.worth, by_count.worth_bound) == (2, 2)


def test_then_the_least_delay() -> None:
    """Both fit on either side of the square: the larger rate gets the faster one, whatever the order."""
    demands = [demand("small", "ad", 0.3), demand("large", "ad", 0.6)]
    placed = optimise(square(), demands)
    paths = {a.demand.id: a.primary.sites for a in placed.answers if isinstance(a, Reservation)}
    assert paths == {"small": ("a", "c", "d"), "large": ("a", "b", "d")}
    assert placed.proven
    assert placed.score.rate_delay < placed.sequential.rate_delay
    assert placed.distance == 0


def test_the_same_demand_twice_is_served_in_order() -> None:
    demands = [demand(f"d{number}", "ad", 0.7) for number in range(4)]
    placed = optimise(square(), demands)
    kinds = [isinstance(answer, Reservation) for answer in placed.answers]
    assert kinds == [True, True, False, False]
    first, second = placed.answers[:2]
    assert isinstance(first, Reservation)
    assert isinstance(second, Reservation)
    assert (first.primary.sites[1], second.primary.sites[1]) == ("b", "c")
    assert (first.port, second.port) == (50000, 50001)


def test_nothing_fits_and_nothing_is_asked() -> None:
    nothing = optimise(square(), [demand("huge", "ad", 5.0)])
    assert (nothing.score.admitted, nothing.worth_bound, nothing.proven) == (0, 0, True)
    empty = optimise(square(), [])
    assert (empty.answers, empty.worth_bound, empty.distance) == ((), 0, 0.0)


def crowd(network: Network, count: int, *, protected_every: int = 0) -> list[Demand]:
    """Demands between many pairs, enough to fill the network."""
    sites = list(network.sites)
    demands = []
    for number in range(count):
        source = sites[number * 7 % len(sites)]
        destination = sites[(number * 11 + 3) % len(sites)]
        if source == destination:
            destination = sites[(number * 11 + 4) % len(sites)]
        protect = protected_every and number % protected_every == 0
        demands.append(
            demand(
                f"d{number:03}",
                (source, destination),
                [3.0, 8.0, 12.0, 20.0][number % 4],
                burst_mbit=1.0,
                most_ms=60.0,
                protection=Protection.LINK if protect else Protection.NONE,
            )
        )
    return demands


@pytest.fixture(scope="module")
def large() -> tuple[Network, Placement]:
    network = reserving(load("topohub:topozoo/Cernet"), burst_ms=2.0)
    return network, optimise(network, crowd(network, 60, protected_every=6), seconds=20.0)


def test_bound_placement_one_by_one(large: tuple[Network, Placement]) -> None:
    _, placed = large
    assert placed.worth_bound >= placed.score.worth > placed.sequential.worth > 0
    assert placed.score.admitted < len(placed.answers)
    assert placed.distance >= placed.worth_gap
    assert placed.rate_delay_bound <= placed.score.rate_delay


def test_admission_takes_the_placement_again(large: tuple[Network, Placement]) -> None:
    network, placed = large
    admission = Admission(network)
    for answer in placed.answers:
        if isinstance(answer, Reservation):
            admission.restore(answer)
    for usage in admission.usage.values():
        assert 0 <= usage.rate_bps <= usage.rate_limit_bps
        assert 0 <= usage.burst_bits <= usage.burst_limit_bits
    for answer in placed.answers:
        if isinstance(answer, Refusal):
            assert isinstance(admission.ask(answer.demand), Refusal)


def test_no_time_no_claim() -> None:
    network = reserving(load("topohub:topozoo/Cernet"), burst_ms=2.0)
    placed = optimise(network, crowd(network, 60), seconds=0.0)
    assert placed.score == placed.sequential
    assert placed.worth_bound >= placed.score.worth
    assert not placed.proven


def test_same_bytes_under_any_hash_seed() -> None:
    program = (
        "import json, sys\n"
        "from tests.controller.test_placement import crowd, reserving\n"
        "from controller.placement import optimise\n"
        "from topology.scenario import load\n"
        "network = reserving(load('tiny-deterministic'), burst_ms=8.0)\n"
        "placed = optimise(network, crowd(network, 12, protected_every=3))\n"
        "print(json.dumps(placed.to_dict()))\n"
    )
    outputs = {
        subprocess.run(
            [sys.executable, "-c", program],
            env={"PYTHONHASHSEED": seed, "PATH": ""},
            capture_output=True,
            check=True,
            text=True,
        ).stdout
        for seed in ("1", "2")
    }
    assert len(outputs) == 1
    assert json.loads(outputs.pop())["placed"]["admitted"] > 0
