"""A lab whose network lies on several machines, led from the first."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

from experiments.guard import Tell
from experiments.lab import Lab, LabOptions
from experiments.machines.remote import RemotePart
from experiments.machines.spreading import Spread
from experiments.measurement.endpoint import Endpoint
from topology.emulation.cell import CELL_RUNTIME
from topology.emulation.links import LinkProperties
from topology.emulation.parts.network import PartNetwork
from topology.emulation.parts.reach import Reach
from topology.emulation.reading import LinkReading
from topology.network import Network
from topology.placement.model import Machine
from topology.placement.parts import parts


class PlacedLab(Lab):
    """A scenario on several machines. Runs inside a cell of the machine that carries the controller.

    As ``Lab``, with these differences: links are not watched for silent loss (BFD); read-back covers links
    with both ends on one machine; measuring begins at sites of this machine.

    Attributes:
        others: the parts on other machines, by the machine's name.
    """

    _listens_on = "0.0.0.0"  # of the cell: only tunnels of other parts lead there

    def __init__(
        self,
        network: Network,
        spread: Spread,
        options: LabOptions | None = None,
        progress: Callable[[str], None] = lambda _sentence: None,
        *,
        http: tuple[int, Path] | None = None,
        tell: Tell | None = None,
    ) -> None:
        super().__init__(network, options, progress, http=http, tell=tell, watch=False)
        self.spread = spread
        self.placement = spread.placement
        self.parts = parts(self.layout, spread.placement)
        self._here = self.parts[spread.placement.controller]
        self.others: dict[str, RemotePart] = {}

    def _begin_elsewhere(self, stack: ExitStack) -> None:
        for name, part in self.parts.items():
            if part is not self._here:
                self._progress(f"machine {name}: {len(part.layout.sites)} sites")
                log = CELL_RUNTIME / f"machine-{name}.log"
                remote = RemotePart(part, self.options, self.spread.outside, log)
                self.others[name] = stack.enter_context(remote)

    def _network(self) -> PartNetwork:
        return PartNetwork(
            self._here,
            self.pipe,
            self.spread.outside,
            datapath=self.datapath,
            seed=self.options.seed,
            progress=self._progress,
        )

    def _finish_elsewhere(self) -> None:
        for name, other in self.others.items():
            self._progress(f"waiting for machine {name}")
            other.wait_until_up()

    def _pids(self) -> list[int]:
        return super()._pids() + [pid for other in self.others.values() for pid in other.pids]

    def check(self) -> None:
        """Raise ``EmulationError`` if a part of the lab has died, here or elsewhere."""
        super().check()
        for other in self.others.values():
            other.check()

    def machine_of(self, site: str) -> Machine:
        """The machine that carries a site. Raises ``KeyError`` for an unknown site."""
        return self.placement.machine[self.placement.machine_of[site]]

    def endpoint(self, site: str) -> Endpoint:
        """Where to measure from or to at a site."""
        other = self._other(site)
        return super().endpoint(site) if other is None else other.endpoint(site)

    def command_at(self, site: str, words: Sequence[str]) -> list[str]:
        """``words`` as a command that runs on a site's host, on the caller's terminal."""
        other = self._other(site)
        if other is None:
            return super().command_at(site, words)
        return other.endpoint(site).command(words, keep_stdin=True)

    def change_link(self, link: str, properties: LinkProperties) -> None:
        """Give a running link other properties; what the underlay takes of the delay is allowed for."""
        holder = self._other(self.layout.links[link].a.site)
        part = self._here if holder is None else holder.part
        if link in part.crossings:
            less_ms = part.crossings[link].underlay_one_way_ms
            properties = replace(properties, delay_ms=max(0.0, properties.delay_ms - less_ms))
        if holder is None:
            super().change_link(link, properties)
        else:
            holder.change(link, properties)

    def set_link(self, link: str, *, up: bool) -> None:
        """Cut a link at both ends, or mend it."""
        ends = self.layout.links[link]
        holders = {id(holder): holder for holder in (self._other(ends.a.site), self._other(ends.b.site))}
        for holder in holders.values():
            if holder is None:
                super().set_link(link, up=up)
            else:
                holder.set_link(link, up=up)

    @property
    def one_clock(self) -> bool:
        """Whether all hosts read the same clock, so that one-way delays mean something."""
        return self.spread.one_clock

    @property
    def elsewhere(self) -> list[Reach]:
        """How the parts on other machines are reached."""
        return [other.reach for other in self.others.values()]

    def enlarge_buffers(self) -> None:
        """See ``Switches.enlarge_buffers``."""
        super().enlarge_buffers()
        for other in self.others.values():
            other.enlarge_buffers()

    def read_back(self, only: Collection[str] = ()) -> list[LinkReading]:
        """What links with both ends on one machine really do. Machines measure one after the other."""
        chosen = set(only or self.layout.links)
        here = chosen & self._here.layout.links.keys()
        found = super().read_back(here) if here else []
        for other in self.others.values():
            there = chosen & other.part.layout.links.keys()
            found += other.read_back(there) if there else []
        return found

    def _other(self, site: str) -> RemotePart | None:
        """The part that carries a site, if it is on another machine."""
        return self.others.get(self.placement.machine_of[site])
