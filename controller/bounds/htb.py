"""What HTB really leaves to a class. Units are the caller's, for example bits and bit/s (then seconds).

HTB (tc-htb(8); Linux, net/sched/sch_htb.c) is no strict-priority scheduler. A class is *green* while it has
tokens of its own rate. Green classes are served first, those of better ``prio`` before the others, and at
once: their parent's tokens are charged, not asked for. Only what is left is lent, to the class of best
``prio`` that wants it. So however low its ``prio``, a class keeps its rate and burst. A class may send while
its tokens are not below zero, so it takes at most ``rate * t + burst + one frame`` in any time t.

Three bounds follow, from weak to strong premises: ``assured_htb``, ``residual_htb``, ``conforming_htb``; each
docstring has its proof in short, ``docs/bounds.md`` in full. All suppose one parent (the link) over all
classes, with the link's rate, and classes whose rates add up to no more than that.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

from controller.bounds.curves import Exact, RateLatency, TokenBucket, make_exact, total
from topology.errors import InputError


@dataclass(frozen=True, slots=True)
class HtbClass:
    """A leaf class below the link's class.

    Attributes:
        rate, burst: its guarantee.
        prio: 0 is served first, as in ``tc``.
        ceil, cburst: most that it takes with what it borrows; ``None``: all that the link has.
    """

    rate: Exact
    burst: Exact
    prio: int = 0
    ceil: Exact | None = None
    cburst: Exact = 0

    def __post_init__(self) -> None:
        make_exact(self, "rate", "burst", "ceil", "cburst")


def residual_htb(
    link_rate: Exact, own: HtbClass, others: Sequence[HtbClass], max_frame: Exact
) -> RateLatency:
    """The service that ``own`` gets, whatever it sends itself, if it may borrow all that the link has.

    A class of worse ``prio`` takes its rate, burst and one frame, and nothing more while ``own`` waits; one
    of equal or better ``prio`` takes its ceil. Before ``own`` waits, its burst and all others' may have gone
    out ahead of the link's tokens; until these are back nobody borrows, so all bursts count once. With them
    go the frame that was lent last and the one that is being sent. So the service has

        rate = link_rate - sum(rates or ceils of the others)
        latency = (own.burst + sum(bursts of the others) + (number of classes + 2) * max_frame) / rate.

    Raises ``InputError`` if nothing is left, or an equal or better class has no ceil: see ``assured_htb``.
    """
    _check(link_rate, own, others)
    taken = total(_taken(other, own, max_frame) for other in others)
    rate = Fraction(link_rate) - taken.rate
    if rate <= 0:
        raise InputError(f"the other classes may take all of the link's rate of {link_rate}")
    return RateLatency(rate, (own.burst + taken.burst + 3 * max_frame) / rate)


def assured_htb(link_rate: Exact, own: HtbClass, others: Sequence[HtbClass], max_frame: Exact) -> RateLatency:
    """The service of its own rate that ``own`` gets, whatever it sends itself, without borrowing.

    It waits for tokens, at worst one frame's (it may have overdrawn them by one), and once it has them, for
    what ``conforming_htb`` waits for: ``latency = wait + max_frame / own.rate``.

    Raises ``InputError`` if its burst is less than what comes in while it waits: then tokens would be lost.
    """
    front = _front(link_rate, own, others, max_frame)
    needed = own.rate * front.latency
    _require_burst(own, needed)
    return RateLatency(own.rate, front.latency + Fraction(max_frame) / own.rate)


def conforming_htb(
    link_rate: Exact, own: HtbClass, others: Sequence[HtbClass], max_frame: Exact, arrivals: TokenBucket
) -> RateLatency:
    """The service that ``own`` gets as long as what it sends keeps to ``arrivals``.

    With tokens for all its traffic it is green for ever, and green classes are served by ``prio``: it waits
    for one frame that is being sent and for the green classes of equal or better ``prio``, as under
    non-preemptive priority: ``rate = link_rate - sum(their rates)``, ``latency = (max_frame + sum(their
    bursts + max_frame)) / rate``. Its bucket must hold ``arrivals.burst`` and what comes in during the
    latency, for when a bucket is full, tokens are lost.

    Raises ``InputError`` if its rate or burst is too small for that.
    """
    front = _front(link_rate, own, others, max_frame)
    if arrivals.rate > own.rate:
        raise InputError(f"the class has a rate of {own.rate}; its flows need {arrivals.rate}")
    _require_burst(own, arrivals.burst + own.rate * front.latency)
    return front


def _front(link_rate: Exact, own: HtbClass, others: Sequence[HtbClass], max_frame: Exact) -> RateLatency:
    """Non-preemptive priority among green classes (LBT, section 6.2.1)."""
    _check(link_rate, own, others)
    ahead = [other for other in others if other.prio <= own.prio]
    rate = Fraction(link_rate) - sum(other.rate for other in ahead)
    return RateLatency(rate, (max_frame + sum(other.burst + max_frame for other in ahead)) / rate)


def _taken(other: HtbClass, own: HtbClass, max_frame: Exact) -> TokenBucket:
    if other.prio > own.prio:
        return TokenBucket(other.rate, other.burst + max_frame)
    if other.ceil is None:
        raise InputError(
            f"a class of prio {other.prio} may borrow all that the link has, before one of prio {own.prio}",
            hint="give it a ceil, or a worse prio (a larger number)",
        )
    return TokenBucket(other.ceil, max(other.burst, other.cburst) + max_frame)


def _check(link_rate: Exact, own: HtbClass, others: Sequence[HtbClass]) -> None:
    promised = own.rate + sum(other.rate for other in others)
    if own.rate <= 0 or promised > link_rate:
        raise InputError(
            f"the classes are promised {promised} of a link of {link_rate}; expected at most that, "
            "and something for each"
        )


def _require_burst(own: HtbClass, needed: Exact) -> None:
    if own.burst < needed:
        raise InputError(
            f"the class has a burst of {own.burst}; for this bound it needs {float(needed):g}",
            hint="raise the burst of the class; tokens above it are lost while it waits",
        )
