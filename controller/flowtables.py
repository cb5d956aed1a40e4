"""Routing plan to flow tables: what each site's switch holds so that every packet follows its planned path.

Pure: tables are computed, printed and tested without a switch. Every site is a router with two tables:

====== ======== ===================================== ===================================================
table  priority matches                               does
====== ======== ===================================== ===================================================
0      40       ARP request for the gateway, from     answer it: rewrite the request into the reply and
                the host                              send it back
0      30       IPv4 from the host's own address      go to table 1
0      20       anything else from the host           drop: a forged source, a gratuitous ARP, IPv6
0      10       IPv4 from a link                      go to table 1
0, 1   0        anything else                         drop: no flooding, nothing to the controller
1      50       the host behind this switch           new Ethernet header, TTL - 1, out to the host
1      40, 30   *compute* towards a destination       TTL - 1, out of the link of the planned path
1      20, 10   anything else towards a destination   TTL - 1, out of the link of the planned path
====== ======== ===================================== ===================================================

A class has one entry per destination (priority 30 and 10): the next hop of most sources. Sources whose
explicit path goes elsewhere have an entry of their own above it (40 and 20). Least-delay plans never need
one, since their paths to a destination form a tree; the tables hold for any plan of simple paths.

Where links set a part aside for reserved traffic (``routing.reserved``), table 0 also tells apart:

====== ======== ===================================== ===================================================
0      36       a reserved flow from the host         meter, mark, on its way: see ``reserved_tables``
0      33       a mark the host has no right to       unmark it, go to table 1
0      16       a reserved flow from a link           on its way, back, round or out to the host
0      13       a mark from a link that no            unmark it, go to table 1
                reservation knows (any more)
====== ======== ===================================== ===================================================

*Compute* entries towards a destination are left out at all switches if they would equal the best-effort ones
at all switches. All or none: a class that uses the other's entries at some switches only could loop while
both are being changed, see ``updates``.
"""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from collections.abc import Collection, Mapping

from controller.actions import IN_PORT, DecrementTtl, Output, SetField
from controller.entries import (
    ADMISSION_TABLE,
    ARP_REPLY,
    ARP_REQUEST,
    ETH_TYPE_ARP,
    ETH_TYPE_IPV4,
    ROUTING_TABLE,
    FlowEntry,
    FlowTable,
    Match,
)
from controller.plan import RoutingPlan
from controller.reserved_tables import Carried, reserved_items
from topology.emulation.layout import HOST_PORT, Layout, SiteLayout
from topology.network import Network, ReservedClass, TrafficClass

CONTROL_DSCP = 48  # CS6 (RFC 4594, section 3.1): what switches say to each other; hosts may not

_ANSWER_ARP, _OWN_SOURCE, _OTHER_SOURCE, _FROM_LINK = 40, 30, 20, 10
_UNMARK_FROM_HOST, _UNMARK_FROM_LINK = 33, 13
_DELIVER = 50
_BY_SOURCE = {TrafficClass.COMPUTE: 40, TrafficClass.BEST_EFFORT: 20}
_BY_DESTINATION = {TrafficClass.COMPUTE: 30, TrafficClass.BEST_EFFORT: 10}
_MISS = 0

NextHop = tuple[str, int]  # the neighbour, and the links still to cross from here
Turns = dict[str, NextHop]  # by source
TurnsAt = dict[str, Turns]  # by switch


def flow_tables(
    plan: RoutingPlan, network: Network, layout: Layout, carried: Collection[Carried] = ()
) -> Mapping[str, FlowTable]:
    """The flow table of each site's switch, by site id, in the order of the scenario.

    ``carried`` are the reservations and where their packets go; ``network`` must set a part aside for them.
    """
    return with_reservations(routed_tables(plan, network, layout), network, layout, carried)


def routed_tables(plan: RoutingPlan, network: Network, layout: Layout) -> Mapping[str, FlowTable]:
    """The tables without any reservation."""
    marks = network.routing.reserved
    entries = {name: [*_admission(site), *_local(site)] for name, site in layout.sites.items()}
    if marks is not None:
        for name, site in layout.sites.items():
            entries[name] += _unmarking(site, marks)
    turns = _turns(plan)
    for destination in layout.sites:
        best_effort = turns[destination, TrafficClass.BEST_EFFORT]
        compute = turns[destination, TrafficClass.COMPUTE]
        _add_routes(entries, network, layout, destination, TrafficClass.BEST_EFFORT, best_effort)
        if compute != best_effort:
            _add_routes(entries, network, layout, destination, TrafficClass.COMPUTE, compute)
    return {site: FlowTable.of(found) for site, found in entries.items()}


def with_reservations(
    tables: Mapping[str, FlowTable], network: Network, layout: Layout, carried: Collection[Carried]
) -> Mapping[str, FlowTable]:
    """``tables`` and what the reservations need on top; tables that need nothing are the same objects."""
    marks = network.routing.reserved
    if marks is None or not carried:
        return tables
    items = reserved_items(carried, marks, layout)
    return {site: table.extended(items.get(site, ())) for site, table in tables.items()}


def digest_of_tables(tables: Mapping[str, FlowTable]) -> str:
    """SHA-256 over the text of all tables, each under its site's name, in hexadecimal."""
    text = "".join(
        f"# {site}\n{table.meters_text()}{table.groups_text()}{table.to_text()}"
        for site, table in tables.items()
    )
    return hashlib.sha256(text.encode()).hexdigest()


def _admission(site: SiteLayout) -> list[FlowEntry]:
    """Table 0: answer the host's ARP, let in its own packets and what comes from the links."""
    answer = (
        SetField("eth_dst", site.host_mac),
        SetField("eth_src", site.gateway_mac),
        SetField("arp_op", ARP_REPLY),
        SetField("arp_sha", site.gateway_mac),
        SetField("arp_spa", site.gateway_ip),
        SetField("arp_tha", site.host_mac),
        SetField("arp_tpa", site.host_ip),
        Output(IN_PORT),
    )
    request = Match(in_port=HOST_PORT, eth_type=ETH_TYPE_ARP, arp_op=ARP_REQUEST, arp_tpa=site.gateway_ip)
    own = Match(in_port=HOST_PORT, eth_type=ETH_TYPE_IPV4, ipv4_src=site.host_ip)
    return [
        FlowEntry(ADMISSION_TABLE, _ANSWER_ARP, request, answer),
        FlowEntry(ADMISSION_TABLE, _OWN_SOURCE, own, goto=ROUTING_TABLE),
        FlowEntry(ADMISSION_TABLE, _OTHER_SOURCE, Match(in_port=HOST_PORT)),
        FlowEntry(ADMISSION_TABLE, _FROM_LINK, Match(eth_type=ETH_TYPE_IPV4), goto=ROUTING_TABLE),
        FlowEntry(ADMISSION_TABLE, _MISS, Match()),
    ]


def _unmarking(site: SiteLayout, marks: ReservedClass) -> list[FlowEntry]:
    """Table 0: what has no right to a mark of the network goes on as best effort."""
    actions = (SetField("ip_dscp", 0),)
    from_host = [
        Match(in_port=HOST_PORT, eth_type=ETH_TYPE_IPV4, ip_dscp=dscp, ipv4_src=site.host_ip)
        for dscp in (marks.dscp, marks.backup_dscp, CONTROL_DSCP)
    ]
    from_link = [Match(eth_type=ETH_TYPE_IPV4, ip_dscp=dscp) for dscp in (marks.dscp, marks.backup_dscp)]
    return [
        *(FlowEntry(ADMISSION_TABLE, _UNMARK_FROM_HOST, m, actions, ROUTING_TABLE) for m in from_host),
        *(FlowEntry(ADMISSION_TABLE, _UNMARK_FROM_LINK, m, actions, ROUTING_TABLE) for m in from_link),
    ]


def _local(site: SiteLayout) -> list[FlowEntry]:
    """Table 1: delivery to the host, and the end for what has no route."""
    deliver = (
        SetField("eth_src", site.gateway_mac),
        SetField("eth_dst", site.host_mac),
        DecrementTtl(),
        Output(HOST_PORT),
    )
    here = Match(eth_type=ETH_TYPE_IPV4, ipv4_dst=site.host_ip)
    return [
        FlowEntry(ROUTING_TABLE, _DELIVER, here, deliver),
        FlowEntry(ROUTING_TABLE, _MISS, Match()),
    ]


def _turns(plan: RoutingPlan) -> defaultdict[tuple[str, TrafficClass], TurnsAt]:
    """Where packets go on, by destination and class, then by switch, then by source."""
    turns: defaultdict[tuple[str, TrafficClass], TurnsAt] = defaultdict(dict)
    for (source, destination, traffic_class), path in plan.paths.items():
        at = turns[destination, traffic_class]
        for position, (site, neighbour) in enumerate(zip(path.sites, path.sites[1:], strict=False)):
            at.setdefault(site, {})[source] = (neighbour, path.hops - position)
    return turns


def _add_routes(
    entries: dict[str, list[FlowEntry]],
    network: Network,
    layout: Layout,
    destination: str,
    traffic_class: TrafficClass,
    turns_at: TurnsAt,
) -> None:
    """Table 1 at every switch that leads on towards ``destination``."""
    dscp = network.routing.dscp[traffic_class] if traffic_class is TrafficClass.COMPUTE else None
    host_ip = layout.sites[destination].host_ip

    def entry(priority: int, site: str, turn: NextHop, source_ip: str | None = None) -> FlowEntry:
        neighbour, hops_left = turn
        match = Match(eth_type=ETH_TYPE_IPV4, ip_dscp=dscp, ipv4_src=source_ip, ipv4_dst=host_ip)
        actions = (DecrementTtl(), Output(layout.port_towards(site, neighbour)))
        return FlowEntry(ROUTING_TABLE, priority, match, actions, hops_left=hops_left)

    for site, turns in turns_at.items():
        usual = _majority(turns, site, layout)
        entries[site].append(entry(_BY_DESTINATION[traffic_class], site, usual))
        entries[site] += [
            entry(_BY_SOURCE[traffic_class], site, turn, layout.sites[source].host_ip)
            for source, turn in turns.items()
            if turn[0] != usual[0]
        ]


def _majority(turns: Turns, site: str, layout: Layout) -> NextHop:
    """The next hop of most sources; of equals, the one on the lowest port. Of its hops left, the most."""
    first = next(iter(turns.values()))
    if all(turn == first for turn in turns.values()):  # always so in a tree; worth the short cut
        return first
    votes = Counter(neighbour for neighbour, _ in turns.values())
    usual = min(votes, key=lambda neighbour: (-votes[neighbour], layout.port_towards(site, neighbour)))
    return usual, max(hops_left for neighbour, hops_left in turns.values() if neighbour == usual)
