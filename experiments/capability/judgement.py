"""Does a network ask for more than this machine has? Links named, and a scale that fits. Pure.

A machine carries a flow by work at every link and switch it crosses, so over more links than were tried it
carries less, in proportion. Over fewer it might carry more; but there each switch alone can be what is too
slow, so no more is counted on. Nor is all of what was measured: programs that send and receive cost more than
the load it was measured with.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from experiments.capability.asking import Asked
from experiments.results.calibration import Calibration
from topology.emulation.reading import DEFAULT_TOLERANCE

COUNTED_ON = 0.8  # of what was measured
NAMED = 5  # links of a list; a reader counts the others


@dataclass(frozen=True, slots=True)
class Shortfall:
    """One thing that is asked for and not there.

    ``links``: those concerned, the largest first; ``ratio``: asked over what there is, above 1.
    """

    what: str
    links: tuple[str, ...]
    ratio: float

    def __str__(self) -> str:
        names = ", ".join(self.links[:NAMED])
        more = len(self.links) - NAMED
        return f"{self.what}: {names}" + (f" and {more} more" if more > 0 else "") if names else self.what


@dataclass(frozen=True, slots=True)
class Judgement:
    """What is asked beside what there is.

    Attributes:
        rate_scale: the scale proposed, 1:N, at which every rate fits; ``None`` if the present one does.
        full_share: the share of all links' rates that can be carried everywhere at once, both ways; 1 if all.
    """

    scenario: str
    shortfalls: tuple[Shortfall, ...]
    rate_scale: float | None
    full_share: float

    @property
    def fits(self) -> bool:
        """Whether the machine has what is asked for."""
        return not self.shortfalls


def judge(asked: Asked, calibration: Calibration) -> Judgement:
    """Hold what is asked against what was measured."""
    found = [*_links(asked, calibration), *_flow(asked, calibration), *_reserved(asked, calibration)]
    ratio = max((each.ratio for each in found), default=1.0)
    proposed = proposed_scale(asked.rate_scale, ratio) if found and math.isfinite(ratio) else None
    carried_mbps = min(COUNTED_ON * calibration.links_mbps, _carried_mbps(calibration))
    return Judgement(
        scenario=asked.scenario,
        shortfalls=(*found, *_idle(calibration)),
        rate_scale=proposed,
        full_share=min(1.0, carried_mbps / asked.everything_mbps) if asked.everything_mbps else 1.0,
    )


def proposed_scale(rate_scale: float, ratio: float) -> float:
    """The next scale of two digits at which rates are lower by ``ratio`` at least."""
    wanted = rate_scale * ratio
    step = 10.0 ** (math.floor(math.log10(wanted)) - 1)
    return max(1.0, math.ceil(round(wanted / step, 9)) * step)


def _carried_mbps(calibration: Calibration) -> float:
    """What flows can be in all, counted on every link they cross."""
    return _through_mbps(calibration) * calibration.flow.links


def _through_mbps(calibration: Calibration) -> float:
    """What one flow can be over as many links as were tried, or fewer."""
    return COUNTED_ON * calibration.flow.rate_mbps


def _links(asked: Asked, calibration: Calibration) -> list[Shortfall]:
    """Links that are faster than one link, or a flow over it, can be here."""
    has_mbps = min(COUNTED_ON * calibration.one_link_mbps, _through_mbps(calibration))
    beyond = {link: mbps for link, mbps in asked.rates_mbps.items() if _beyond(mbps, has_mbps)}
    if not beyond:
        return []
    links = tuple(sorted(beyond, key=lambda link: -beyond[link]))
    most = beyond[links[0]]
    what = f"links of up to {_mbps(most)}, where one carries {_mbps(has_mbps)} from host to host"
    return [Shortfall(what, links, _ratio(most, has_mbps))]


def _flow(asked: Asked, calibration: Calibration) -> list[Shortfall]:
    """A flow that is too much for the links and switches of its path."""
    flow = asked.flow
    if flow is None:
        return []
    has_mbps = _through_mbps(calibration) * min(1.0, calibration.flow.links / len(flow.links))
    if not _beyond(flow.mbps, has_mbps):
        return []
    what = f"a flow of {_mbps(flow.mbps)} over {len(flow.links)} links, where {_mbps(has_mbps)} come through"
    return [Shortfall(what, flow.links, _ratio(flow.mbps, has_mbps))]


def _reserved(asked: Asked, calibration: Calibration) -> list[Shortfall]:
    """Reservations that cannot all be used at once."""
    has_mbps = _carried_mbps(calibration)
    if not _beyond(asked.reserved_mbps, has_mbps):
        return []
    what = (
        f"reservations of {_mbps(asked.reserved_mbps)}, summed over the links of their paths,"
        f" where {_mbps(has_mbps)} are carried"
    )
    return [Shortfall(what, (), _ratio(asked.reserved_mbps, has_mbps))]


def _idle(calibration: Calibration) -> Sequence[Shortfall]:
    """A machine on which even an idle link is late; no scale helps."""
    late_ms = calibration.added.p50_us / 1e3
    if late_ms <= DEFAULT_TOLERANCE.delay_ms:
        return ()
    allowed = f"{DEFAULT_TOLERANCE.delay_ms:g} ms"
    what = f"every delay within {allowed}, where half of all frames on an idle link are {late_ms:.2f} ms late"
    return (Shortfall(what, (), late_ms / DEFAULT_TOLERANCE.delay_ms),)


def _beyond(asked_mbps: float, has_mbps: float) -> bool:
    return asked_mbps > has_mbps * (1 + 1e-9)  # what fits by division fits by multiplication


def _ratio(asked_mbps: float, has_mbps: float) -> float:
    return asked_mbps / has_mbps if has_mbps > 0 else math.inf


def _mbps(mbps: float) -> str:
    """A rate as a reader wants it."""
    return f"{mbps / 1e3:.3g} Gbit/s" if mbps >= 1000 else f"{mbps:.3g} Mbit/s"
