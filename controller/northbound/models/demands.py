"""Demands and the promises made to them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

from pydantic import Field

from controller.admission import Held, State
from controller.northbound.models.base import Out
from controller.reservations import Reservation, ReservedPath
from topology.emulation.layout import Layout
from topology.network import Demand, Protection, TrafficClass, Transport


class DemandOut(Out):
    """A demand, in the words of a scenario file."""

    from_: Annotated[str, Field(alias="from")]
    to: str
    service: str | None
    rate_gbps: float
    burst_mbit: float
    max_one_way_ms: float | None
    class_: Annotated[TrafficClass, Field(alias="class")]
    protection: Protection
    avoid_sites: list[str]
    avoid_operators: list[str]
    max_hops: int | None
    transport: Transport

    @classmethod
    def of(cls, demand: Demand) -> DemandOut:
        """One demand."""
        return cls(
            from_=demand.source,
            to=demand.destination,
            service=demand.service or None,
            rate_gbps=demand.rate_gbps,
            burst_mbit=demand.burst_mbit,
            max_one_way_ms=demand.max_one_way_ms,
            class_=demand.traffic_class,
            protection=demand.protection,
            avoid_sites=list(demand.avoid_sites),
            avoid_operators=list(demand.avoid_operators),
            max_hops=demand.max_hops,
            transport=demand.transport,
        )


class ReservedPathOut(Out):
    """A path with a promise."""

    sites: list[str]
    propagation_ns: int
    bound_ns: int
    """No packet of the flow, sent within its contract, takes longer."""

    @classmethod
    def of(cls, path: ReservedPath | None) -> ReservedPathOut | None:
        """A path, if there is one."""
        if path is None:
            return None
        return cls(sites=list(path.sites), propagation_ns=path.propagation_ns, bound_ns=path.bound_ns)


class ReservationOut(Out):
    """An admitted demand, as it was admitted."""

    id: str
    demand: DemandOut
    source_ip: str
    destination_ip: str
    port: int
    """Destination port of its packets, by which the network knows them."""
    rate_bps: int
    """What its meter lets through, in bits of Ethernet frames a second, at `rate_scale`."""
    burst_bits: int
    primary: ReservedPathOut
    backup: ReservedPathOut | None
    failover_bound_ns: int | None
    """Bound on a packet that meets a cut and takes the backup."""

    @classmethod
    def of(cls, reservation: Reservation, layout: Layout) -> ReservationOut:
        """One reservation."""
        return cls(**_reservation(reservation, layout))


class HeldOut(ReservationOut):
    """A reservation as it stands now."""

    state: State
    """`on-primary` is as admitted; `broken`: no path keeps the promise at present."""
    primary_now: ReservedPathOut | None
    backup_now: ReservedPathOut | None
    broken_because: str | None
    pending_sites: list[str]
    """Sites whose switches have not confirmed yet what it takes there."""

    @classmethod
    def held(cls, held: Held, layout: Layout, pending: Sequence[str]) -> HeldOut:
        """One reservation and its state."""
        return cls(
            **_reservation(held.reservation, layout),
            state=held.state,
            primary_now=ReservedPathOut.of(held.primary),
            backup_now=ReservedPathOut.of(held.backup),
            broken_because=held.refusal.reason if held.refusal is not None else None,
            pending_sites=list(pending),
        )


def _reservation(reservation: Reservation, layout: Layout) -> dict[str, Any]:
    demand = reservation.demand
    return {
        "id": reservation.id,
        "demand": DemandOut.of(demand),
        "source_ip": layout.sites[demand.source].host_ip,
        "destination_ip": layout.sites[demand.destination].host_ip,
        "port": reservation.port,
        "rate_bps": reservation.rate_bps,
        "burst_bits": reservation.burst_bits,
        "primary": ReservedPathOut.of(reservation.primary),
        "backup": ReservedPathOut.of(reservation.backup),
        "failover_bound_ns": reservation.failover_bound_ns,
    }


class DemandsOut(Out):
    """The admitted demands, in the order of admission."""

    rate_scale: float
    """Rates and bursts of reservations are real ones divided by this."""
    failed_links: list[str]
    total: int
    offset: int
    demands: list[HeldOut]
