"""Total flow analysis: each server by itself, all its flows together; a delay is the sum of its servers'."""

from __future__ import annotations

from fractions import Fraction

from controller.bounds import theorems
from controller.bounds.bursts import Bursts, shaped_delay
from controller.bounds.curves import TokenBucket, backlog, delay
from controller.bounds.results import Bounds, Figure
from controller.bounds.shaped import largest_backlog
from controller.bounds.system import Multiplexing, in_order


def server_bounds(bursts: Bursts, server: str, multiplexing: Multiplexing, *, shaped: bool) -> Bounds:
    """Delay and backlog of all flows in a server that is not overloaded."""
    return _shaped(bursts, server, multiplexing) if shaped else _plain(bursts, server, multiplexing)


def flow_delay(servers: list[Bounds], *, shaped: bool) -> Figure:
    """The delay of a flow that crosses these servers."""
    parts = [bounds.delay.value for bounds in servers]
    known = [part for part in parts if part is not None]
    if len(known) < len(parts):
        return Figure(None, theorems.FULL_RATE)
    return Figure(sum(known, start=Fraction(0)), theorems.SUM_SHAPED if shaped else theorems.SUM)


def _plain(bursts: Bursts, server: str, multiplexing: Multiplexing) -> Bounds:
    flows = bursts.system.at[server]
    arrivals = TokenBucket(bursts.system.rate(flows), bursts.together(flows, server))
    service = bursts.system.servers[server].service
    most = Figure(backlog(arrivals, service), theorems.BACKLOG)
    if in_order(bursts.system, server, multiplexing):
        return Bounds(Figure(delay(arrivals, service), theorems.DELAY), most)
    if arrivals.rate == service.rate:
        return Bounds(Figure(None, theorems.FULL_RATE), most)
    longest = (arrivals.burst + service.rate * service.latency) / Fraction(service.rate - arrivals.rate)
    return Bounds(Figure(longest, theorems.BUSY), most)


def _shaped(bursts: Bursts, server: str, multiplexing: Multiplexing) -> Bounds:
    service = bursts.system.servers[server].service
    most = Figure(largest_backlog(bursts.shaped(server), service), theorems.BACKLOG_SHAPED)
    longest = shaped_delay(bursts, server, multiplexing)
    if longest is None:
        return Bounds(Figure(None, theorems.FULL_RATE), most)
    ordered = in_order(bursts.system, server, multiplexing)
    return Bounds(Figure(longest, theorems.DELAY_SHAPED if ordered else theorems.BUSY_SHAPED), most)
