"""What the shipped scenarios predict on an idle network: the tables of `docs/scenarios-data.md`.

python docs/data/latency_table.py
"""

from __future__ import annotations

from itertools import combinations
from statistics import mean

from controller.paths import least_delay_paths
from topology.geography import great_circle_km
from topology.network import Network, SiteKind, TrafficClass
from topology.scenario import load

SCENARIOS = ("qingyang-baseline", "qingyang-xian", "qingyang-direct")


def circle_km(network: Network, a: str, b: str) -> float:
    """Great circle between two sites."""
    one, other = network.sites[a], network.sites[b]
    return great_circle_km(one.latitude_deg, one.longitude_deg, other.latitude_deg, other.longitude_deg)


def print_calibration(network: Network) -> None:
    """Mean latency between clusters over the optical one; the CAICT has 1.51 (private), 1.72 (public IP)."""
    paths = least_delay_paths(network, traffic_class=TrafficClass.BEST_EFFORT)
    clusters = [s.id for s in network.sites.values() if s.kind in (SiteKind.HUB, SiteKind.CLUSTER)]
    pairs = list(combinations(clusters, 2))
    ms_per_km = network.figures["route_factor"][0] * network.figures["fibre_us_per_km"][0] / 1000
    optical = [circle_km(network, *pair) * ms_per_km for pair in pairs]
    routed = [network.path_latency_ms(paths[pair]) for pair in pairs]
    hops = mean(len(paths[pair]) - 1 for pair in pairs)
    print(
        f"{len(pairs)} pairs of clusters: optical {mean(optical):.1f} ms, routed {mean(routed):.1f} ms",
        end="",
    )
    print(f" (longest {max(routed):.1f}), {hops:.1f} hops; ratio {mean(routed) / mean(optical):.2f}\n")


def print_latencies(network: Network) -> None:
    """One Markdown row per measured pair: latency, its parts, hops, and the stretch over the fibre floor."""
    paths = least_delay_paths(network, traffic_class=TrafficClass.BEST_EFFORT)
    source = network.comparison.source
    print(f"### {network.id}\n")
    print("| To | ms | fibre | transit | hand-over | hops | stretch | over |")
    print("|---|---|---|---|---|---|---|---|")
    for destination in network.comparison.destinations:
        path = paths[source, destination]
        links = list(network.path_links(path))
        total = network.path_latency_ms(path)
        fibre = sum(link.propagation_ms for link in links)
        handover = sum(link.handover_ms for link in links)
        floor = circle_km(network, source, destination) * network.figures["fibre_us_per_km"][0] / 1000
        cells = [network.sites[destination].name.en, f"{total:.1f}", f"{fibre:.1f}"]
        cells += [
            f"{total - fibre - handover:.1f}",
            f"{handover:.2f}",
            str(len(links)),
            f"{total / floor:.2f}",
        ]
        cells.append(", ".join(path[1:-1]) or "-")
        print(f"| {' | '.join(cells)} |")
    print()


def main() -> None:
    """Print all tables."""
    for name in SCENARIOS:
        network = load(name)
        print_latencies(network)
        print_calibration(network)


if __name__ == "__main__":
    main()
