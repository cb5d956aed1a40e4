"""Which demands of a scenario are admitted, and which links their protection has to watch. Pure."""

from __future__ import annotations

from collections.abc import Mapping

from controller.admission import Admission
from controller.reservations import Reservation
from topology.network import Network, TrafficClass


def asked(network: Network) -> Admission:
    """Admission with the scenario's demands asked in order, at the emulated scale, as the controller does.

    Raises ``InputError`` if the scenario sets nothing aside for reserved traffic.
    """
    admission = Admission(network, rate_scale=network.rate_scale)
    for demand in network.demands.values():
        if demand.traffic_class is TrafficClass.RESERVED:
            admission.ask(demand)
    return admission


def admitted(network: Network) -> Mapping[str, Reservation]:
    """The scenario's reservations; none if it sets nothing aside for them."""
    return {} if network.routing.reserved is None else asked(network).reservations


def protected(reservations: Mapping[str, Reservation]) -> dict[str, Reservation]:
    """The reservations with a backup."""
    return {name: one for name, one in reservations.items() if one.backup is not None}


def protected_links(network: Network, reservations: Mapping[str, Reservation]) -> tuple[str, ...]:
    """The links of protected reservations, primary and backup, in the scenario's order."""
    paths = [path for one in reservations.values() if one.backup for path in (one.primary, one.backup)]
    used = {link.id for path in paths for link in network.path_links(path.sites)}
    return tuple(link for link in network.links if link in used)
