"""Separated flow analysis: what the others leave a flow at each server, put in a row, so that its own burst
is paid only once.

How far cross traffic has grown where it meets the flow may be computed as if the flow were not there, which
gives smaller bounds, in two cases; else it is computed with the flow (``docs/bounds.md`` has the proofs):

- FIFO: cross flows meet the path in stretches that are equal or apart. Then cutting off whole stretches
  with the bursts at their entry bounds the delay (LBT, section 6.2.2 on a stretch, which is a FIFO system
  too), and server by server with grown bursts gives no less.
- arbitrary: nothing that the path's servers put out comes back to the path. Then serving the flow last
  everywhere delays it most, and what is served last does not disturb the others.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise

import networkx as nx

from controller.bounds import theorems
from controller.bounds.bursts import Bursts, propagate, residual_rule
from controller.bounds.curves import RateLatency, TokenBucket, backlog, convolve, delay
from controller.bounds.residual import residual_arbitrary, residual_fifo
from controller.bounds.results import Bounds, Figure
from controller.bounds.system import Flow, Multiplexing, System


@dataclass(frozen=True, slots=True)
class _Stretch:
    """Neighbouring servers of the path, first and last, that a cross flow crosses in the path's order."""

    first: int
    last: int


def flow_bounds(bursts: Bursts, flow: Flow, multiplexing: Multiplexing) -> Bounds:
    """Delay and backlog of one flow from end to end, in a system that is not overloaded."""
    cross, remark = _cross_traffic(bursts, flow, multiplexing)
    arbitrary = multiplexing is Multiplexing.ARBITRARY
    kind = theorems.RESIDUAL_ARBITRARY if arbitrary else theorems.RESIDUAL_FIFO
    services = []
    for server in flow.path:
        service = bursts.system.servers[server].service
        if cross[server].rate >= service.rate:
            return Bounds(Figure(None, theorems.NOTHING_LEFT), Figure(None, theorems.NOTHING_LEFT))
        residual = residual_arbitrary if arbitrary else residual_fifo
        services.append(residual(service, cross[server]))
    left: RateLatency = convolve(services)
    how = f"{kind}; {remark}"
    return Bounds(
        Figure(delay(flow.arrivals, left), f"{theorems.SFA_DELAY}; {how}"),
        Figure(backlog(flow.arrivals, left), f"{theorems.SFA_BACKLOG}; {how}"),
    )


def _cross_traffic(
    bursts: Bursts, flow: Flow, multiplexing: Multiplexing
) -> tuple[Mapping[str, TokenBucket], str]:
    """The arrival curve of all other flows at each server of the path, and which theorem lets it be used."""
    stretches = _stretches(bursts.system, flow)
    if multiplexing is Multiplexing.ARBITRARY:
        alone, remark = not _comes_back(bursts.system, flow, stretches), theorems.CROSS_ALONE_ARBITRARY
    else:
        alone, remark = _apart(list(stretches)), theorems.CROSS_ALONE_FIFO
    if alone:
        bursts = propagate(_without(bursts, flow, stretches), residual_rule(multiplexing))
    else:
        remark = theorems.CROSS_WITH
    cross = {}
    for server in flow.path:
        others = tuple(other for other in bursts.system.at[server] if other != flow.id)
        cross[server] = TokenBucket(bursts.system.rate(others), bursts.together(others, server))
    return cross, remark


def _stretches(system: System, flow: Flow) -> dict[_Stretch, list[str]]:
    """The cross flows by the stretch on which they meet the path; one that meets it twice is in two."""
    place = {server: number for number, server in enumerate(flow.path)}
    found: dict[_Stretch, list[str]] = {}
    for other in system.flows.values():
        if other.id == flow.id:
            continue
        runs: list[list[int]] = []
        for before, server in pairwise((None, *other.path)):
            if server not in place:
                continue
            here = place[server]
            if runs and before is not None and place.get(before) == here - 1:
                runs[-1].append(here)
            else:
                runs.append([here])
        for run in runs:
            found.setdefault(_Stretch(run[0], run[-1]), []).append(other.id)
    return found


def _apart(stretches: list[_Stretch]) -> bool:
    ordered = sorted(stretches, key=lambda stretch: stretch.first)
    return all(one.last < next_.first for one, next_ in pairwise(ordered))


def _comes_back(system: System, flow: Flow, stretches: Mapping[_Stretch, list[str]]) -> bool:
    """Whether anything that enters the path may have met it, or met what met it, before."""
    on_path = set(flow.path)
    for stretch, flows in stretches.items():
        entry = flow.path[stretch.first]
        for other in flows:
            before = system.previous(other, entry)
            if before is not None and on_path & {before, *nx.ancestors(system.graph, before)}:
                return True
    return False


def _without(bursts: Bursts, flow: Flow, stretches: Mapping[_Stretch, list[str]]) -> System:
    """The path alone, with the cross flows of each stretch as one, as bursty as where they enter."""
    flows = {}
    for number, (stretch, members) in enumerate(stretches.items()):
        entry = flow.path[stretch.first]
        rate = bursts.system.rate(tuple(members))
        arrivals = TokenBucket(rate, Fraction(bursts.together(members, entry)))
        path = flow.path[stretch.first : stretch.last + 1]
        flows[f"{number}"] = Flow(f"{number}", arrivals, path)
    return System({server: bursts.system.servers[server] for server in flow.path}, flows)
