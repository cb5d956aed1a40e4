"""The prompt of ``onehop up``: a network engineer's tools, with hosts called by their site."""

from __future__ import annotations

import cmd
import shlex
import subprocess
import sys
import time

from rich.table import Table

from controller.plan import RoutingPlan
from experiments.cli.console import out
from experiments.cli.readings import print_readings
from experiments.lab import Lab
from experiments.measurement import throughput
from experiments.measurement.endpoint import listening_ports, popen_in_namespace, stop_process
from topology.emulation.cell import forgive_interrupt
from topology.emulation.faults import Faults
from topology.errors import OneHopError
from topology.network import TrafficClass

_POLL_S = 0.02


class Prompt(cmd.Cmd):
    """Commands on a running lab. A line that begins with a site's name runs there: ``beijing ip addr``."""

    intro = "Type help for the commands, exit to take the network down."

    def __init__(self, lab: Lab) -> None:
        super().__init__()
        self._lab = lab
        self._faults = Faults(lab.emulated)
        self._silent: set[str] = set()
        self._address = {site: entry.host_ip for site, entry in lab.layout.sites.items()}
        self.prompt = f"{lab.network.id}> " if sys.stdin.isatty() else ""

    def onecmd(self, line: str) -> bool:
        """Run a line; a mistake is told and the prompt goes on."""
        try:
            return bool(super().onecmd(line))
        except OneHopError as error:
            out.print(f"error: {error}", markup=False)
        except ValueError as error:
            out.print(f"error: {error}", markup=False)
        except KeyboardInterrupt:
            forgive_interrupt()
            out.print()
        return False

    def emptyline(self) -> bool:
        """An empty line does nothing (cmd would repeat the last command)."""
        return False

    def default(self, line: str) -> None:
        """``SITE COMMAND...``: run a command on a host; names of sites in it stand for their addresses."""
        words = shlex.split(line)
        if words and words[0] in self._address and len(words) > 1:
            self._run(words[0], [self._address.get(word, word) for word in words[1:]])
            return
        out.print(f"unknown command or site: {words[0] if words else line}; try help or sites", markup=False)

    def completenames(self, text: str, *ignored: object) -> list[str]:
        """Complete commands and sites."""
        names = [name[3:] for name in self.get_names() if name.startswith("do_")]
        return [name + " " for name in [*names, *self._address] if name.startswith(text) and name != "EOF"]

    def completedefault(self, text: str, *_ignored: object) -> list[str]:
        """Complete sites and links as arguments."""
        return [name for name in [*self._address, *self._lab.layout.links] if name.startswith(text)]

    def do_sites(self, _line: str) -> None:
        """sites: every site with its host's address and its switch."""
        table = Table("site", "name", "名称", "kind", "host", "switch", box=None, header_style="bold")
        for site, entry in self._lab.layout.sites.items():
            described = self._lab.network.sites[site]
            table.add_row(
                site, described.name.en, described.name.zh, described.kind, entry.host_ip, entry.switch
            )
        out.print(table)

    def do_links(self, _line: str) -> None:
        """links: every link with its emulated rate, delay and interfaces."""
        table = Table("link", "Mbit/s", "ms", "interfaces", box=None, header_style="bold")
        for link in self._lab.layout.links.values():
            table.add_row(
                link.link,
                f"{link.properties.rate_mbps:g}",
                f"{link.properties.delay_ms:.3f}",
                f"{link.a.interface} {link.b.interface}",
            )
        out.print(table)

    def do_ping(self, line: str) -> None:
        """ping A B: five round trips between two sites."""
        a, b = self._sites(line, 2)
        self._run(a, ["ping", "-n", "-c", "5", "-i", "0.2", self._address[b]])

    def do_iperf3(self, line: str) -> None:
        """iperf3 A B [OPTIONS]: throughput from A to B; options go to iperf3 (-u, -R, -t 10...)."""
        words = shlex.split(line)
        a, b = self._sites(" ".join(words[:2]), 2)
        end = self._lab.endpoint(b)
        server = popen_in_namespace(end, ["iperf3", "--server", "--one-off"])
        try:
            while server.poll() is None and throughput.PORT not in listening_ports(end):
                time.sleep(_POLL_S)
            self._run(a, ["iperf3", "-c", self._address[b], "-t", "3", *words[2:]])
        finally:
            stop_process(server)

    def do_tcpdump(self, line: str) -> None:
        """tcpdump SITE [OPTIONS]: packets at a site's host; Ctrl-C ends it."""
        words = shlex.split(line)
        (site,) = self._sites(" ".join(words[:1]), 1)
        self._run(site, ["tcpdump", "-n", "-i", "eth0", *words[1:]])

    def do_traceroute(self, line: str) -> None:
        """traceroute A B: the routers on the way answer one by one."""
        a, b = self._sites(line, 2)
        self._run(a, ["traceroute", "-n", "-q", "1", "-w", "1", self._address[b]])

    def do_shell(self, line: str) -> None:
        """shell SITE: a shell on a site's host."""
        (site,) = self._sites(line, 1)
        self._run(site, ["bash"])

    def do_path(self, line: str) -> None:
        """path A B: the planned route, and the switches that probes really cross."""
        a, b = self._sites(line, 2)
        plan = RoutingPlan.of(self._lab.network)
        planned = plan.path(a, b, TrafficClass.BEST_EFFORT).sites
        out.print("planned:  " + " > ".join(planned), markup=False)
        pair = (self._lab.endpoint(a), self._lab.endpoint(b))
        crossed = self._lab.observe_paths([pair])[a, b]
        out.print("measured: " + " > ".join(crossed.sites), markup=False)

    def do_cut(self, line: str) -> None:
        """cut LINK: take a link down at both ends; the controller routes around it.
        cut LINK silent [SITE]: lose everything on it, or what comes from SITE, but leave the carrier.
        """
        link, *how = shlex.split(line) or [""]
        self._check_link(link)
        if not how:
            before = len(self._lab.controller.events)
            self._lab.set_link(link, up=False)
            self._tell_repair("cut", before)
            return
        ends = self._lab.layout.links[link]
        if how[0] != "silent" or len(how) > 2 or any(s not in (ends.a.site, ends.b.site) for s in how[1:]):
            raise ValueError(f"cut {link}, cut {link} silent, or cut {link} silent {ends.a.site}")
        before = len(self._lab.controller.events)
        self._silent.add(link)
        self._faults.silence(link, from_site=how[1] if len(how) == 2 else "")
        if link in self._lab.emulated.watched:
            self._tell_repair("silent", before)
        else:
            out.print("silent; no reservation is protected by this link, so no switch watches it (BFD)")

    def do_mend(self, line: str) -> None:
        """mend LINK: bring a cut or silent link back."""
        link = line.strip()
        self._check_link(link)
        before = len(self._lab.controller.events)
        if link in self._silent:
            self._silent.remove(link)
            self._faults.restore(link)
            if link not in self._lab.emulated.watched:
                out.print("mended")
                return
        else:
            self._lab.set_link(link, up=True)
        self._tell_repair("mended", before)

    def do_check(self, _line: str) -> None:
        """check: what every link declares and what it does."""
        print_readings(self._lab.read_back())

    def do_exit(self, _line: str) -> bool:
        """exit: take the network down."""
        return True

    def do_EOF(self, _line: str) -> bool:  # noqa: N802  (cmd's name for end of input)
        """End of input takes the network down too."""
        if sys.stdin.isatty():
            out.print()
        return True

    do_quit = do_exit

    def _check_link(self, link: str) -> None:
        if link not in self._lab.layout.links:
            raise ValueError(f"{link!r} is not a link; see links")

    def _tell_repair(self, done: str, before: int) -> None:
        event = self._lab.controller.wait_for_next("repaired", before, timeout_s=10)
        out.print(
            f"{done}; the controller rerouted {event['rerouted']} routes in {event['seconds'] * 1000:.0f} ms"
        )
        if event["unreachable"]:
            out.print(f"without a route now: {len(event['unreachable'])} pairs")

    def _sites(self, line: str, count: int) -> list[str]:
        words = shlex.split(line)
        unknown = [word for word in words if word not in self._address]
        if unknown:
            raise ValueError(f"{unknown[0]!r} is not a site; see sites")
        if len(words) != count:
            raise ValueError(f"{count} site{'s' if count > 1 else ''} expected, {len(words)} given")
        return words

    def _run(self, site: str, words: list[str]) -> None:
        sys.stdout.flush()
        subprocess.run(self._lab.command_at(site, words), check=False)
