"""Mininet's node and link classes, fitted to a laboratory that lives in a cell.

Mininet describes a network by injected classes; these keep its model and change three things: interfaces are
made in one batch before the links are declared, switches need no shell of their own, and hosts are configured
all at the same time. With ``network.py`` the only modules that import Mininet.
"""

from __future__ import annotations

import os
import pty
import select
from typing import Any

from mininet.link import Intf, Link
from mininet.net import Mininet
from mininet.node import Host, Switch

from topology.emulation.layout import SiteLayout

_PROMPT = chr(127)  # Mininet knows by this that a command has ended


class LabNet(Mininet):
    """Mininet without its changes to the machine's sysctls, which would outlive the run."""

    def __init__(self, **parameters: Any) -> None:
        Mininet.inited = True  # what Mininet.init would do is done: set sysctls of the whole machine
        super().__init__(
            build=False,
            controller=None,
            switch=SiteSwitch,
            host=SiteHost,
            link=PreparedLink,
            intf=PreparedInterface,
            **parameters,
        )


class SiteHost(Host):
    """A site's host: a shell in a network namespace of its own, with real-size packets.

    Offloads are off, so that a packet on the wire is one packet to the shaper, the pipe and the capture.
    IPv6 is off because its neighbour chatter would be dropped by the switches and confuse captures.
    """

    def startShell(self, mnopts: Any = None) -> None:  # noqa: N802  (Mininet's name)
        """Start the shell as Mininet does, but leave the wait for its prompt to ``finish_shell``.

        So the shells of all hosts come up at the same time.
        """
        prompt = ["env", f"PS1={_PROMPT}", "bash", "--norc", "--noediting", "-is", f"mininet:{self.name}"]
        self.master, self.slave = pty.openpty()
        self.shell = self._popen(
            ["mnexec", mnopts or "-cdn", *prompt],
            **dict.fromkeys(("stdin", "stdout", "stderr"), self.slave),
            close_fds=False,
        )
        self.stdin = self.stdout = os.fdopen(self.master)
        self.pid = self.shell.pid
        self.pollOut = select.poll()
        self.pollOut.register(self.stdout)
        self.outToNode[self.stdout.fileno()] = self.inToNode[self.stdin.fileno()] = self
        self.execed, self.lastCmd, self.lastPid, self.readbuf = False, None, None, ""

    def finish_shell(self) -> None:
        """Wait until the shell, and with it the host's network namespace, is there."""
        while not self.read(1024).endswith(_PROMPT):
            self.pollOut.poll()
        self.waiting = False
        self.cmd("unset HISTFILE; stty -echo; set +m")

    def begin_configuration(self, site: SiteLayout) -> None:
        """Send the configuration to the shell and return; ``finish_configuration`` collects the outcome."""
        interface = site.host_interface
        steps = (
            "link set lo up",
            f"addr add {site.host_ip}/{site.prefix_length} dev {interface}",
            f"link set {interface} up",
            f"route add default via {site.gateway_ip}",
        )
        self.sendCmd(
            "echo 1 > /proc/sys/net/ipv6/conf/all/disable_ipv6 && "
            f"printf '%s\\n' {' '.join(repr(step) for step in steps)} | ip -batch - && "
            f"ethtool -K {interface} tx off rx off tso off gso off gro off sg off > /dev/null && "
            "echo configured"
        )

    def finish_configuration(self) -> str:
        """What the shell said; ends with ``configured`` when all went well."""
        return str(self.waitOutput())


class SiteSwitch(Switch):
    """A site's OVS bridge. It is programmed through OVSDB in one transaction, so it needs no shell."""

    def startShell(self, mnopts: Any = None) -> None:  # noqa: N802  (Mininet's name)
        """No shell: commands for a switch go through ``OpenVSwitch``."""
        self.shell = None

    def cmd(self, *_words: Any, **_options: Any) -> str:
        """Nothing: Mininet would configure interfaces that are configured already."""
        return ""

    def start(self, controllers: Any) -> None:
        """Switches are started together, see ``EmulatedNetwork``."""

    def stop(self, deleteIntfs: bool = True) -> None:  # noqa: N803
        """Switches vanish with the lab's namespace."""


class PreparedInterface(Intf):
    """An interface that a batch has configured; Mininet would spend a process on each setting."""

    def config(self, *_values: Any, **_options: Any) -> dict[str, Any]:
        """Nothing to configure."""
        return {}

    def ifconfig(self, *_words: Any) -> str:
        """Nothing to configure."""
        return ""


class PreparedLink(Link):
    """A link whose interfaces already exist: one batch made all of them."""

    @classmethod
    def makeIntfPair(cls, *_names: Any, **_options: Any) -> None:  # noqa: N802
        """Nothing to make."""

    def delete(self) -> None:
        """Interfaces vanish with the lab's namespace."""
