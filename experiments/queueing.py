"""Queueing delay that background traffic should cause. Pure; the model's side of the loaded measurement."""

from __future__ import annotations

from topology.errors import InputError


def md1_mean_wait_ms(rate_mbps: float, utilisation: float, frame_bytes: int) -> float:
    """Mean time a packet waits before one link, one way, in ms: the M/D/1 queue.

    Poisson arrivals of frames of one size (``frame_bytes``, Ethernet header included) on a link of
    ``rate_mbps`` (emulated) that they load to ``utilisation`` (0 to below 1)::

        W = rho * S / (2 * (1 - rho)),   S = frame_bytes * 8 / rate

    the Pollaczek-Khinchine formula for a constant service time S (Kleinrock, "Queueing Systems", vol. 1,
    1975, section 5.6). A test packet that comes at a random moment finds this wait (PASTA: Wolff, "Poisson
    Arrivals See Time Averages", Operations Research 30, 1982). It is an upper bound here: a token bucket
    lets a short burst pass without any wait, which a strict line of this rate would not.

    Raises ``InputError`` for a rate or frame that is not positive, or a utilisation that no queue survives.
    """
    if rate_mbps <= 0 or frame_bytes <= 0:
        raise InputError("rate and frame size must be positive", where="queueing")
    if not 0 <= utilisation < 1:
        raise InputError(
            f"a utilisation of {utilisation:g} has no mean wait; it must be 0 to below 1", where="queueing"
        )
    return utilisation * serialisation_ms(rate_mbps, frame_bytes) / (2 * (1 - utilisation))


def serialisation_ms(rate_mbps: float, frame_bytes: int) -> float:
    """Time to put a frame on a link: bits over rate, in ms."""
    return frame_bytes * 8 / (rate_mbps * 1000)
