"""Queueing delay that background traffic should cause. Pure; the model's side of the loaded measurement.

Background traffic is Poisson with frames of one size, so the queue before a link is M/D/1. An emulated link
is a token bucket: as much work as its burst may stand before it without anything waiting, and only what goes
beyond waits. A burst of 0 is a strict line, the M/D/1 queue of the textbook.
"""

from __future__ import annotations

from decimal import Decimal, localcontext

from topology.errors import InputError


def md1_mean_wait_ms(rate_mbps: float, utilisation: float, frame_bytes: int, burst_bytes: int = 0) -> float:
    """Mean time a packet waits before one link, one way, in ms.

    Poisson arrivals of frames of ``frame_bytes`` (Ethernet header included) load a link of ``rate_mbps``
    (emulated) to ``utilisation`` rho (0 to below 1). A test packet that comes at a random moment finds the
    work V of that moment (PASTA: Wolff, "Poisson Arrivals See Time Averages", Operations Research 30, 1982).
    Without a burst it waits for all of it, by the Pollaczek-Khinchine formula for a constant service time S
    (Kleinrock, "Queueing Systems", vol. 1, 1975, section 5.6)::

        E[V] = rho * S / (2 * (1 - rho)),   S = frame_bytes * 8 / rate

    With a burst that takes b ms at the link's rate it waits for max(0, V - b), whose mean follows from the
    distribution of V in M/D/1 (Erlang 1909; Crommelin, Post Office Electrical Engineers' Journal 25, 1932)::

        P(V <= t) = (1 - rho) * sum over k <= t/S of exp(x) * (-x)^k / k!,   x = rho * (t/S - k)

    Raises ``InputError`` for a rate or frame that is not positive, or a utilisation that no queue survives.
    """
    if rate_mbps <= 0 or frame_bytes <= 0 or burst_bytes < 0:
        raise InputError("rate and frame size must be positive, a burst not negative", where="queueing")
    if not 0 <= utilisation < 1:
        raise InputError(
            f"a utilisation of {utilisation:g} has no mean wait; it must be 0 to below 1", where="queueing"
        )
    if utilisation == 0:
        return 0.0
    service_ms = serialisation_ms(rate_mbps, frame_bytes)
    mean_work = utilisation / (2 * (1 - utilisation))
    return max(0.0, service_ms * (mean_work - _work_within_burst(utilisation, burst_bytes / frame_bytes)))


def serialisation_ms(rate_mbps: float, frame_bytes: int) -> float:
    """Time to put a frame on a link: bits over rate, in ms."""
    return frame_bytes * 8 / (rate_mbps * 1000)


def _work_within_burst(utilisation: float, burst: float) -> float:
    """E[min(V, burst)] in service times: the part of the work that a burst of that many frames takes.

    The integral of P(V > t) from 0 to ``burst``, term by term. The terms are large and alternate in sign, so
    they are summed with as many digits as they need.
    """
    with localcontext() as context:
        context.prec = 50 + 2 * int(burst)
        rho, frames = Decimal(utilisation), Decimal(burst)
        total = Decimal(0)
        for k in range(int(burst) + 1):
            x = rho * (frames - k)
            term = partial = Decimal(1)
            for j in range(1, k + 1):
                term *= -x / j
                partial += term
            total += x.exp() * partial - 1
        return float(frames - (1 - rho) / rho * total)
