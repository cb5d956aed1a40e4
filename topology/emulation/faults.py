"""What goes wrong in networks, done to an emulated one on purpose, and undone.

============== ======================================================================================
carrier        the fibre is cut: both ends lose light; frames under way are lost
silent loss    one direction or both carry nothing, and both ends keep light: a broken amplifier, a
               mis-spliced pair, a transport network that hides the fault
dead switch    a site's switch process ends as by ``kill -9``. Its neighbours keep light, as behind a
               transport network. Where one process serves all sites (kernel datapath) all ports of
               the site are taken down instead: nothing enters or leaves, but the process lives and
               its controller hears of the ports
============== ======================================================================================

Each call says when it began and when it was done, in ns of CLOCK_MONOTONIC.
"""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from topology.emulation.interfaces import set_interfaces

if TYPE_CHECKING:
    from topology.emulation.layout import LinkEnd
    from topology.emulation.network import EmulatedNetwork

_PRIORITY = 2  # of SCHED_FIFO; the switches have 1


@dataclass(frozen=True, slots=True)
class Moment:
    """When something was done to the network: between these two, ns of CLOCK_MONOTONIC."""

    begun_ns: int
    done_ns: int


class Faults:
    """Breaks and mends links and switches of a running network.

    Links and sites are named as in the layout; an unknown one raises ``KeyError``.
    """

    def __init__(self, network: EmulatedNetwork) -> None:
        self._network = network
        self._layout = network.layout

    def cut(self, *links: str, first: str = "") -> Moment:
        """Take the carrier of links away, at both ends; at the site ``first`` before any other.

        The kernel takes one after the other, and for each waits until no processor sends by it any more (an
        RCU grace period, net/core/dev.c): below a millisecond, on a machine that is busy up to five.
        """
        ends = sorted(self._ends(links), key=lambda end: end.site != first)
        return _timed(lambda: set_interfaces([end.interface for end in ends], up=False))

    def mend(self, *links: str) -> Moment:
        """Give links their carrier back."""
        ends = self._ends(links)
        return _timed(lambda: set_interfaces([end.interface for end in ends], up=True))

    def silence(self, link: str, from_site: str = "") -> Moment:
        """Lose everything on a link; only what comes from one of its ends if ``from_site`` names it."""
        ends = self._layout.links[link]
        if from_site not in ("", ends.a.site, ends.b.site):
            raise KeyError(from_site)
        forth, back = from_site in ("", ends.a.site), from_site in ("", ends.b.site)
        return _timed(lambda: self._network.pipe.silence(link, forth=forth, back=back))

    def restore(self, link: str) -> Moment:
        """End the silence of a link."""
        return _timed(lambda: self._network.pipe.silence(link, forth=False, back=False))

    def kill_switch(self, site: str) -> Moment:
        """End a site's switch."""
        if self._network.switches.has_own_process(site):
            return _timed(lambda: self._network.switches.kill_switch(site))
        return _timed(lambda: set_interfaces(self._ports(site), up=False))

    def revive_switch(self, site: str) -> Moment:
        """Bring a site's switch back, empty where its process had died."""
        if self._network.switches.has_own_process(site):
            return _timed(lambda: self._network.switches.revive_switch(site))
        return _timed(lambda: set_interfaces(self._ports(site), up=True))

    def _ends(self, links: tuple[str, ...]) -> list[LinkEnd]:
        return [end for link in links for end in (self._layout.links[link].a, self._layout.links[link].b)]

    def _ports(self, site: str) -> list[str]:
        return [name for name, (owner, _link) in self._layout.interface_owner.items() if owner == site]


def _timed(work: Callable[[], None]) -> Moment:
    with _before_the_switches():
        begun_ns = time.monotonic_ns()
        work()
        return Moment(begun_ns, time.monotonic_ns())


@contextlib.contextmanager
def _before_the_switches() -> Iterator[None]:
    """Run this thread before the switches, which run before ordinary ones (``switches``).

    Else a switch that hears of the first end of a cut fibre keeps the second one waiting. Where the machine
    does not permit it, a cut takes some milliseconds longer.
    """
    policy, parameters = os.sched_getscheduler(0), os.sched_getparam(0)
    with contextlib.suppress(OSError):
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(_PRIORITY))
    try:
        yield
    finally:
        with contextlib.suppress(OSError):
            os.sched_setscheduler(0, policy, parameters)
