"""The network between two machines takes its time: a link that crosses it adds so much less of its own."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from topology.emulation.layout import LinkLayout
from topology.emulation.links import LinkProperties
from topology.errors import InputError, Problem


def compensated(link: LinkLayout, underlay_one_way_ms: float) -> LinkProperties:
    """What the pipe of ``link`` must do so that pipe and underlay together do what is declared.

    The underlay is taken to add the same delay to every packet, so jitter and loss remain those declared.
    Raises ``InputError`` if the link's shortest delay (its delay less the jitter) is below the underlay's.
    """
    if (problem := shortfall(link, underlay_one_way_ms)) is not None:
        raise InputError.of([problem])
    declared = link.properties
    return replace(
        declared,
        delay_ms=round(declared.delay_ms - underlay_one_way_ms, 6),
        jitter_ms=declared.achievable_jitter_ms,
    )


def check_delays(links: Iterable[tuple[LinkLayout, float]]) -> None:
    """Raise ``InputError`` that names every link faster than its underlay, given with its one-way delay."""
    problems = [problem for link, delay_ms in links if (problem := shortfall(link, delay_ms)) is not None]
    if problems:
        raise InputError.of(problems)


def shortfall(link: LinkLayout, underlay_one_way_ms: float) -> Problem | None:
    """Why ``link`` cannot cross an underlay of this delay; ``None`` if it can."""
    least_ms = link.properties.least_delay_ms
    if least_ms >= underlay_one_way_ms:
        return None
    what = f"the link promises a packet after {least_ms:.3f} ms"
    if link.properties.jitter_ms:
        what += f" ({link.properties.delay_ms:.3f} ms less its jitter)"
    what += f", but the network between its machines alone takes {underlay_one_way_ms:.3f} ms"
    hint = "use fewer machines, leave each more room (balance), or use a faster network between them"
    return Problem(what, link.link, hint)
