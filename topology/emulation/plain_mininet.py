"""Plain Mininet building the graph of a layout, as its documentation shows: what the benchmark compares with.

Veth links without any shaping, a shell per host and per switch, an ``ovs-vsctl`` per batch of switches. Only
Mininet's change of the whole machine's sysctls is left out.
"""

from __future__ import annotations

import os
import time
from functools import partial

from mininet.log import setLogLevel
from mininet.net import Mininet
from mininet.node import OVSSwitch
from mininet.topo import Topo

from topology.emulation.layout import Layout
from topology.emulation.openvswitch import OpenVSwitch


def build_and_stop(layout: Layout, openvswitch: OpenVSwitch, datapath: str) -> tuple[float, float]:
    """Seconds until the network is up, and seconds until it is down again."""
    os.environ.update(openvswitch.environment)
    setLogLevel("error")
    Mininet.inited = True
    topo = Topo()
    for site in layout.sites.values():
        topo.addSwitch(site.switch, dpid=f"{site.dpid:016x}")
        topo.addHost(f"h{site.number}", ip=f"{site.host_ip}/8", mac=site.host_mac)
        topo.addLink(f"h{site.number}", site.switch)
    for link in layout.links.values():
        topo.addLink(layout.sites[link.a.site].switch, layout.sites[link.b.site].switch)
    # Mininet says "user" for what Open vSwitch calls "netdev".
    switch = partial(OVSSwitch, datapath="user" if datapath == "netdev" else "kernel", failMode="secure")
    begun = time.monotonic()
    net = Mininet(topo=topo, switch=switch, controller=None)
    net.start()
    up_s = time.monotonic() - begun
    begun = time.monotonic()
    net.stop()
    return up_s, time.monotonic() - begun
