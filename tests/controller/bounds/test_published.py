"""Against published values: textbook examples, and A. Bouillard's panco."""

from __future__ import annotations

from fractions import Fraction

import pytest

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

FIFO, ARBITRARY = Multiplexing.FIFO, Multiplexing.ARBITRARY
TFA, TFA_SHAPED, SFA = Method.TFA, Method.TFA_SHAPED, Method.SFA


def side_by_side(servers: int, flows: int, rate: int, latency: int) -> Analysis:
    """Flows with r = 5 and b = 25 that all cross all servers."""
    names = [f"s{number}" for number in range(servers)]
    return analyse(
        [Server(name, RateLatency(rate, latency)) for name in names],
        [Flow(f"f{number}", TokenBucket(5, 25), tuple(names)) for number in range(flows)],
        [FIFO, ARBITRARY],
    )


@pytest.mark.parametrize(
    ("system", "multiplexing", "method", "delay"),
    [
        ((1, 1, 10, 10), FIFO, TFA, Fraction("12.5")),
        ((1, 1, 10, 10), FIFO, SFA, Fraction("12.5")),
        ((1, 1, 10, 10), ARBITRARY, TFA, Fraction("12.5")),  # a flow by itself stays in order
        ((1, 2, 10, 10), FIFO, TFA, 15),
        ((1, 2, 10, 10), FIFO, SFA, Fraction("17.5")),
        ((1, 2, 10, 10), ARBITRARY, SFA, 30),
        ((2, 1, 10, 10), FIFO, TFA, 30),
        ((2, 1, 10, 10), FIFO, SFA, Fraction("22.5")),
        ((2, 2, 10, 10), FIFO, TFA, 40),
        ((2, 2, 10, 10), FIFO, SFA, 35),
        ((2, 2, 10, 10), ARBITRARY, SFA, 65),
        ((3, 2, 20, 20), FIFO, TFA, Fraction("97.5")),
        ((3, 2, 20, 20), ARBITRARY, TFA, 195),
        ((3, 2, 20, 20), FIFO, SFA, Fraction(965, 12)),
        ((3, 2, 20, 20), ARBITRARY, SFA, Fraction(320, 3)),
    ],
)
def test_textbook_examples(
    system: tuple[int, int, int, int], multiplexing: Multiplexing, method: Method, delay: Fraction
) -> None:
    result = side_by_side(*system).result(multiplexing, method)
    assert {bounds.delay.value for bounds in result.flows.values()} == {delay}
    assert result.exact


def test_backlog_of_one_flow_at_one_server() -> None:
    analysis = side_by_side(1, 1, 10, 10)
    for bounds in (analysis.results[0].servers["s0"], analysis.results[1].flows["f0"]):
        assert bounds.backlog is not None
        assert bounds.backlog.value == 75


def test_a_server_that_may_be_busy_for_ever_has_no_bound_in_any_order() -> None:
    result = side_by_side(1, 2, 10, 10).result(ARBITRARY, TFA)
    assert result.flows["f0"].delay.value is None
    assert "no bound" in result.flows["f0"].delay.theorem


MBPS = 10**6


def panco(servers: int, paths: list[list[int]], rate: Fraction) -> Analysis:
    """R = 10 Mbit/s, T = 1 ms, b = 1000 bit; links of 10 Mbit/s that hand on bit by bit."""
    line = 10 * MBPS
    return analyse(
        [Server(str(n), RateLatency(line, Fraction(1, 1000)), line) for n in range(servers)],
        [Flow(str(n), TokenBucket(rate, 1000), tuple(map(str, path))) for n, path in enumerate(paths)],
    )


def delays_ms(analysis: Analysis, method: Method) -> list[float]:
    bounds = analysis.result(FIFO, method).flows.values()
    return [float(b.delay.value) * 1e3 for b in bounds if b.delay.value is not None]


def interleaved(servers: int) -> list[list[int]]:
    return [list(range(servers)), *([n, n + 1] for n in range(servers - 1))]


def test_interleaved_tandem_of_four() -> None:
    analysis = panco(4, interleaved(4), Fraction(8, 3) * MBPS)
    assert delays_ms(analysis, TFA_SHAPED) == pytest.approx([5.65867, 2.78, 3.45867, 2.87867], abs=5e-6)
    assert analysis.result(FIFO, TFA_SHAPED).flows["0"].delay.value == Fraction(1061, 187500)


def test_interleaved_tandem_of_ten() -> None:
    analysis = panco(10, interleaved(10), Fraction(8, 3) * MBPS)
    published = [26.27555, 2.78, 3.45867, 4.08912, 4.80829, 5.65057, 6.63996, 7.80253, 9.16863, 5.95333]
    assert delays_ms(analysis, TFA_SHAPED) == pytest.approx(published, abs=1e-5)


def test_sfa_is_no_worse_than_published_which_adds_up_bursts_flow_by_flow() -> None:
    ours = delays_ms(panco(4, interleaved(4), Fraction(8, 3) * MBPS), SFA)
    published = [6.215529714285714, 2.807618714285714, 3.8925077142857143, 4.820895714285715]
    assert ours[1] == pytest.approx(published[1], abs=5e-6)  # nothing meets it that came over one edge
    assert all(a <= b + 5e-6 for a, b in zip(ours, published, strict=True))


@pytest.mark.parametrize(("load", "published_ms"), [("0.5", 7.0), ("0.7", 11.06555), ("0.8", 22.1154)])
def test_unidirectional_ring(load: str, published_ms: float) -> None:
    """Every server feeds the next, the last the first; panco solves a linear program, we a fixed point."""
    ring = [[(start + hop) % 5 for hop in range(5)] for start in range(5)]
    analysis = panco(5, ring, Fraction(load) * 10 * MBPS / 5)
    result = analysis.result(FIFO, TFA_SHAPED)
    assert delays_ms(analysis, TFA_SHAPED) == pytest.approx([published_ms] * 5, rel=3e-6)
    assert result.cycles == (("0", "1", "2", "3", "4"),)
    assert result.exact
