"""Admission: limits hold whatever is asked, withdrawing restores exactly, refusals name the constraint."""

from __future__ import annotations

import json
import math
import os
import random
import subprocess
import sys
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from controller.admission import Admission, contract
from controller.link_service import link_services
from controller.reservations import FIRST_PORT, FRAME_BITS, Constraint, Refusal, Reservation
from tests.controller.reserving import (
    bound_ns,
    bursts,
    demand,
    demands,
    reserving,
    reserving_networks,
    used,
    walks,
    with_groups,
)
from tests.controller.strategies import network_of
from topology.errors import InputError
from topology.network import Network, Operator, Protection, Text, TrafficClass, Transport
from topology.scenario import load


def two_ways() -> Network:
    """``s`` to ``t`` over ``a`` (2 ms) or ``b`` (4 ms), each link 100 Gbit/s, half of it set aside."""
    links = [("s", "a", 1, 100), ("a", "t", 1, 100), ("s", "b", 2, 100), ("b", "t", 2, 100)]
    return reserving(network_of("sabt", links), share=0.5)


def refused(answer: object, constraint: Constraint) -> Refusal:
    assert isinstance(answer, Refusal), answer
    assert answer.constraint is constraint
    assert answer.reason
    return answer


def admitted(answer: object) -> Reservation:
    assert isinstance(answer, Reservation), answer
    return answer


@settings(max_examples=60)
@given(st.data())
def test_limits_hold_and_bounds_are_those_of_every_walk(data: st.DataObject) -> None:
    """Bursts and bounds are computed anew, by following the packets of every single cut."""
    network = data.draw(reserving_networks(max_sites=5))
    admission = Admission(network)
    for number in range(data.draw(st.integers(1, 8))):
        wanted = data.draw(demands(network, f"d{number}"))
        answer = admission.ask(wanted)
        if isinstance(answer, Refusal):
            continue
        assert (answer.backup is not None) == (wanted.protection is not Protection.NONE)
        backup = answer.backup.sites if answer.backup else None
        late = max(bound_ns(network, walk) for walk in walks(answer.primary.sites, backup))
        assert answer.primary.bound_ns == bound_ns(network, answer.primary.sites)
        if answer.backup is not None:
            turned = [bound_ns(network, walk) for walk in walks(answer.primary.sites, backup)][1:]
            assert answer.backup.bound_ns == bound_ns(network, answer.backup.sites)
            assert answer.failover_bound_ns == max(turned)
        if wanted.max_one_way_ms is not None:
            assert late <= round(wanted.max_one_way_ms * 1e6)
    services = link_services(network)
    total = used(network, admission.reservations)
    for hop, usage in admission.usage.items():
        assert (usage.rate_bps, usage.burst_bits) == total[hop]
        assert usage.rate_bps <= services[hop].rate_bps == usage.rate_limit_bps
        assert usage.burst_bits <= services[hop].burst_limit_bits == usage.burst_limit_bits


@settings(max_examples=60)
@given(st.data())
def test_withdrawing_restores_exactly_in_any_order(data: st.DataObject) -> None:
    """What is left answers every later question as if the withdrawn demands had never come."""
    network = data.draw(reserving_networks(max_sites=5))
    wanted = [data.draw(demands(network, f"d{number}")) for number in range(6)]
    last = [replace(each, id=f"last-{each.id}") for each in wanted]
    admission, untouched = Admission(network), Admission(network)
    for each in wanted[:2]:
        admission.ask(each)
        untouched.ask(each)
    passing = [each.id for each in wanted[2:] if isinstance(admission.ask(each), Reservation)]
    for name in data.draw(st.permutations(passing)):
        admission.withdraw(name)
    assert admission.usage == untouched.usage
    assert dict(admission.reservations) == dict(untouched.reservations)
    assert [admission.ask(each) for each in last] == [untouched.ask(each) for each in last]


@settings(max_examples=60)
@given(st.data())
def test_what_a_refusal_calls_possible_is_possible_and_no_more(data: st.DataObject) -> None:
    network = data.draw(reserving_networks(max_sites=5))
    admission = Admission(network)
    for number in range(4):
        admission.ask(data.draw(demands(network, f"d{number}")))
    wanted = data.draw(demands(network, "wanted"))
    answer = Admission.ask(admission, wanted)
    if isinstance(answer, Reservation):
        return
    possible = answer.possible

    def would_do(**changes: object) -> bool:
        other = admission.ask(replace(wanted, **changes))  # type: ignore[arg-type]
        if isinstance(other, Reservation):
            admission.withdraw(other.id)
        return isinstance(other, Reservation)

    if "rate_bps" in possible:
        rate = int(possible["rate_bps"])
        assert would_do(rate_gbps=rate / 1e9)
        assert not would_do(rate_gbps=(rate + 1) / 1e9)
    if "burst_bits" in possible:
        burst = int(possible["burst_bits"])
        assert would_do(burst_mbit=burst / 1e6)
        assert not would_do(burst_mbit=(burst + 1) / 1e6)
    if "max_one_way_ns" in possible:
        least = int(possible["max_one_way_ns"])
        assert would_do(max_one_way_ms=least / 1e6)
        assert not would_do(max_one_way_ms=(least - 1) / 1e6)
    if "max_hops" in possible:
        assert would_do(max_hops=int(possible["max_hops"]))
        assert not would_do(max_hops=int(possible["max_hops"]) - 1)
    if "protection" in possible:
        assert would_do(protection=Protection(possible["protection"]))
    elif wanted.protection is not Protection.NONE:
        assert not would_do(protection=Protection.NONE)


@pytest.mark.parametrize("name", ["qingyang-deterministic", "topohub:topozoo/Cernet"])
def test_limits_hold_on_a_crowded_network_of_many_sites(name: str) -> None:
    """Two hundred demands of all kinds, a third of them withdrawn again; then everything added up anew."""
    network = reserving(load(name))
    admission = Admission(network)
    dice = random.Random(11)
    sites = sorted(network.sites)
    refusals = 0
    for number in range(200):
        wanted = demand(
            f"d{number}",
            *dice.sample(sites, 2),
            dice.choice([1, 5, 20]),
            max_one_way_ms=200.0,
            protection=dice.choice([Protection.NONE, Protection.NONE, Protection.LINK, Protection.SITE]),
        )
        refusals += isinstance(admission.ask(wanted), Refusal)
        if number % 3 == 0 and admission.reservations:
            admission.withdraw(dice.choice(sorted(admission.reservations)))
    assert refusals >= 10
    assert len(admission.reservations) >= 20
    services = link_services(network)
    for hop, (rate_bps, burst_bits) in used(network, admission.reservations).items():
        usage = admission.usage[hop]
        assert (usage.rate_bps, usage.burst_bits) == (rate_bps, burst_bits)
        assert rate_bps <= services[hop].rate_bps
        assert burst_bits <= services[hop].burst_limit_bits


def test_what_was_reserved_elsewhere_is_not_taken_up_blindly() -> None:
    network = two_ways()
    made = admitted(Admission(network).ask(demand("d", "s", "t", 30, max_one_way_ms=20)))
    admission = Admission(network)
    admission.restore(made)
    assert admission.reservations == {"d": made}
    for other, why in (
        (made, "already"),
        (replace(made, demand=replace(made.demand, id="e")), "port 50000 is taken"),
        (replace(made, demand=replace(made.demand, id="e"), port=50_001), "no room"),
        (replace(made, demand=replace(made.demand, id="e"), rate_bps=1), "another rate scale"),
        (replace(made, primary=replace(made.primary, sites=("s", "t"))), "none of this network"),
    ):
        with pytest.raises(InputError, match=why):
            admission.restore(other)
    assert admission.reservations == {"d": made}


def test_the_contract_is_rounded_once_and_never_below_a_frame() -> None:
    assert contract(demand("d", "s", "t", 0.3, burst_mbit=0.7)) == (300_000_000, 700_000)
    assert contract(demand("d", "s", "t", 20, burst_mbit=480), 10_000) == (2_000_000, 48_000)
    assert contract(demand("d", "s", "t", 1, burst_mbit=0), 3) == (333_333_334, FRAME_BITS)


def test_refused_for_rate_names_the_link_and_the_widest_way() -> None:
    admission = Admission(two_ways())
    admitted(admission.ask(demand("first", "s", "t", 30)))
    answer = refused(admission.ask(demand("second", "s", "t", 60, max_one_way_ms=20)), Constraint.RATE)
    assert (answer.link, answer.from_site) == ("s--b", "s")
    assert (answer.asked, answer.available, answer.unit) == (60 * 10**9, 50 * 10**9, "bit/s")
    growth_ns = next(iter(link_services(two_ways()).values())).queueing_ns
    service = next(iter(link_services(two_ways()).values()))
    largest = min(service.rate_bps, (service.burst_limit_bits - 100_000) * 10**9 // growth_ns)
    assert answer.possible == {"rate_bps": largest}
    assert "s--b from s" in answer.reason
    assert admission.reservations.keys() == {"first"}


def test_refused_for_burst_says_how_large_it_has_grown() -> None:
    network = two_ways()
    service = next(iter(link_services(network).values()))
    answer = refused(
        Admission(network).ask(demand("d", "s", "t", 10, burst_mbit=service.burst_limit_bits / 1e6)),
        Constraint.BURST,
    )
    grown = bursts(network, 10**10, service.burst_limit_bits, ("s", "a", "t"), None)["a", "t"]
    assert (answer.link, answer.from_site, answer.asked) == ("a--t", "a", grown)
    assert answer.available == service.burst_limit_bits
    assert answer.possible == {"burst_bits": 2 * service.burst_limit_bits - grown}


def test_refused_for_delay_says_what_the_least_is() -> None:
    network = two_ways()
    answer = refused(Admission(network).ask(demand("d", "s", "t", max_one_way_ms=2)), Constraint.DELAY)
    least = bound_ns(network, ("s", "a", "t"))
    assert (answer.asked, answer.available, answer.possible) == (2_000_000, least, {"max_one_way_ns": least})


def test_a_limit_holds_for_packets_that_turn_back() -> None:
    network = two_ways()
    turned = bound_ns(network, ("s", "a", "s", "b", "t"))
    wanted = demand("d", "s", "t", max_one_way_ms=(turned - 1) / 1e6, protection=Protection.LINK)
    answer = refused(Admission(network).ask(wanted), Constraint.DELAY)
    assert answer.available == turned
    assert answer.possible == {"max_one_way_ns": turned, "protection": "none"}
    given_ = admitted(Admission(network).ask(replace(wanted, max_one_way_ms=turned / 1e6)))
    assert given_.failover_bound_ns == turned


def test_refused_for_hops_policy_protection_and_reach() -> None:
    network = two_ways()
    answer = refused(Admission(network).ask(demand("d", "s", "t", max_hops=1)), Constraint.HOPS)
    assert (answer.asked, answer.available, answer.possible) == (1, 2, {"max_hops": 2})
    refused(Admission(network).ask(demand("d", "s", "t", avoid_sites=("a", "b"))), Constraint.POLICY)
    cut = Admission(network, without_links=["s--b"])
    answer = refused(cut.ask(demand("d", "s", "t", protection=Protection.LINK)), Constraint.PROTECTION)
    assert answer.possible == {"protection": "none"}
    refused(
        Admission(network, without_links=["s--b", "s--a"]).ask(demand("d", "s", "t")), Constraint.UNREACHABLE
    )
    duct = with_groups(network, {"s--a": ("duct",), "s--b": ("duct",)})
    refused(Admission(duct).ask(demand("d", "s", "t", protection=Protection.LINK)), Constraint.PROTECTION)


def test_operators_and_sites_to_be_avoided() -> None:
    network = two_ways()
    links = {
        name: replace(link, operator="x" if "a" in name else "y") for name, link in network.links.items()
    }
    operators = {name: Operator(name, Text(name, name)) for name in "xy"}
    network = replace(network, links=links, operators=operators)
    over_b = ("s", "b", "t")
    assert (
        admitted(Admission(network).ask(demand("d", "s", "t", avoid_operators=("x",)))).primary.sites
        == over_b
    )
    assert (
        admitted(Admission(network).ask(demand("d", "s", "t", avoid_sites=("a", "s")))).primary.sites
        == over_b
    )
    refused(Admission(network).ask(demand("d", "s", "t", avoid_operators=("x", "y"))), Constraint.POLICY)


def test_ports_are_the_lowest_free_of_the_pair() -> None:
    admission = Admission(two_ways())
    ports = [admitted(admission.ask(demand(f"d{n}", "s", "t", 0.001))).port for n in range(3)]
    assert ports == [FIRST_PORT, FIRST_PORT + 1, FIRST_PORT + 2]
    assert admitted(admission.ask(demand("back", "t", "s", 0.001))).port == FIRST_PORT
    assert admitted(admission.ask(demand("tcp", "s", "t", 0.001, transport=Transport.TCP))).port == FIRST_PORT
    admission.withdraw("d1")
    assert admitted(admission.ask(demand("d3", "s", "t", 0.001))).port == FIRST_PORT + 1
    refused(admission.ask(demand("d3", "s", "t", 0.001)), Constraint.DUPLICATE)


def test_a_pair_has_so_many_ports_and_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("controller.admission.admission.LAST_PORT", FIRST_PORT + 1)
    admission = Admission(two_ways())
    for name in ("a", "b"):
        admitted(admission.ask(demand(name, "s", "t", 0.001)))
    refused(admission.ask(demand("c", "s", "t", 0.001)), Constraint.PORTS)
    admission.withdraw("a")
    assert admitted(admission.ask(demand("c", "s", "t", 0.001))).port == FIRST_PORT


def test_what_makes_no_sense_is_told_all_at_once() -> None:
    admission = Admission(two_ways())
    with pytest.raises(InputError) as told:
        admission.ask(replace(demand("d", "x", "t", avoid_sites=("y",)), traffic_class=TrafficClass.COMPUTE))
    assert len(told.value.problems) == 3
    for strange in (math.nan, math.inf, -1.0):
        with pytest.raises(InputError) as told:
            admission.ask(demand("d", "s", "t", strange, burst_mbit=strange, max_one_way_ms=math.nan))
        assert len(told.value.problems) == 3
    with pytest.raises(InputError, match="no demand"):
        admission.withdraw("d")
    with pytest.raises(InputError, match="nothing aside"):
        Admission(load("tiny"))


def test_the_same_questions_have_the_same_answers_under_any_hash_seed() -> None:
    code = (
        "import json; from topology.scenario import load; from controller.admission import Admission\n"
        "network = load('qingyang-deterministic')\n"
        "admission = Admission(network, rate_scale=network.rate_scale)\n"
        "asked = [d for d in network.demands.values() if d.traffic_class == 'reserved']\n"
        "print(json.dumps([admission.ask(d).to_dict() for d in asked]))"
    )
    told = {
        subprocess.run(
            [sys.executable, "-c", code],
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            check=True,
        ).stdout
        for seed in "123"
    }
    assert len(told) == 1
    assert len(json.loads(told.pop())) >= 5
