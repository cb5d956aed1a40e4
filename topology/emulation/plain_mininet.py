"""Plain Mininet building the graph of a layout, as its documentation shows: what the benchmark compares with.

Veth links without any shaping, a shell per host and per switch, an ``ovs-vsctl`` per batch of switches. Only
Mininet's change of the whole machine's sysctls is left out.
"""

from __future__ import annotations

import os
from functools import partial

from mininet.log import setLogLevel
from mininet.net import Mininet
from mininet.node import OVSSwitch
from mininet.topo import Topo

from topology.emulation.layout import Layout
from topology.emulation.openvswitch import OpenVSwitch


def plain_topology(layout: Layout) -> Topo:
    """The graph of a layout as Mininet describes graphs."""
    topo = Topo()
    for site in layout.sites.values():
        topo.addSwitch(site.switch, dpid=f"{site.dpid:016x}")
        topo.addHost(f"h{site.number}", ip=f"{site.host_ip}/8", mac=site.host_mac)
        topo.addLink(f"h{site.number}", site.switch)
    for link in layout.links.values():
        topo.addLink(layout.sites[link.a.site].switch, layout.sites[link.b.site].switch)
    return topo


def plain_network(topo: Topo, openvswitch: OpenVSwitch, datapath: str) -> Mininet:
    """A network of this graph, started; ``stop()`` takes it down."""
    os.environ.update(openvswitch.environment)
    setLogLevel("error")
    Mininet.inited = True
    # Mininet says "user" for what Open vSwitch calls "netdev".
    switch = partial(OVSSwitch, datapath="user" if datapath == "netdev" else "kernel", failMode="secure")
    net = Mininet(topo=topo, switch=switch, controller=None)
    net.start()
    return net
