"""From what was measured to what is told: outcomes and bounds into the values of the summary. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from controller.reservations import Reservation
from experiments.determinism.bounds import FlowBound
from experiments.determinism.cast import CROWD, LIAR
from experiments.measurement.contract import AdversaryReport, FlowOutcome, policed_bits
from experiments.results.determinism import (
    ClassCheck,
    Crowd,
    Delays,
    Flooded,
    Liar,
    Processing,
    PromisedFlow,
    Sent,
)
from topology.emulation.layout import Layout
from topology.emulation.readback import LinkReading
from topology.network import Network

Outcomes = Mapping[str, FlowOutcome]
_MS = 1e6


def promised_flow(
    network: Network,
    one: Reservation,
    bound: FlowBound,
    real_ns: int | None,
    idle: FlowOutcome,
    loaded: FlowOutcome,
    best_effort: FlowOutcome,
) -> PromisedFlow:
    """Everything about one flow."""
    processing = processing_of(idle, bound.propagation_ns)
    processing_ns = processing.max_ms * _MS
    tight_ns = bound.guaranteed_ns if bound.tight_ns is None else bound.tight_ns
    return PromisedFlow(
        id=one.id,
        source=one.demand.source,
        destination=one.demand.destination,
        source_name=network.sites[one.demand.source].name,
        destination_name=network.sites[one.demand.destination].name,
        path=one.primary.sites,
        rate_mbps=one.rate_bps / 1e6,
        burst_bits=one.burst_bits,
        propagation_ms=_ms(bound.propagation_ns),
        promised_ms=_ms(one.primary.bound_ns),
        guaranteed_ms=_ms(bound.guaranteed_ns),
        tight_ms=None if bound.tight_ns is None else _ms(bound.tight_ns),
        real_ms=None if real_ns is None else _ms(real_ns),
        processing=processing,
        sent=sent_of(loaded),
        idle=delays_of(idle),
        loaded=delays_of(loaded),
        best_effort=delays_of(best_effort),
        beyond_bound=_later(loaded, bound.guaranteed_ns),
        violations=_later(loaded, bound.guaranteed_ns + processing_ns),
        beyond_tight=_later(loaded, tight_ns + processing_ns),
        best_effort_beyond=_later(best_effort, bound.guaranteed_ns),
    )


def processing_of(idle: FlowOutcome, propagation_ns: int) -> Processing:
    """What the emulator itself takes. A flow of which nothing came leaves nothing to allow for."""
    beyond = Delays.of([max(0, delay - propagation_ns) for delay in idle.delays_ns], sent=idle.sent, lost=0)
    return Processing(
        packets=len(idle.delays_ns),
        p50_ms=beyond.p50_ms or 0.0,
        p99_ms=beyond.p99_ms or 0.0,
        p999_ms=beyond.p999_ms or 0.0,
        max_ms=beyond.max_ms or 0.0,
    )


def delays_of(outcome: FlowOutcome) -> Delays:
    """The delays of a flow condensed."""
    return Delays.of(
        outcome.delays_ns,
        sent=outcome.sent,
        lost=outcome.lost,
        duplicated=outcome.duplicated,
        reordered=outcome.reordered,
    )


def sent_of(outcome: FlowOutcome) -> Sent:
    """What a flow sent, against its contract."""
    found = outcome.conformance
    return Sent(
        packets=found.packets,
        mbps=_mbps(found.bits, outcome.seconds),
        largest_burst_bits=found.deepest_bits,
        excess_bits=found.excess_bits,
        conforming=found.conforming,
    )


def liar_of(one: Reservation | None, outcomes: Outcomes) -> Liar | None:
    """The flow that lies, if there was room for it."""
    if one is None:
        return None
    outcome = outcomes[LIAR]
    due_bits = policed_bits(outcome.departures, one.rate_bps, one.burst_bits)
    return Liar(
        rate_mbps=one.rate_bps / 1e6,
        burst_bits=one.burst_bits,
        path=one.primary.sites,
        sent_mbps=_mbps(outcome.conformance.bits, outcome.seconds),
        received_mbps=_mbps(outcome.received_bits, outcome.seconds),
        due_mbps=_mbps(due_bits, outcome.seconds),
        sent=outcome.sent,
        lost=outcome.lost,
    )


def crowd_of(outcomes: Outcomes) -> Crowd:
    """Best effort from host to host."""
    outcome = outcomes[CROWD]
    return Crowd(
        source=outcome.flow.source.site,
        destination=outcome.flow.destination.site,
        sent=outcome.sent,
        lost=outcome.lost,
        sent_mbps=_mbps(outcome.conformance.bits, outcome.seconds),
    )


def flooded_of(layout: Layout, report: AdversaryReport, dropped: Mapping[str, int]) -> tuple[Flooded, ...]:
    """What was offered to each queue, and what it dropped (by switch-side interface)."""
    ends = {
        end.interface: (end.site, other.site, link.properties.rate_mbps)
        for link in layout.links.values()
        for end, other in ((link.a, link.b), (link.b, link.a))
    }
    found = []
    for number, (load, offered) in enumerate(zip(report.loads, report.offered, strict=True)):
        source, destination, rate_mbps = ends[load.interface]
        found.append(
            Flooded(
                link=load.link,
                source=source,
                destination=destination,
                rate_mbps=rate_mbps,
                offered_mbps=round(report.offered_mbps(number), 3),
                offered=offered,
                dropped=dropped.get(load.interface, 0),
            )
        )
    return tuple(found)


def class_checks(readings: Iterable[LinkReading]) -> tuple[ClassCheck, ...]:
    """Every class of the links read back, both directions."""
    return tuple(
        ClassCheck(
            link=reading.link,
            source=reading.source,
            destination=reading.destination,
            name=str(each.declared.name),
            declared_mbps=each.declared.rate_bps / 1e6,
            set_mbps=each.said and each.said.rate_bps / 1e6,
            burst_bytes=each.said and each.said.burst_bytes,
            queue_bytes=each.said and each.said.queue_bytes,
            achieved_mbps=None if each.rate_mbps is None else round(each.rate_mbps, 4),
        )
        for reading in readings
        for each in reading.classes
    )


def _later(outcome: FlowOutcome, than_ns: float) -> int:
    return sum(delay > than_ns for delay in outcome.delays_ns)


def _mbps(bits: int, seconds: float) -> float:
    return round(bits / seconds / 1e6, 4) if seconds > 0 else 0.0


def _ms(nanoseconds: int) -> float:
    return round(nanoseconds / _MS, 6)
