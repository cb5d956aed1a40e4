"""A network as arrays: what the engines work on.

Latencies are whole nanoseconds, as in ``controller.paths``. Every sum an engine forms must fit 64 bits, which
``wiring`` checks once, so that nothing is checked in the hot parts.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from controller.paths import is_narrow, link_latency_ns
from topology.errors import InputError
from topology.network import Network, TrafficClass

Integers = NDArray[np.int64]
Booleans = NDArray[np.bool_]

UNREACHABLE = 1 << 60  # above every sum of latencies; three of them still fit 64 bits


@dataclass(frozen=True)
class Wiring:
    """A network as arrays; sites and links are numbered in its order.

    Attributes:
        sites, links: their ids.
        a, b: the sites each link joins, shape ``(links,)``.
        weight: what the least path is least in, shape ``(links,)``: nanoseconds, or for *compute* traffic
            ``narrow * room + nanoseconds``, with ``narrow`` 1 on links below the class's capacity.
        room: what to take a sum of weights modulo to get nanoseconds.
        carries_transit: of each site.
    """

    sites: tuple[str, ...]
    links: tuple[str, ...]
    a: Integers
    b: Integers
    weight: Integers
    room: int
    carries_transit: Booleans

    def delay_ns(self, distance: NDArray[np.integer[Any]]) -> NDArray[np.integer[Any]]:
        """Nanoseconds of reachable distances; meaningless for others."""
        return distance if self.room == UNREACHABLE else distance % self.room


def wiring(network: Network, traffic_class: TrafficClass = TrafficClass.BEST_EFFORT) -> Wiring:
    """The arrays of a network for one routed class. Raises ``InputError`` if latencies overflow."""
    number = {site: position for position, site in enumerate(network.sites)}
    links = network.links.values()
    latency = [link_latency_ns(network, link) for link in links]
    narrow = [traffic_class is TrafficClass.COMPUTE and is_narrow(network, link) for link in links]
    room = sum(latency) + 1 if any(narrow) else UNREACHABLE
    weights = [here * room + ns if here else ns for here, ns in zip(narrow, latency, strict=True)]
    if sum(weights) >= UNREACHABLE:
        raise InputError("the latencies of all links add up to more than 64 bits hold", where=network.id)
    return Wiring(
        sites=tuple(network.sites),
        links=tuple(network.links),
        a=np.array([number[link.a] for link in links], dtype=np.int64),
        b=np.array([number[link.b] for link in links], dtype=np.int64),
        weight=np.array(weights, dtype=np.int64),
        room=room,
        carries_transit=np.array([site.carries_transit for site in network.sites.values()], dtype=np.bool_),
    )
