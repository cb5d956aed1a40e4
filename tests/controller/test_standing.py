"""What remains of promises when links fail."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from controller.admission import Admission, State, standing
from controller.link_service import link_services
from controller.reservations import Constraint
from tests.controller.reserving import bound_ns, demand, demands, reserving, reserving_networks, used
from tests.controller.strategies import network_of
from topology.errors import InputError
from topology.network import Network, Protection


def three_ways() -> Network:
    """``s`` to ``t`` over ``a`` (2 ms), ``b`` (4 ms) or ``c`` (20 ms)."""
    links = [("s", "a", 1, 100), ("a", "t", 1, 100), ("s", "b", 2, 100), ("b", "t", 2, 100)]
    return reserving(network_of("sabct", [*links, ("s", "c", 10, 100), ("c", "t", 10, 100)]), share=0.5)


@pytest.fixture
def admission() -> Admission:
    admission = Admission(three_ways())
    admission.ask(demand("safe", "s", "t", 5, max_one_way_ms=20, protection=Protection.SITE))
    admission.ask(demand("plain", "s", "t", 5, max_one_way_ms=40))
    admission.ask(demand("quick", "s", "a", 5, max_one_way_ms=3))
    return admission


def states(admission: Admission, *links: str, sites: tuple[str, ...] = ()) -> dict[str, str]:
    told = standing(admission.network, admission.reservations, links, failed_sites=sites)
    return {name: str(held.state) for name, held in told.held.items()}


def test_nothing_failed_is_as_admitted(admission: Admission) -> None:
    told = standing(admission.network, admission.reservations)
    assert {held.state for held in told.held.values()} == {State.ON_PRIMARY}
    assert [held.active for held in told.held.values()] == list(admission.reservations.values())


def test_one_link(admission: Admission) -> None:
    assert states(admission, "s--a") == {"safe": "on-backup", "plain": "rerouted", "quick": "broken"}
    assert states(admission, "b--t") == {"safe": "unprotected", "plain": "on-primary", "quick": "on-primary"}
    told = standing(admission.network, admission.reservations, ["s--a"])
    safe, plain = told.held["safe"], told.held["plain"]
    assert safe.primary == admission.reservations["safe"].backup
    assert plain.primary is not None
    assert plain.primary.sites == ("s", "b", "t")
    assert plain.active is not None
    assert plain.active.port == admission.reservations["plain"].port
    (refusal,) = told.broken
    assert refusal.demand.id == "quick"
    assert refusal.constraint is Constraint.DELAY


def test_several_links_and_sites(admission: Admission) -> None:
    assert states(admission, "s--a", "s--b") == {"safe": "broken", "plain": "rerouted", "quick": "broken"}
    assert states(admission, sites=("a",)) == {"safe": "on-backup", "plain": "rerouted", "quick": "broken"}
    assert set(states(admission, sites=("t",)).values()) == {"broken", "on-primary"}
    told = standing(admission.network, admission.reservations, failed_sites=("s",))
    assert {refusal.constraint for refusal in told.broken} == {Constraint.UNREACHABLE}
    assert told.failed_links == ("s--a", "s--b", "s--c")


def test_a_protected_demand_that_lost_both_keeps_its_protection_if_it_can() -> None:
    links = [("s", "t", 9, 100), *((end, middle, 1, 100) for middle in "abcd" for end in "st")]
    network = reserving(network_of("sabcdt", links), share=0.5)
    admission = Admission(network)
    admission.ask(demand("safe", "s", "t", 1, max_one_way_ms=40, protection=Protection.LINK))
    first = admission.reservations["safe"]
    assert first.backup is not None
    failed = [network.link_between(*path.sites[:2]).id for path in (first.primary, first.backup)]
    held = standing(network, admission.reservations, failed).held["safe"]
    assert held.state is State.REROUTED
    assert held.primary is not None
    assert held.backup is not None
    assert not {*held.primary.sites, *held.backup.sites} & {
        *first.primary.sites[1:-1],
        *first.backup.sites[1:-1],
    }


def test_what_is_unknown_is_told(admission: Admission) -> None:
    with pytest.raises(InputError, match="unknown link"):
        states(admission, "s--x")
    with pytest.raises(InputError, match="unknown site"):
        states(admission, sites=("x",))


@settings(max_examples=60)
@given(st.data())
def test_all_that_stands_is_within_the_limits_of_what_works(data: st.DataObject) -> None:
    network = data.draw(reserving_networks(max_sites=6))
    admission = Admission(network)
    for number in range(6):
        admission.ask(data.draw(demands(network, f"d{number}")))
    failed = sorted(
        data.draw(st.sets(st.sampled_from(sorted(network.links)), max_size=2)) if network.links else ()
    )
    told = standing(network, admission.reservations, failed)
    assert told == standing(network, list(admission.reservations.values()), failed[::-1])
    assert list(told.held) == list(admission.reservations)
    assert {name for name, held in told.held.items() if held.state is State.BROKEN} == {
        refusal.demand.id for refusal in told.broken
    }
    active = {name: held.active for name, held in told.held.items() if held.active is not None}
    total = used(network, active)
    for hop, service in link_services(network).items():
        rate_bps, burst_bits = total[hop]
        assert rate_bps <= service.rate_bps
        assert burst_bits <= service.burst_limit_bits
        assert rate_bps == 0 or network.link_between(*hop).id not in failed
    for name, reservation in active.items():
        limit_ms = reservation.demand.max_one_way_ms
        assert limit_ms is None or reservation.primary.bound_ns <= round(limit_ms * 1e6)
        assert reservation.primary.bound_ns == bound_ns(network, reservation.primary.sites)
        original = admission.reservations[name]
        crossed = {network.link_between(*hop).id for hop in pairwise(original.primary.sites)}
        if not crossed & set(failed):
            assert reservation.primary == original.primary
        assert reservation == replace(
            original,
            primary=reservation.primary,
            backup=reservation.backup,
            failover_bound_ns=reservation.failover_bound_ns,
        )
