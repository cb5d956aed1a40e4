"""What the controller knows at one moment, as a value that any thread may read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from controller.admission import Standing
from controller.entries import FlowTable
from controller.plan import RoutingPlan
from controller.reservations import Reservation


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The state after the last change was carried out.

    Attributes:
        number: counts snapshots; two of the same number are the same.
        plan: the routes of best-effort and *compute* traffic.
        tables: what each switch should hold, by site.
        failed_links: in the order of the scenario.
        reservations: as they were admitted, by the demand's id, in order.
        standing: where their packets go at present.
        pending: switches that have not confirmed what a reservation needs there, by the demand's id;
            reservations without any are absent.
        switches: the connected switches by site, and whether they hold their tables.
    """

    number: int
    plan: RoutingPlan
    tables: Mapping[str, FlowTable]
    failed_links: tuple[str, ...]
    reservations: Mapping[str, Reservation]
    standing: Standing
    pending: Mapping[str, tuple[str, ...]]
    switches: Mapping[str, bool]
