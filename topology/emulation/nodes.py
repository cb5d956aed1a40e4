"""Mininet's node and link classes, fitted to a laboratory that lives in a cell.

Mininet describes a network by injected classes; these keep its model and change three things: interfaces are
made in one batch before the links are declared, switches need no shell of their own, and hosts are configured
all at the same time. With ``network.py`` the only modules that import Mininet.
"""

from __future__ import annotations

from typing import Any

from mininet.link import Link
from mininet.net import Mininet
from mininet.node import Host, Switch

from topology.emulation.layout import SiteLayout


class LabNet(Mininet):
    """Mininet without its changes to the machine's sysctls, which would outlive the run."""

    @classmethod
    def init(cls) -> None:
        """Nothing to prepare: the cell has been made, and limits are inherited."""
        cls.inited = True


class SiteHost(Host):
    """A site's host: a shell in a network namespace of its own, with real-size packets.

    Offloads are off, so that a packet on the wire is one packet to the shaper, the pipe and the capture.
    IPv6 is off because its neighbour chatter would be dropped by the switches and confuse captures.
    """

    def begin_configuration(self, site: SiteLayout) -> None:
        """Send the configuration to the shell and return; ``finish_configuration`` collects the outcome."""
        interface = site.host_interface
        self.sendCmd(
            "set -e; echo 1 > /proc/sys/net/ipv6/conf/all/disable_ipv6; "
            "ip -batch - <<'IP_BATCH'\n"
            "link set lo up\n"
            f"addr add {site.host_ip}/{site.prefix_length} dev {interface}\n"
            f"link set {interface} up\n"
            f"route add default via {site.gateway_ip}\n"
            "IP_BATCH\n"
            f"ethtool -K {interface} tx off rx off tso off gso off gro off sg off >/dev/null; "
            "set +e; echo configured"
        )

    def finish_configuration(self) -> str:
        """What the shell said; ends with ``configured`` when all went well."""
        return str(self.waitOutput())


class SiteSwitch(Switch):
    """A site's OVS bridge. It is programmed through OVSDB in one transaction, so it needs no shell."""

    def startShell(self, mnopts: Any = None) -> None:  # noqa: N802  (Mininet's name)
        """No shell: commands for a switch go through ``OpenVSwitch``."""
        self.shell = None

    def start(self, controllers: Any) -> None:
        """Switches are started together, see ``EmulatedNetwork``."""

    def stop(self, deleteIntfs: bool = True) -> None:  # noqa: N803
        """Switches vanish with the lab's namespace."""


class PreparedLink(Link):
    """A link whose interfaces already exist: one batch made all of them."""

    @classmethod
    def makeIntfPair(cls, *_names: Any, **_options: Any) -> None:  # noqa: N802
        """Nothing to make."""

    def delete(self) -> None:
        """Interfaces vanish with the lab's namespace."""
