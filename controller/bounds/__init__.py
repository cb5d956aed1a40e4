"""Network calculus: worst-case delay and backlog, proven from rates, bursts and service (docs/bounds.md)."""

from controller.bounds.analysis import analyse
from controller.bounds.curves import RateLatency, TokenBucket, backlog, convolve, delay, output
from controller.bounds.htb import HtbClass, assured_htb, conforming_htb, residual_htb
from controller.bounds.residual import residual_arbitrary, residual_fifo, residual_priority
from controller.bounds.results import Analysis, Bounds, Figure, Method, MethodResult
from controller.bounds.system import Flow, Multiplexing, Server, System

__all__ = [
    "Analysis",
    "Bounds",
    "Figure",
    "Flow",
    "HtbClass",
    "Method",
    "MethodResult",
    "Multiplexing",
    "RateLatency",
    "Server",
    "System",
    "TokenBucket",
    "analyse",
    "assured_htb",
    "backlog",
    "conforming_htb",
    "convolve",
    "delay",
    "output",
    "residual_arbitrary",
    "residual_fifo",
    "residual_htb",
    "residual_priority",
]
