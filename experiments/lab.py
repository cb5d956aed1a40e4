"""``with Lab(network) as lab``: network and controller up, and down again whatever happens."""

from __future__ import annotations

import json
import platform
import time
from collections.abc import Callable, Collection, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

from experiments.controller_process import ControllerProcess
from experiments.guard import Guard, Tell
from experiments.measurement.crossing import CrossedPath
from experiments.measurement.endpoint import Endpoint
from experiments.measurement.path import observe_paths
from experiments.protection import admitted, protected_links
from topology.emulation.cell import CELL_RUNTIME, private_network
from topology.emulation.doctor import choose_datapath, require_emulation
from topology.emulation.layout import Layout
from topology.emulation.links import LinkProperties
from topology.emulation.links.choose import pipe_for
from topology.emulation.network import EmulatedNetwork
from topology.emulation.parts.reach import Reach
from topology.emulation.readback import LinkReading, read_back
from topology.network import Network


@dataclass(frozen=True, slots=True)
class LabOptions:
    """How to realise a scenario.

    Attributes:
        datapath: ``auto``, ``kernel`` or ``userspace`` Open vSwitch.
        pipe: ``auto``, ``netem`` or ``userspace`` delay.
        seed: seed of every random choice of the links and the measurements.
    """

    datapath: str = "auto"
    pipe: str = "auto"
    seed: int = 1


class Lab:
    """A scenario, emulated and routed. Runs inside a cell (``topology.emulation.cell``).

    Args:
        network: what to emulate.
        options: how to realise it.
        progress: called with a short sentence at each step.
        http: a listening socket for the controller's HTTP interface, and the file of its token.
        tell: called with what has died of the lab, from another thread; without it the work inside the lab is
            interrupted by that error (``experiments.guard``).
        watch: whether links that protect a reservation are watched for silent loss (BFD), which takes half a
            processor where Open vSwitch forwards in user space.

    Attributes:
        reservations: the demands admitted, by id.
    """

    _listens_on = "127.0.0.1"  # where switches find the controller

    def __init__(
        self,
        network: Network,
        options: LabOptions | None = None,
        progress: Callable[[str], None] = lambda _sentence: None,
        *,
        http: tuple[int, Path] | None = None,
        tell: Tell | None = None,
        watch: bool = True,
    ) -> None:
        self.network = network
        self.options = options or LabOptions()
        self.layout = Layout.of(self.network)
        self.reservations = admitted(self.network)
        self.bring_up_s = 0.0
        self._progress = progress
        self._http = http
        self._tell = tell
        self._watched = protected_links(network, self.reservations) if watch else ()
        self._stack = ExitStack()

    def __enter__(self) -> Lab:
        require_emulation()
        begun = time.monotonic()
        with ExitStack() as stack:
            stack.enter_context(private_network())
            self._begin_elsewhere(stack)
            self.pipe = pipe_for(self.options.pipe)
            self.datapath = choose_datapath(self.options.datapath)
            log = CELL_RUNTIME / "controller.log"
            resolved = CELL_RUNTIME / "network.json"
            resolved.write_text(json.dumps(self.network.to_dict(), ensure_ascii=False))
            # The controller starts while the network is being built: both take about a second.
            self.controller = stack.enter_context(
                ControllerProcess(
                    resolved,
                    log,
                    address=self._listens_on,
                    port=self.layout.controller_port,
                    options=_http_options(self._http),
                    descriptors=() if self._http is None else self._http[:1],
                )
            )
            self.emulated = stack.enter_context(self._network())
            self._finish_elsewhere()
            self._progress("programming the switches")
            self.programmed = self.controller.wait_for("programmed", timeout_s=30 + len(self.layout.sites))
            stack.enter_context(Guard(self._pids(), self.check, self._tell))
            self._stack = stack.pop_all()
        self.bring_up_s = time.monotonic() - begun
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.__exit__(kind, error, trace)

    def _begin_elsewhere(self, stack: ExitStack) -> None:
        """Have other machines begin with their parts; here there are none."""

    def _network(self) -> EmulatedNetwork:
        """What is built here."""
        return EmulatedNetwork(
            self.layout,
            self.pipe,
            datapath=self.datapath,
            seed=self.options.seed,
            watched=self._watched,
            progress=self._progress,
        )

    def _finish_elsewhere(self) -> None:
        """Wait for what ``_begin_elsewhere`` has begun."""

    def _pids(self) -> list[int]:
        return [*self.controller.pids, *self.emulated.pids]

    def check(self) -> None:
        """Raise ``EmulationError`` if a part of the lab has died that was not ended on purpose."""
        self.emulated.check()
        self.controller.check()

    @property
    def backend(self) -> dict[str, str]:
        """What realises the network, for the manifest."""
        return {
            "datapath": "kernel" if self.datapath == "system" else "userspace",
            "pipe": self.pipe.name,
            "kernel": platform.release(),
        }

    def endpoint(self, site: str) -> Endpoint:
        """Where to measure from or to at a site."""
        return Endpoint(site, self.layout.sites[site].host_ip, self.emulated.namespace(site))

    def command_at(self, site: str, words: Sequence[str]) -> list[str]:
        """``words`` as a command that runs on a site's host, on the caller's terminal."""
        return ["mnexec", "-a", str(self.emulated.host(site).pid), *words]

    def hosts(self) -> dict[str, int]:
        """Process ids in this cell of the hosts that are in it, by site."""
        return {site: int(self.emulated.host(site).pid) for site in self.emulated.layout.sites}

    def change_link(self, link: str, properties: LinkProperties) -> None:
        """Give a running link other properties; see ``Pipe.change``."""
        self.pipe.change(link, properties)

    def set_link(self, link: str, *, up: bool) -> None:
        """Cut a link at both ends, or mend it."""
        self.emulated.set_link(link, up=up)

    def enlarge_buffers(self) -> None:
        """See ``Switches.enlarge_buffers``."""
        self.emulated.switches.enlarge_buffers()

    def observe_paths(
        self, pairs: Sequence[tuple[Endpoint, Endpoint]], *, probes: int = 3, dscp: int = 0
    ) -> dict[tuple[str, str], CrossedPath]:
        """The path that probes of each pair really take. See ``measurement.path.observe_paths``."""
        return observe_paths(self.layout, pairs, probes=probes, dscp=dscp, elsewhere=self.elsewhere)

    @property
    def one_clock(self) -> bool:
        """Whether all hosts read the same clock, so that one-way delays mean something."""
        return True

    @property
    def elsewhere(self) -> list[Reach]:
        """How the parts on other machines are reached; here there are none."""
        return []

    def read_back(self, only: Collection[str] = ()) -> list[LinkReading]:
        """What every link, or ``only`` some, really do, measured link by link and direction by direction."""
        return read_back(self.emulated.layout, self.pipe, only=only)


def _http_options(http: tuple[int, Path] | None) -> list[str]:
    if http is None:
        return []
    descriptor, token_file = http
    return ["--http-fd", str(descriptor), "--http-token-file", str(token_file)]
