"""Network calculus: worst-case delay and backlog, proven from rates, bursts and service (docs/bounds.md)."""

from controller.bounds.curves import RateLatency, TokenBucket, backlog, convolve, delay, output
from controller.bounds.htb import HtbClass, assured_htb, conforming_htb, residual_htb

__all__ = [
    "HtbClass",
    "RateLatency",
    "TokenBucket",
    "assured_htb",
    "backlog",
    "conforming_htb",
    "convolve",
    "delay",
    "output",
    "residual_htb",
]
