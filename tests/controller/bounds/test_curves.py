"""Curves, residual services and the corners of links' curves; and what every bound owes its inputs."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from controller.bounds import (
    Flow,
    Method,
    Multiplexing,
    RateLatency,
    Server,
    TokenBucket,
    analyse,
    backlog,
    convolve,
    delay,
    output,
    residual_arbitrary,
    residual_fifo,
    residual_priority,
)
from controller.bounds.shaped import Line, Shaped, busy_period, largest_backlog, longest_wait, value
from topology.errors import InputError

small = st.fractions(0, 20, max_denominator=6)
positive = st.fractions(Fraction(1, 6), 20, max_denominator=6)


def test_whole_numbers_stay_exact() -> None:
    assert delay(TokenBucket(1, 1), RateLatency(3, 0)) == Fraction(1, 3)
    assert isinstance(output(TokenBucket(1, 1), RateLatency(3, 0)).burst, Fraction)


def test_concatenation_pays_latencies_and_keeps_the_slowest_rate() -> None:
    servers = [RateLatency(10, 1), RateLatency(4, 2), RateLatency(7, 0)]
    assert convolve(servers) == RateLatency(4, 3)


def test_what_exceeds_the_service_has_no_bound() -> None:
    for bound in (delay, backlog, output):
        with pytest.raises(InputError, match="no bound exists"):
            bound(TokenBucket(5, 1), RateLatency(4, 0))
    for residual in (residual_fifo, residual_arbitrary, residual_priority):
        with pytest.raises(InputError, match="leaves nothing"):
            residual(RateLatency(4, 0), TokenBucket(4, 0))


@pytest.mark.parametrize(("rate", "burst"), [(-1, 0), (0, -1)])
def test_negative_curves_are_refused(rate: int, burst: int) -> None:
    with pytest.raises(InputError):
        TokenBucket(rate, burst)


@given(small, small, positive, small)
def test_residual_services_lie_below_the_server_and_fifo_above_any_order(
    cross_rate: Fraction, cross_burst: Fraction, rate: Fraction, latency: Fraction
) -> None:
    assume(cross_rate < rate)
    service, cross = RateLatency(rate, latency), TokenBucket(cross_rate, cross_burst)
    fifo, any_order = residual_fifo(service, cross), residual_arbitrary(service, cross)
    assert fifo.rate == any_order.rate == rate - cross_rate
    assert latency <= fifo.latency <= any_order.latency


@given(positive, small, small, positive, small, small, small)
def test_deviations_from_links_are_those_of_every_time(
    rate: Fraction,
    latency: Fraction,
    burst: Fraction,
    link_rate: Fraction,
    packet: Fraction,
    own: Fraction,
    at: Fraction,
) -> None:
    """At no time is the distance larger than at the corners that are looked at."""
    parts = [Shaped(Line(rate / 4, burst), Line(rate / 4 + link_rate, packet)), Shaped(Line(rate / 4, own))]
    service = RateLatency(rate, latency)
    assert longest_wait(parts, service) >= latency + value(parts, at) / rate - at
    assert largest_backlog(parts, service) >= value(parts, at) - rate * max(at - latency, Fraction(0))
    busy = busy_period(parts, service)
    assert busy is not None
    assert value(parts, busy) == rate * max(busy - latency, Fraction(0))
    assert value(parts, busy + at) <= rate * max(busy + at - latency, Fraction(0))


def test_busy_for_ever() -> None:
    assert busy_period([Shaped(Line(Fraction(4), Fraction(1)))], RateLatency(4, 0)) is None


@st.composite
def systems(draw: st.DrawFn) -> tuple[list[Server], list[Flow], Multiplexing]:
    names = "abc"
    servers = [
        Server(name, RateLatency(draw(st.integers(6, 12)), draw(st.integers(0, 3))), 12) for name in names
    ]
    flows = [
        Flow(
            f"f{number}",
            TokenBucket(draw(st.fractions(0, 1, max_denominator=4)), draw(st.integers(1, 9))),
            tuple(draw(st.permutations(names))[: draw(st.integers(1, 3))]),
            draw(st.integers(0, 1)),
            1,
        )
        for number in range(draw(st.integers(1, 4)))
    ]
    return servers, flows, draw(st.sampled_from(list(Multiplexing)))


@settings(max_examples=80)
@given(systems(), st.booleans(), st.fractions(0, 1, max_denominator=4), st.data())
def test_more_traffic_is_never_bounded_lower(
    system: tuple[list[Server], list[Flow], Multiplexing],
    faster: bool,
    more: Fraction,
    data: st.DataObject,
) -> None:
    servers, flows, multiplexing = system
    which = data.draw(st.integers(0, len(flows) - 1))
    arrivals = flows[which].arrivals
    grown = TokenBucket(arrivals.rate + (more if faster else 0), arrivals.burst + (0 if faster else more))
    more_flows = [*flows]
    more_flows[which] = replace(flows[which], arrivals=grown)
    try:
        before, after = (analyse(servers, these, multiplexing) for these in (flows, more_flows))
    except InputError:
        assume(False)
        raise
    for method in Method:
        one, two = before.result(multiplexing, method), after.result(multiplexing, method)
        if two.refused or not (one.exact and two.exact):
            continue
        assert not one.refused
        for flow, bounds in two.flows.items():
            lower = one.flows[flow].delay.value
            assert bounds.delay.value is None or (lower is not None and lower <= bounds.delay.value)
        for server, bounds in two.servers.items():
            least, most = one.servers[server].backlog, bounds.backlog
            assert least is not None
            assert most is not None
            assert least.value is not None
            assert most.value is not None
            assert least.value <= most.value


@given(st.lists(st.tuples(positive, small), min_size=1, max_size=4), positive, small)
def test_one_flow_pays_its_burst_once(
    servers: list[tuple[Fraction, Fraction]], rate: Fraction, burst: Fraction
) -> None:
    assume(all(rate <= service for service, _ in servers))
    described = [Server(str(n), RateLatency(*service)) for n, service in enumerate(servers)]
    flow = Flow("f", TokenBucket(rate, burst), tuple(server.id for server in described))
    analysis = analyse(described, [flow])
    tfa, sfa = (
        analysis.result(Multiplexing.FIFO, m).flows["f"].delay.value for m in (Method.TFA, Method.SFA)
    )
    assert tfa is not None
    assert sfa is not None
    assert sfa <= tfa
    assert analysis.best_delay("f", Multiplexing.FIFO) == sfa
