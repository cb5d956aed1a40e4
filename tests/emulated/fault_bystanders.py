"""What other people have on the same machine: it must live through everything that happens to our runs."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from mininet.log import setLogLevel
from mininet.net import Mininet
from mininet.node import OVSSwitch
from mininet.topo import Topo

from tests.emulated.fault_runs import interfaces, mounts
from topology.emulation.doctor import choose_datapath
from topology.emulation.openvswitch import OpenVSwitch

TAKEN = (("s1-p1", "s1-p2"), ("w1a", "w1b"), ("s2-p1", "eth0"))  # veth pairs with the names a lab uses
PROCESS = ("sleep", "86399")


class Bystanders:
    """A plain Mininet network on an Open vSwitch of its own, taken interface names, and a process."""

    def __init__(self, net: Mininet, openvswitch: OpenVSwitch, process: subprocess.Popen[bytes]) -> None:
        self._net = net
        self._openvswitch = openvswitch
        self._process = process
        self._before = self._state()

    def check(self) -> None:
        """Fails if anything is not as it was, or the Mininet network does not carry packets."""
        assert self._state() == self._before
        assert self._process.poll() is None
        assert "1 received" in self._net["h1"].cmd(f"ping -n -c 1 -W 2 {self._net['h2'].IP()}")

    def _state(self) -> dict[str, object]:
        return {
            "interfaces": interfaces(),
            "mounts": mounts(),
            "bridges": self._openvswitch.vsctl("list-br").split(),
            "ports": self._openvswitch.vsctl("list-ports", "s1").split(),
            "daemons": self._openvswitch.pids,
            "hosts": [host.pid for host in self._net.hosts if host.shell.poll() is None],
        }


@contextmanager
def bystanders(folder: Path) -> Iterator[Bystanders]:
    """All of it, in the current network namespace; ``OVS_RUNDIR`` and its like stay as they make it."""
    for name, peer in TAKEN:
        subprocess.run(["ip", "link", "add", name, "up", "type", "veth", "peer", "name", peer], check=True)
    with OpenVSwitch(folder / "another") as openvswitch, subprocess.Popen(PROCESS) as process:
        former = dict(os.environ)
        os.environ.update(openvswitch.environment)
        setLogLevel("error")
        Mininet.inited = True  # no change to the machine's sysctls
        topo = Topo()
        topo.addSwitch("s1")
        for name in ("h1", "h2"):
            topo.addHost(name)
            topo.addLink(name, "s1")
        datapath = "kernel" if choose_datapath("auto") == "system" else "user"
        switch = partial(OVSSwitch, datapath=datapath, failMode="standalone")
        net = Mininet(topo=topo, switch=switch, controller=None)
        try:
            net.start()
            net["h1"].cmd(f"ping -n -c 1 -W 5 {net['h2'].IP()}")
            yield Bystanders(net, openvswitch, process)
        finally:
            net.stop()
            os.environ.clear()
            os.environ.update(former)
            process.kill()
