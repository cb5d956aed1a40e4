"""Which rates close over a route, and how many regenerators the others need.

A rate closes if the GSNR of the worst channel exceeds what its format needs by the system margin. A
regenerator ends the light and sends it anew: ``n`` of them make ``n + 1`` equal sections, each a line of its
own. Of several formats for one rate the one with the fewest regenerators counts, then the most margin.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import ceil

from experiments.proposals.optics.formats import FORMATS, SYSTEM_MARGIN_DB, Comb, Format

MOST_REGENERATORS = 50  # beyond it nobody would build the rate: it "never closes"

GsnrDb = Callable[[float, Comb], float]  # length in km, comb -> worst channel's GSNR in 0.1 nm


@dataclass(frozen=True, slots=True)
class Closing:
    """One rate over one route: the format, the regenerators, and the margin of its sections in dB."""

    format: Format
    regenerators: int
    margin_db: float

    @property
    def closes(self) -> bool:
        return self.margin_db >= SYSTEM_MARGIN_DB


def closings(route_km: float, gsnr_db: GsnrDb, formats: Sequence[Format] = FORMATS) -> dict[float, Closing]:
    """For each rate that can be made to close, how; rates ascend."""
    found: dict[float, Closing] = {}
    for candidate in sorted(formats, key=lambda entry: entry.rate_gbps):
        closing = _closing(route_km, gsnr_db, candidate)
        best = found.get(candidate.rate_gbps)
        if closing is not None and (best is None or _order(closing) < _order(best)):
            found[candidate.rate_gbps] = closing
    return found


def _order(closing: Closing) -> tuple[int, float]:
    return closing.regenerators, -closing.margin_db


def _closing(route_km: float, gsnr_db: GsnrDb, candidate: Format) -> Closing | None:
    """The fewest regenerators with which a format closes; ``None``: not with ``MOST_REGENERATORS``.

    Noise adds up span by span, so that a section of half the length has about half of it. That gives a first
    guess; single steps from it, each propagated, settle the number.
    """

    def at(regenerators: int) -> Closing:
        section_km = route_km / (regenerators + 1)
        margin_db = gsnr_db(section_km, candidate.comb) - candidate.required_gsnr_db
        return Closing(candidate, regenerators, margin_db)

    closing = at(0)
    if closing.closes:
        return closing
    ratio = 10 ** ((SYSTEM_MARGIN_DB - closing.margin_db) / 10)  # of the noise to what the format bears
    closing = at(min(MOST_REGENERATORS, max(1, ceil(ratio) - 1)))
    while not closing.closes and closing.regenerators < MOST_REGENERATORS:
        closing = at(closing.regenerators + 1)
    if not closing.closes:
        return None
    while closing.regenerators > 1 and (fewer := at(closing.regenerators - 1)).closes:
        closing = fewer
    return closing
