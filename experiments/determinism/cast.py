"""Who sends what: admitted flows, one that lies about its rate, and best effort that fills their links."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import pairwise

from controller.admission import Admission
from controller.plan import RoutingPlan
from controller.reservations import Refusal, Reservation
from experiments.lab import Lab
from experiments.measurement.contract import Behaviour, ContractFlow, Load
from topology.emulation.layout import Layout
from topology.errors import InputError, Problem
from topology.network import Demand, Network, Protection, Provenance, TrafficClass

LIAR = "liar"
CROWD = "crowd"
LIES = 3  # how many times its contract the liar sends
OVERLOAD = 3.0  # best effort offered to a link, over its rate
CROWD_PACKETS_PER_S = 250  # from host to host, through the switches; more would load the machine only
CROWD_BYTES = 1400
LIAR_SHARE = 0.5  # of the rate of the flow whose way it shares
UNRESERVED_PORT = 40_000
_CROWD_PORT = 41_000


@dataclass(frozen=True)
class Cast:
    """All that take part.

    Attributes:
        network: the scenario, with the liar's demand.
        reservations: what is admitted, by the demand's id, the liar's included.
        refusals: demands of the scenario that were refused.
    """

    network: Network
    reservations: Mapping[str, Reservation]
    refusals: tuple[Refusal, ...]

    @classmethod
    def of(cls, network: Network) -> Cast:
        """Ask for all reserved demands, as the controller does, the liar's last.

        Raises ``InputError`` if the scenario has none, or none is admitted.
        """
        wanted = [d for d in network.demands.values() if d.traffic_class is TrafficClass.RESERVED]
        if network.routing.reserved is None or not wanted:
            raise InputError(
                "the scenario has no reserved demands",
                where=network.id,
                hint="for example: onehop run determinism --scenario tiny-deterministic",
            )
        if LIAR in network.demands:
            raise InputError(f"the demand id {LIAR!r} is used by the experiment", where=network.id)
        liar = _liar(wanted[0])
        network = replace(network, demands={**network.demands, LIAR: liar})
        admission = Admission(network, rate_scale=network.rate_scale)
        answers = [admission.ask(demand) for demand in (*wanted, liar)]
        refusals = tuple(a for a in answers if isinstance(a, Refusal) and a.demand.id != LIAR)
        if len(refusals) == len(wanted):
            raise InputError.of([Problem(one.reason, f"demand {one.demand.id}") for one in refusals])
        return cls(network, dict(admission.reservations), refusals)

    @property
    def honest(self) -> list[Reservation]:
        """The reservations whose flows keep to their contracts."""
        return [one for one in self.reservations.values() if one.id != LIAR]

    @property
    def liar(self) -> Reservation | None:
        """The reservation of the flow that lies; ``None`` if there was no room for it."""
        return self.reservations.get(LIAR)

    def flows(self, lab: Lab, behaviour: Behaviour = Behaviour.GREEDY) -> list[ContractFlow]:
        """The honest flows."""
        return [replace(_flow(lab, one), behaviour=behaviour) for one in self.honest]

    def unreserved(self, lab: Lab) -> list[ContractFlow]:
        """The same flows to ports that nothing is reserved for."""
        return [replace(flow, port=UNRESERVED_PORT + number) for number, flow in enumerate(self.flows(lab))]

    def lying(self, lab: Lab) -> list[ContractFlow]:
        """The liar's flow, at what it really sends."""
        if self.liar is None:
            return []
        flow = _flow(lab, self.liar)
        return [
            replace(flow, rate_bps=LIES * flow.rate_bps, burst_bits=LIES * flow.burst_bits, counted=False)
        ]

    def crowd(self, lab: Lab) -> list[ContractFlow]:
        """Best effort between the hosts of the first flow."""
        first = self.honest[0].demand
        bits = 8 * CROWD_BYTES
        return [
            ContractFlow(
                id=CROWD,
                source=lab.endpoint(first.source),
                destination=lab.endpoint(first.destination),
                port=_CROWD_PORT,
                rate_bps=CROWD_PACKETS_PER_S * bits,
                burst_bits=bits + CROWD_PACKETS_PER_S * bits // 1000,
                behaviour=Behaviour.STEADY,
                counted=False,
            )
        ]

    def loads(self, layout: Layout) -> list[Load]:
        """Best effort into every link direction that a flow crosses, reserved or not."""
        crossed = self.crossed
        return [
            Load(link.link, end.interface, OVERLOAD * link.properties.rate_mbps)
            for link in layout.links.values()
            for end, other in ((link.a, link.b), (link.b, link.a))
            if (end.site, other.site) in crossed
        ]

    def links(self, layout: Layout) -> list[str]:
        """The links that a flow crosses, in the scenario's order."""
        crossed = self.crossed
        return [
            link.link
            for link in layout.links.values()
            if (link.a.site, link.b.site) in crossed or (link.b.site, link.a.site) in crossed
        ]

    @cached_property
    def crossed(self) -> frozenset[tuple[str, str]]:
        """The link directions that a flow crosses, reserved or not, as ``(from, to)``."""
        plan = RoutingPlan.of(self.network)
        ways: list[Sequence[str]] = []
        for one in self.reservations.values():
            ways.append(one.primary.sites)
            ways.append(plan.path(one.demand.source, one.demand.destination, TrafficClass.BEST_EFFORT).sites)
        return frozenset(hop for way in ways for hop in pairwise(way))


def real_bounds_ns(demands: Iterable[Demand], network: Network) -> dict[str, int]:
    """The bound that each demand would be promised on the real network, by id; those refused are missing."""
    admission = Admission(network)
    for demand in demands:
        admission.ask(demand)
    return {name: one.primary.bound_ns for name, one in admission.reservations.items()}


def _liar(neighbour: Demand) -> Demand:
    """A demand along the way of another, without protection or limit."""
    return Demand(
        id=LIAR,
        source=neighbour.source,
        destination=neighbour.destination,
        rate_gbps=LIAR_SHARE * neighbour.rate_gbps,
        traffic_class=TrafficClass.RESERVED,
        burst_mbit=LIAR_SHARE * neighbour.burst_mbit,
        protection=Protection.NONE,
        provenance=Provenance(assumption="Added by the experiment: it sends three times what it asked for."),
    )


def _flow(lab: Lab, one: Reservation) -> ContractFlow:
    return ContractFlow(
        id=one.id,
        source=lab.endpoint(one.demand.source),
        destination=lab.endpoint(one.demand.destination),
        port=one.port,
        rate_bps=one.rate_bps,
        burst_bits=one.burst_bits,
    )
