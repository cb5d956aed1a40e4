"""Derive the adjacencies and route lengths of `qingyang-baseline` again from public data.

    python docs/data/derive_routes.py

One line for each carrier's link of 100 km or more: who has seen the link, and how long its fibre is.

Seen by: TopoHub's `topozoo/Chinanet` (Internet Topology Zoo, map of 2010) and `caida/2024-08/<AS number>`
(routers seen by CAIDA Ark, merged by city). Links to Zhengzhou in the latter are no evidence: databases of
addresses place near it whatever is only known to be "in China", so half the country seems to meet there.

Length: the shortest way over `backbone/eurasia_nosc`, TopoHub's map of land routes. It joins neighbouring
cities by straight lines, so a cable along them is longer; by how much is read off the one published cable
that the map can be held against. Where the map lacks a city, or its way is implausibly short or long, the
route factor of the scenario stands. `docs/scenarios-data.md` discusses the result.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import networkx as nx
import topohub

from topology.geography import great_circle_km
from topology.network import Link, Network, Site
from topology.scenario import load

LONG_KM = 100.0
"""Shorter links are regional; the map is too coarse for them."""
MATCH_KM = 40.0
"""A city is on the map if a node of the map lies this near."""
PLAUSIBLE = (1.3, 2.0)
"""Shortest and longest believable cable in great circles. Published Chinese cables have 1.56 to 1.67; a way
far beyond shows a hole in the map, such as Wuhan-Guangzhou drawn through Fujian."""
CALIBRATION = ("xian-telecom", "chengdu-telecom", 1.60)
"""First leg of the Xi'an-Chengdu-Chongqing cable: 1400 km (People's Daily, 27 March 2000), that is 1.60 great
circles from city to city."""
SPELLED = {"xian": "Xi'an"}


def city_of(site: Site) -> str:
    """A site's city as the data sets spell it: `xian-telecom` stands in `Xi'an`."""
    city = site.id.split("-")[0]
    return SPELLED.get(city, city.capitalize())


def distance_km(site: Site, latitude_deg: float, longitude_deg: float) -> float:
    """Great circle between a site and a place."""
    return great_circle_km(site.latitude_deg, site.longitude_deg, latitude_deg, longitude_deg)


def adjacent_cities(topology: str) -> set[frozenset[str]]:
    """The pairs of cities that a TopoHub topology joins."""
    data = topohub.get(topology)
    names = {node["id"]: node.get("name") or "" for node in data["nodes"]}
    return {frozenset((names[edge["source"]], names[edge["target"]])) for edge in data["edges"]}


def land_routes() -> nx.Graph:
    """TopoHub's map: nodes are cities with their `place` (latitude, longitude), edges have `km`."""
    data = topohub.get("backbone/eurasia_nosc")
    graph = nx.Graph()
    for node in data["nodes"]:
        graph.add_node(node["id"], place=node["pos"][::-1], is_city=node["type"] == "City")
    graph.add_edges_from((edge["source"], edge["target"], {"km": edge["dist"]}) for edge in data["edges"])
    return graph


def drawn_km(routes: nx.Graph, a: Site, b: Site) -> float | None:
    """Length of the drawn way between two sites, or None if the map lacks one of their cities."""
    nodes, total = [], 0.0
    for site in (a, b):
        cities = (n for n, is_city in routes.nodes(data="is_city") if is_city)
        gap, node = min((distance_km(site, *routes.nodes[city]["place"]), city) for city in cities)
        if gap > MATCH_KM:
            return None
        nodes.append(node)
        total += gap
    return total + float(nx.shortest_path_length(routes, *nodes, weight="km"))


def cable_over_drawing(network: Network, routes: nx.Graph) -> float:
    """How much longer a cable is than its way on the map."""
    start, end, factor = CALIBRATION
    a, b = network.sites[start], network.sites[end]
    drawn = drawn_km(routes, a, b)
    if drawn is None:
        raise LookupError(f"the map lacks {start} or {end}")
    return factor * distance_km(a, b.latitude_deg, b.longitude_deg) / drawn


@dataclass(frozen=True)
class Row:
    """One link: who has seen it, its great circle, its way on the map and what follows from it.

    `drawn_km` is None if the map lacks a city; `derived_km` is None where the route factor stands.
    """

    link: Link
    seen_by: tuple[str, ...]
    circle_km: float
    drawn_km: float | None
    derived_km: float | None

    def __str__(self) -> str:
        cells = [f"{self.link.id:36}{self.circle_km:8.0f}"]
        cells += [f"{km:8.0f}" if km else f"{'-':>8}" for km in (self.drawn_km, self.derived_km)]
        as_derived = self.link.route_km == self.derived_km or self.link.route_basis != "stated"
        remark = "" if as_derived else "  (states another length)"
        return "".join(cells) + f"{self.link.route_km:8.0f}  {', '.join(self.seen_by) or '-'}{remark}"


def rows(network: Network) -> Iterator[Row]:
    """The long links of the carriers, in the order of the scenario."""
    routes = land_routes()
    slack = cable_over_drawing(network, routes)
    maps = {
        ("telecom", "topozoo"): adjacent_cities("topozoo/Chinanet"),
        ("telecom", "caida"): adjacent_cities("caida/2024-08/4134"),
        ("unicom", "caida"): adjacent_cities("caida/2024-08/4837"),
    }
    for link in network.links.values():
        a, b = network.sites[link.a], network.sites[link.b]
        circle = distance_km(a, b.latitude_deg, b.longitude_deg)
        if not link.operator or circle < LONG_KM:
            continue
        drawn = drawn_km(routes, a, b)
        plausible = drawn is not None and PLAUSIBLE[0] <= slack * drawn / circle <= PLAUSIBLE[1]
        cities = frozenset((city_of(a), city_of(b)))
        seen_by = tuple(
            who for (carrier, who), pairs in maps.items() if carrier == link.operator and cities in pairs
        )
        yield Row(link, seen_by, circle, drawn, round(slack * drawn, -1) if drawn and plausible else None)


def main() -> None:
    """Print the table."""
    network = load("qingyang-baseline")
    print(
        f"A cable is {cable_over_drawing(network, land_routes()):.2f} times as long as its way on the map.\n"
    )
    print(f"{'link':36}{'circle':>8}{'drawn':>8}{'derived':>8}{'used':>8}  seen by")
    for row in rows(network):
        print(row)


if __name__ == "__main__":
    main()
