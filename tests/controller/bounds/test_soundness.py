"""No simulated packet is ever later than any bound, no queue fuller: FIFO, priority, and whatever order."""

from __future__ import annotations

import random
from fractions import Fraction

from hypothesis import assume, event, given, settings
from hypothesis import strategies as st

from controller.bounds import (
    Analysis,
    Flow,
    Method,
    Multiplexing,
    RateLatency,
    Server,
    TokenBucket,
    analyse,
)
from tests.controller.bounds.simulation import Packet, Pick, Queue, by_priority, fifo, greedy, run
from topology.errors import InputError

PACKET = Fraction(1)
NAMES = "abcd"


@st.composite
def networks(draw: st.DrawFn) -> tuple[list[Server], dict[str, Queue], list[Flow], list[Packet]]:
    """Servers, the queues that are these servers, flows, and packets that use the flows' contracts up.

    Paths are in any order of servers: they meet, part, meet again and feed each other in circles.
    """
    servers, queues = [], {}
    for name in NAMES:
        rate = Fraction(draw(st.integers(4, 12)))
        nap = Fraction(draw(st.integers(0, 2)))
        servers.append(Server(name, RateLatency(rate, nap + PACKET / rate), rate, PACKET))
        queues[name] = Queue(rate, nap)
    flows, packets = [], []
    for number in range(draw(st.integers(2, 4))):
        path = draw(st.permutations(NAMES))[: draw(st.integers(1, 4))]
        rate = Fraction(draw(st.integers(1, 4)), 4)
        burst = draw(st.integers(1, 5))
        start, pause = Fraction(draw(st.integers(0, 8)), 2), Fraction(draw(st.integers(0, 12)))
        flow = f"f{number}"
        arrivals = TokenBucket(rate, burst * PACKET)
        flows.append(Flow(flow, arrivals, tuple(path), draw(st.integers(0, 2)), PACKET))
        packets += greedy(flow, rate, burst, PACKET, start, 10, pause)
    return servers, queues, flows, packets


def analysed(servers: list[Server], flows: list[Flow], multiplexing: Multiplexing) -> Analysis:
    try:
        return analyse(servers, flows, multiplexing)
    except InputError:
        assume(False)
        raise


def check(
    network: tuple[list[Server], dict[str, Queue], list[Flow], list[Packet]],
    multiplexing: Multiplexing,
    pick: Pick,
) -> None:
    servers, queues, flows, packets = network
    analysis = analysed(servers, flows, multiplexing)
    worst = run(queues, {flow.id: flow.path for flow in flows}, packets, pick)
    for result in analysis.results:
        event(
            f"{result.method}: {'refused' if result.refused else 'a cycle' if result.cycles else 'no cycle'}"
        )
        for flow, bounds in result.flows.items():
            assert bounds.delay.value is None or worst[flow] <= bounds.delay.value, (result.method, flow)
        totals: dict[str, Fraction] = {}
        for name, bounds in result.servers.items():
            assert bounds.backlog is not None
            assert bounds.backlog.value is not None
            server = name.partition(",")[0]
            totals[server] = totals.get(server, Fraction(0)) + bounds.backlog.value
        for server, most in totals.items():
            assert queues[server].most_inside <= most, (result.method, server)


@settings(max_examples=120)
@given(networks())
def test_fifo(network: tuple[list[Server], dict[str, Queue], list[Flow], list[Packet]]) -> None:
    check(network, Multiplexing.FIFO, fifo)


@settings(max_examples=80)
@given(networks())
def test_priority(network: tuple[list[Server], dict[str, Queue], list[Flow], list[Packet]]) -> None:
    check(network, Multiplexing.PRIORITY, by_priority({flow.id: flow.priority for flow in network[2]}))


@settings(max_examples=80)
@given(networks(), st.integers(0, 2**32))
def test_any_order(
    network: tuple[list[Server], dict[str, Queue], list[Flow], list[Packet]], seed: int
) -> None:
    chance = random.Random(seed)
    order = [flow.id for flow in network[2]]
    per_server = {name: chance.sample(order, len(order)) for name in NAMES}

    def pick(server: str, waiting: list[Packet]) -> int:
        favourites = per_server[server]
        return min(range(len(waiting)), key=lambda place: (favourites.index(waiting[place].flow), place))

    check(network, Multiplexing.ARBITRARY, pick)  # type: ignore[arg-type]


def test_bounds_are_not_far_from_what_can_happen() -> None:
    """A check of the check: the last packet of two bursts at a server comes within a packet of the bound."""
    rate = Fraction(10)
    server = Server("s", RateLatency(rate, PACKET / rate))
    flows = [Flow(name, TokenBucket(Fraction(1), 5 * PACKET), ("s",)) for name in ("f", "g")]
    packets = [
        p for name in ("g", "f") for p in greedy(name, Fraction(1), 5, PACKET, Fraction(0), 8, Fraction(0))
    ]
    queue = Queue(rate, Fraction(0))
    worst = run({"s": queue}, {"f": ("s",), "g": ("s",)}, packets, fifo)
    bound = analyse([server], flows).result(Multiplexing.FIFO, Method.TFA).flows["f"].delay.value
    assert bound is not None
    assert bound - PACKET / rate <= worst["f"] <= bound
