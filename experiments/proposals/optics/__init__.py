"""Whether light gets through, per candidate, with generic equipment: indicative figures from GNPy.

GNPy is the optional extra ``optics`` (BSD-3). Without it there are no figures but a note that says how to get
it. Spans are the study's ``amplifier_spacing_km``, as the costs have them. See ``docs/proposals-optics.md``.
"""

from __future__ import annotations

from collections.abc import Callable
from time import monotonic

from experiments.proposals.building import link_of
from experiments.proposals.findings import Optics
from experiments.proposals.model import Candidate, Study
from experiments.proposals.optics.extra import note
from experiments.proposals.optics.formats import FORMATS, RATES_GBPS, REFERENCE, SYSTEM_MARGIN_DB, Comb
from experiments.proposals.optics.line import received, spans_for
from experiments.proposals.optics.verdict import closings

__all__ = ["FORMATS", "RATES_GBPS", "SYSTEM_MARGIN_DB", "note", "optics", "optics_of"]

Say = Callable[[str], None]
_SAY_EVERY_S = 1.0


def optics(study: Study, say: Say = lambda sentence: None) -> tuple[Optics, ...]:
    """Every candidate of a study, in its order; empty without the extra (``note`` says why)."""
    if note():
        return ()
    results: list[Optics] = []
    started = said = monotonic()
    for number, candidate in enumerate(study.candidates.values()):
        now = monotonic()
        if number and now - said >= _SAY_EVERY_S:
            left_s = (now - started) / number * (len(study.candidates) - number)
            say(f"optics: {number} of {len(study.candidates)} candidates, about {left_s:.0f} s left")
            said = now
        results.append(optics_of(study, candidate))
    return tuple(results)


def optics_of(study: Study, candidate: Candidate, route_factor: float | None = None) -> Optics:
    """One candidate; ``route_factor`` in place of the study's. Needs the extra: ask ``note`` first."""
    link = link_of(study, candidate, candidate.capacity_steps_gbps[0], route_factor)
    span_km = study.figure("amplifier_spacing_km")

    def gsnr_db(section_km: float, comb: Comb) -> float:
        return received(section_km, spans_for(section_km, span_km), comb).worst_gsnr_db

    spans = spans_for(link.route_km, span_km)
    whole = received(link.route_km, spans, REFERENCE)
    closing = closings(link.route_km, gsnr_db)
    unaided = [rate for rate, how in closing.items() if how.regenerators == 0]
    highest = max(unaided, default=None)
    return Optics(
        candidate=candidate.id,
        route_km=link.route_km,
        spans=spans,
        amplifiers=whole.amplifiers,
        gsnr_db=whole.worst_gsnr_db,
        highest_rate_gbps=highest,
        margin_db=None if highest is None else closing[highest].margin_db,
        regenerators={rate: how.regenerators for rate, how in closing.items()},
        fibre_delay_ms=link.propagation_ms,
    )
