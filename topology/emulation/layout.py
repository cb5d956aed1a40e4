"""Layout: every name, address, port and rate fixed before anything is created. Pure and serialisable.

Numbers follow the order of the scenario, so the same scenario gives the same layout on any machine. Interface
names stay within the kernel's 15 characters and are unique in the lab's own network namespace.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any

from topology.emulation.links import LinkProperties
from topology.emulation.links.buckets import ETHERNET_HEADER_BYTES as ETHERNET_HEADER_BYTES
from topology.emulation.links.buckets import FRAME_BYTES
from topology.emulation.links.buckets import MTU_BYTES as MTU_BYTES
from topology.emulation.links.classes import LinkClass, link_classes
from topology.errors import InputError
from topology.network import Network

MAX_SITES = 4000  # a site number fills the two middle octets of 10.0.0.0/8; OVS and memory give out earlier
HOST_PORT = 1  # OpenFlow port towards the site's host; links take 2, 3, ...
MIN_QUEUE_BYTES = 10 * FRAME_BYTES


@dataclass(frozen=True, slots=True)
class SiteLayout:
    """One site: an OVS switch and a host behind it, in its own /24.

    ``host_interface`` lies in the host's namespace, ``switch_interface`` is its peer on the switch.
    """

    site: str
    number: int
    dpid: int
    switch: str
    host: str
    host_interface: str
    switch_interface: str
    host_ip: str
    host_mac: str
    gateway_ip: str
    gateway_mac: str
    prefix_length: int = 24


@dataclass(frozen=True, slots=True)
class LinkEnd:
    """One end: the switch-side ``interface`` on OpenFlow ``port``, and the ``wire`` end behind it."""

    site: str
    port: int
    interface: str
    wire: str


@dataclass(frozen=True, slots=True)
class LinkLayout:
    """One link with its two ends and what each direction of it does.

    ``classes``: how its rate is divided; empty where all frames share one queue.
    """

    link: str
    number: int
    a: LinkEnd
    b: LinkEnd
    properties: LinkProperties
    classes: tuple[LinkClass, ...] = ()

    @classmethod
    def from_dict(cls, fields: Mapping[str, Any]) -> LinkLayout:
        """The link whose ``dataclasses.asdict`` is ``fields``, also after a way through JSON."""
        return cls(
            link=fields["link"],
            number=fields["number"],
            a=LinkEnd(**fields["a"]),
            b=LinkEnd(**fields["b"]),
            properties=LinkProperties.from_dict(fields["properties"]),
            classes=tuple(LinkClass.from_dict(one) for one in fields["classes"]),
        )


@dataclass(frozen=True)
class Layout:
    """A resolved network: what an engine needs to realise it, and nothing else."""

    scenario: str
    scenario_digest: str
    rate_scale: float
    sites: Mapping[str, SiteLayout]
    links: Mapping[str, LinkLayout]
    controller_port: int = 6653

    @classmethod
    def of(cls, network: Network) -> Layout:
        """Fix every number and name of ``network``. Raises ``InputError`` if it cannot be laid out."""
        if len(network.sites) > MAX_SITES:
            raise InputError(
                f"the scenario has {len(network.sites)} sites; at most {MAX_SITES} can be addressed",
                where=network.id,
                hint="emulate a part of it",
            )
        sites = {site: _site_layout(site, number) for number, site in enumerate(network.sites, start=1)}
        next_port = dict.fromkeys(sites, HOST_PORT + 1)
        links: dict[str, LinkLayout] = {}
        for number, link in enumerate(network.links.values(), start=1):
            ends = []
            for site, letter in ((link.a, "a"), (link.b, "b")):
                port = next_port[site]
                next_port[site] += 1
                ends.append(LinkEnd(site, port, f"{sites[site].switch}-p{port}", f"w{number}{letter}"))
            rate_mbps = link.capacity_gbps * 1000 / network.rate_scale
            properties = LinkProperties(
                rate_mbps=rate_mbps,
                delay_ms=network.link_latency_ms(link),
                jitter_ms=link.jitter_ms,
                loss_ratio=link.loss_ratio,
                queue_bytes=max(MIN_QUEUE_BYTES, round(rate_mbps * 1e3 / 8 * link.queue_ms)),
                jitter_distribution=link.jitter_distribution,
                burst_loss=link.burst_loss,
                reorders=link.reorders,
            )
            reserved = network.routing.reserved
            classes = () if reserved is None else link_classes(properties, reserved)
            links[link.id] = LinkLayout(link.id, number, ends[0], ends[1], properties, classes)
        return cls(network.id, network.digest(), network.rate_scale, sites, links)

    @cached_property
    def site_of_dpid(self) -> dict[int, str]:
        """Site id by datapath id."""
        return {site.dpid: name for name, site in self.sites.items()}

    @cached_property
    def site_of_ip(self) -> dict[str, str]:
        """Site id by its host's address."""
        return {site.host_ip: name for name, site in self.sites.items()}

    @cached_property
    def interface_owner(self) -> dict[str, tuple[str, str]]:
        """``(site, link id)`` by switch-side interface name; the link id is empty for the host's port."""
        owner = {site.switch_interface: (name, "") for name, site in self.sites.items()}
        for link in self.links.values():
            owner[link.a.interface] = (link.a.site, link.link)
            owner[link.b.interface] = (link.b.site, link.link)
        return owner

    @cached_property
    def ends_of(self) -> dict[str, list[LinkEnd]]:
        """The link ends at each site, in the order of their ports; a link may lead to sites of elsewhere."""
        ends: dict[str, list[LinkEnd]] = {site: [] for site in self.sites}
        for link in self.links.values():
            for end in (link.a, link.b):
                if end.site in ends:
                    ends[end.site].append(end)
        return ends

    def port_towards(self, site: str, neighbour: str) -> int:
        """The OpenFlow port of ``site`` on its link to an adjacent site. Raises ``KeyError`` if none."""
        return self._ports[site, neighbour]

    @cached_property
    def _ports(self) -> dict[tuple[str, str], int]:
        ports = {}
        for link in self.links.values():
            ports[link.a.site, link.b.site] = link.a.port
            ports[link.b.site, link.a.site] = link.b.port
        return ports

    def to_json(self) -> str:
        """The layout as JSON, the same bytes for the same layout."""
        return json.dumps(asdict(self), indent=1, sort_keys=True)

    @classmethod
    def from_json(cls, text: str) -> Layout:
        """Read back what ``to_json`` wrote."""
        return cls.from_dict(json.loads(text))

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Layout:
        """The layout whose ``dataclasses.asdict`` is ``data``, also after a way through JSON."""
        return cls(
            scenario=data["scenario"],
            scenario_digest=data["scenario_digest"],
            rate_scale=data["rate_scale"],
            controller_port=data["controller_port"],
            sites={entry["site"]: SiteLayout(**entry) for entry in _by_number(data["sites"])},
            links={entry["link"]: LinkLayout.from_dict(entry) for entry in _by_number(data["links"])},
        )


def _site_layout(site: str, number: int) -> SiteLayout:
    high, low = divmod(number, 256)
    return SiteLayout(
        site=site,
        number=number,
        dpid=number,
        switch=f"s{number}",
        host=site,
        host_interface="eth0",
        switch_interface=f"s{number}-p{HOST_PORT}",
        host_ip=f"10.{high}.{low}.2",
        host_mac=f"02:00:00:00:{high:02x}:{low:02x}",
        gateway_ip=f"10.{high}.{low}.1",
        gateway_mac=f"02:01:00:00:{high:02x}:{low:02x}",
    )


def _by_number(part: dict[str, dict[str, Any]]) -> list[dict[str, Any]]:
    return sorted(part.values(), key=lambda entry: entry["number"])
