"""Mininet's node and link classes, fitted to a laboratory that lives in a cell.

Mininet describes a network by injected classes; these keep its model and change three things: interfaces are
made in one batch before the links are declared, switches need no shell of their own, and the shells of all
hosts start at the same time. With ``network.py`` the only modules that import Mininet.
"""

from __future__ import annotations

import os
import pty
import select
import termios
from typing import Any

from mininet.link import Intf, Link
from mininet.net import Mininet
from mininet.node import Host, Switch

from topology.emulation.openvswitch import how_it_ended
from topology.errors import EmulationError

_PROMPT = chr(127)  # Mininet knows by this that a command has ended
_CHECK_MS = 500
_PROMPTS = 2  # the shell's first, and the one after the command that it finds waiting


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
    """A site's host: a shell in a network namespace of its own. ``hostsetup`` gives it its network."""

    def startShell(self, mnopts: Any = None) -> None:  # noqa: N802  (Mininet's name)
        """Start the shell as Mininet does, but leave the wait for its prompt to ``finish_shell``.

        So the shells of all hosts come up at the same time. And nothing is left to programs that take some
        milliseconds for it: the terminal's echo (``stty``), the prompt (``env``), the closing of every
        descriptor that there could be (``mnexec -c``).
        """
        self.master, self.slave = pty.openpty()
        _without_echo(self.slave)
        self.shell = self._popen(
            ["mnexec", mnopts or "-dn", "bash", "--norc", "--noediting", "-is", f"mininet:{self.name}"],
            **dict.fromkeys(("stdin", "stdout", "stderr"), self.slave),
            env={**os.environ, "PS1": _PROMPT},
        )
        self.stdin = self.stdout = os.fdopen(self.master)
        self.pid = self.shell.pid
        self.pollOut = select.poll()
        self.pollOut.register(self.stdout)
        self.outToNode[self.stdout.fileno()] = self.inToNode[self.stdin.fileno()] = self
        self.execed, self.lastCmd, self.lastPid, self.readbuf = False, None, None, ""
        self.write("unset HISTFILE; set +m\n")  # read as soon as the shell is there

    def finish_shell(self) -> None:
        """Wait until the shell, and with it the host's network namespace, is there.

        Raises ``EmulationError`` if it ends instead.
        """
        prompts = 0
        while prompts < _PROMPTS:
            if self.pollOut.poll(_CHECK_MS):
                prompts += self.read(1024).count(_PROMPT)
            elif self.shell.poll() is not None:
                raise EmulationError(f"the shell of host {self.name} {how_it_ended(self.shell.returncode)}")
        self.waiting = False


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


def _without_echo(terminal: int) -> None:
    """Have a terminal not repeat what is typed, as ``stty -echo``."""
    attributes = termios.tcgetattr(terminal)
    attributes[3] &= ~termios.ECHO
    termios.tcsetattr(terminal, termios.TCSANOW, attributes)
