"""Which theorem is used where, and that it had to be that one."""

from __future__ import annotations

from fractions import Fraction

import pytest

from controller.bounds import (
    Flow,
    Method,
    Multiplexing,
    RateLatency,
    Server,
    TokenBucket,
    analyse,
    theorems,
)
from tests.controller.bounds.simulation import Packet, Queue, by_priority, run
from topology.errors import InputError

F = Fraction
ARBITRARY, FIFO, PRIORITY = Multiplexing.ARBITRARY, Multiplexing.FIFO, Multiplexing.PRIORITY


def test_traffic_that_parts_and_meets_again_counts_the_flow_itself() -> None:
    """Serving a flow last everywhere is not always worst for it.

    ``f`` is sent first at ``a`` and holds ``x`` back; what was held back overtakes ``n`` and hits ``f`` again
    at ``b`` as one burst. Cross traffic grown without ``f`` knows nothing of that burst: its bound is broken.
    """
    rates = {"a": F(10), "n": F(1000), "m": F(1000), "b": F(2)}
    naps = {"a": F(0), "n": F(10), "m": F(0), "b": F(0)}
    paths = {"f": ("a", "n", "b"), "x": ("a", "m", "b")}
    servers = [Server(name, RateLatency(rates[name], naps[name] + 1 / rates[name])) for name in rates]
    flows = [Flow("f", TokenBucket(0, 100), paths["f"]), Flow("x", TokenBucket(1, 1), paths["x"])]
    result = analyse(servers, flows, ARBITRARY).result(ARBITRARY, Method.SFA)
    bound = result.flows["f"].delay
    assert theorems.CROSS_WITH in bound.theorem

    packets = [Packet("f", F(1), F(0), n) for n in range(100)] + [
        Packet("x", F(1), F(n), n) for n in range(200)
    ]
    queues = {name: Queue(rates[name], naps[name]) for name in rates}
    at_a, elsewhere = by_priority({"f": 0, "x": 1}), by_priority({"f": 1, "x": 0})
    worst = run(queues, paths, packets, lambda s, waiting: (at_a if s == "a" else elsewhere)(s, waiting))["f"]
    x_at_b = 1 + F(1, 10) + F(1, 1000)  # its burst, grown by the latencies of a and m alone
    left_at_a, left_at_b = (1 + 10 * F(1, 10)) / F(9), (x_at_b + 2 * F(1, 2)) / F(1)
    without_f = left_at_a + F(10) + F(1, 1000) + left_at_b + 100
    assert bound.value is not None
    assert without_f < worst <= bound.value


def test_traffic_that_meets_once_is_grown_without_the_flow() -> None:
    servers = [Server(name, RateLatency(10, 1)) for name in "abc"]
    flows = [
        Flow("f", TokenBucket(1, 5), ("a", "b", "c")),
        Flow("g", TokenBucket(1, 5), ("a", "b")),
        Flow("h", TokenBucket(1, 5), ("b", "c")),
    ]
    analysis = analyse(servers, flows, [FIFO, ARBITRARY])
    any_order = analysis.result(ARBITRARY, Method.SFA).flows["f"].delay.theorem
    assert theorems.CROSS_ALONE_ARBITRARY in any_order
    overlapping = analysis.result(FIFO, Method.SFA).flows["f"].delay.theorem
    assert theorems.CROSS_WITH in overlapping
    apart = analyse(servers, [flows[0], flows[1], Flow("i", TokenBucket(1, 5), ("c",))])
    assert theorems.CROSS_ALONE_FIFO in apart.result(FIFO, Method.SFA).flows["f"].delay.theorem


def test_an_urgent_packet_waits_for_one_that_has_been_begun() -> None:
    """Non-preemptive: the bound is met to the instant, and would be broken without the lower packet."""
    server = Server("s", RateLatency(10, 0))
    flows = [
        Flow("urgent", TokenBucket(1, 2), ("s",), 0, 2),
        Flow("bulk", TokenBucket(1, 30), ("s",), 1, 30),
    ]
    result = analyse([server], flows, PRIORITY).result(PRIORITY, Method.TFA)
    just_after = F(1, 10**6)
    packets = [Packet("bulk", F(30), F(0), 0), Packet("urgent", F(2), just_after, 0)]
    paths = {"urgent": ("s",), "bulk": ("s",)}
    worst = run({"s": Queue(F(10), F(0))}, paths, packets, by_priority({"urgent": 0, "bulk": 1}))
    assert result.flows["urgent"].delay.value == F(30 + 2, 10)
    assert worst["urgent"] == F(32, 10) - just_after
    assert result.flows["bulk"].delay.value == F(30 + 2, 10 - 1)
    assert theorems.PRIORITY in result.flows["bulk"].delay.theorem


def test_links_bring_packets_one_after_the_other() -> None:
    """Ten flows over one link cannot all arrive at once; without the link's rate they might."""
    flows = [Flow(f"f{n}", TokenBucket(F(1, 2), 10), ("a", "b")) for n in range(10)]

    def second(link_rate: int | None) -> Fraction | None:
        servers = [Server(name, RateLatency(10, 1), link_rate, 1) for name in "ab"]
        result = analyse(servers, flows, FIFO, [Method.TFA_SHAPED]).result(FIFO, Method.TFA_SHAPED)
        return result.servers["b"].delay.value

    shaped, unshaped = second(10), second(None)
    assert shaped is not None
    assert unshaped is not None
    assert shaped == 1 + F(1, 10)  # the latency, and the packet that comes as a whole
    assert unshaped > 10


def test_everything_that_does_not_fit_is_told_at_once() -> None:
    servers = [Server("a", RateLatency(10, 1), 5)]
    flows = [
        Flow("f", TokenBucket(1, 1), ("a", "a")),
        Flow("g", TokenBucket(1, 1), ("z",)),
        Flow("h", TokenBucket(1, 1), ()),
    ]
    with pytest.raises(InputError) as caught:
        analyse(servers, flows)
    assert [problem.where for problem in caught.value.problems] == ["flow f", "flow g", "flow h", "server a"]


def test_overloaded_servers_are_named() -> None:
    servers = [Server("a", RateLatency(10, 1)), Server("b", RateLatency(1, 1))]
    with pytest.raises(InputError, match="more than its rate of 1"):
        analyse(servers, [Flow("f", TokenBucket(2, 1), ("a", "b"))])


def test_results_tell_the_exact_fraction_and_the_theorem() -> None:
    servers = [Server("a", RateLatency(3, 0))]
    told = analyse(servers, [Flow("f", TokenBucket(1, 1), ("a",))]).to_dict()["results"][0]
    assert told["flows"]["f"]["delay"] == {"exact": "1/3", "decimal": 1 / 3, "theorem": theorems.SUM}
    assert told["fixed_point"] == {"cycles": [], "exact": True}
