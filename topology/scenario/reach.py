"""Which sites traffic can reach and how far they are, crossing only sites that carry transit."""

from __future__ import annotations

from heapq import heappop, heappush

from topology.network import Network


def latency_from_ms(network: Network, source: str) -> dict[str, float]:
    """Least one-way latency of the empty network from ``source`` to each site that it can reach (Dijkstra).

    A path may begin and end anywhere, but crosses only sites that carry transit.
    """
    latency = {source: 0.0}
    settled: set[str] = set()
    queue = [(0.0, source)]
    while queue:
        so_far, site = heappop(queue)
        if site in settled:
            continue
        settled.add(site)
        if site != source and not network.sites[site].carries_transit:
            continue
        for neighbour in network.graph[site]:
            through = so_far + network.link_latency_ms(network.link_between(site, neighbour))
            if through < latency.get(neighbour, float("inf")):
                latency[neighbour] = through
                heappush(queue, (through, neighbour))
    return latency
