"""Traffic on shortest paths: one path per pair, or spread evenly over all that are equally short (ECMP).

As routers do it (RFC 2328, section 16; RFC 2992): towards each destination a node knows its *next hops*, the
arcs that begin a shortest path. ECMP gives each of them the same share of whatever passes the node, whichever
way it came: Fortz and Thorup, "Internet traffic engineering by optimizing OSPF weights", INFOCOM 2000.
Parallel arcs are next hops of their own. A single path takes the next hop listed first. Weights are whole
numbers of at least 1, so that ties are ties and no traffic goes in circles.
"""

from __future__ import annotations

import heapq
from collections.abc import Sequence
from enum import StrEnum
from fractions import Fraction

from controller.te.instance import Instance
from topology.errors import InputError

_INVERSE_SCALE = 1000  # weight of an arc of the largest capacity; others are rounded to three digits or more


class Weights(StrEnum):
    """What a path's length counts."""

    HOPS = "hops"
    LATENCY = "latency"  # nanoseconds
    INVERSE_CAPACITY = "inverse-capacity"  # largest capacity / capacity, the vendors' default ("InvCap")
    STATED = "stated"  # those of a REPETITA file


def weights_of(instance: Instance, kind: Weights) -> tuple[int, ...]:
    """The weight of each arc, at least 1. Raises ``InputError`` if the instance does not say."""
    if kind is Weights.HOPS:
        return (1,) * len(instance.arcs)
    if kind is Weights.INVERSE_CAPACITY:
        largest = max(arc.capacity for arc in instance.arcs)
        return tuple(max(1, round(_INVERSE_SCALE * largest / arc.capacity)) for arc in instance.arcs)
    known = [arc.latency_ns if kind is Weights.LATENCY else arc.weight for arc in instance.arcs]
    stated = [max(1, weight) for weight in known if weight is not None]
    if len(stated) < len(known):
        able = [each for each in Weights if each is not kind and _is_stated(instance, each)]
        what = f"{instance.name} states no {'latency' if kind is Weights.LATENCY else 'weights'}"
        raise InputError(what, where="--weights", hint=f"it can be routed by: {', '.join(able)}")
    return tuple(stated)


def loads(instance: Instance, weights: Sequence[int], *, even: bool) -> tuple[Fraction, ...]:
    """What each arc carries, exactly: ECMP if ``even``, else one path per pair.

    Every demand must have a path (``instance.checked``).
    """
    carried = [Fraction(0)] * len(instance.arcs)
    for destination, rates in instance.towards.items():
        distance, hops = next_hops(instance, destination, weights)
        passing = dict(rates)
        # Farthest first: all that passes a node has arrived there before it is handed on.
        for node in sorted(distance, key=lambda node: (-distance[node], node)):
            rate = passing.get(node)
            if node == destination or not rate:
                continue
            chosen = hops[node] if even else hops[node][:1]
            share = rate / len(chosen)
            for arc in chosen:
                head = instance.arcs[arc].head
                carried[arc] += share
                passing[head] = passing.get(head, Fraction(0)) + share
    return tuple(carried)


def next_hops(
    instance: Instance, destination: int, weights: Sequence[int]
) -> tuple[dict[int, int], dict[int, list[int]]]:
    """Of each node that reaches ``destination``: its distance, and the arcs that begin a shortest path."""
    distance = distances_to(instance, destination, weights)
    hops: dict[int, list[int]] = {}
    for node, length in distance.items():
        hops[node] = [
            arc
            for arc in instance.leaving[node]
            if _may_lead_on(instance, head := instance.arcs[arc].head, destination)
            and head in distance
            and distance[head] + weights[arc] == length
        ]
    return distance, hops


def distances_to(instance: Instance, destination: int, weights: Sequence[int]) -> dict[int, int]:
    """Length of the shortest path from each node that has one (Dijkstra 1959); weights may be 0."""
    distance: dict[int, int] = {}
    best = {destination: 0}
    queue = [(0, destination)]
    while queue:
        length, node = heapq.heappop(queue)
        if node in distance:
            continue
        distance[node] = length
        if not _may_lead_on(instance, node, destination):
            continue
        for arc in instance.entering[node]:
            tail, through = instance.arcs[arc].tail, length + weights[arc]
            if tail not in best or through < best[tail]:
                best[tail] = through
                heapq.heappush(queue, (through, tail))
    return distance


def _may_lead_on(instance: Instance, node: int, destination: int) -> bool:
    return node == destination or instance.carries_transit[node]


def _is_stated(instance: Instance, kind: Weights) -> bool:
    if kind is Weights.LATENCY:
        return all(arc.latency_ns is not None for arc in instance.arcs)
    return kind is not Weights.STATED or all(arc.weight is not None for arc in instance.arcs)
