"""determinism: is a promised delay kept, packet by packet, whatever others send?"""

from __future__ import annotations

from collections.abc import Mapping

from experiments.assembly import link_checks
from experiments.catalog import Experiment
from experiments.determinism import telling
from experiments.determinism.bounds import flow_bounds, read_back_services
from experiments.determinism.cast import LIAR, OVERLOAD, Cast, real_bounds_ns
from experiments.determinism.phases import Measured, expected_s, measure
from experiments.determinism.verdict import conclude
from experiments.hosts import MAX_BUSY_RATIO, host_verdict, load_of
from experiments.lab import Lab
from experiments.results import LinkChecks, Variant
from experiments.results.determinism import DeterminismSummary
from experiments.run import Run
from topology.emulation.readback import LinkReading
from topology.errors import EmulationError
from topology.network import Network

BRING_UP_S = 5.0
READ_BACK_S = 3.0


class Determinism(Experiment):
    """Admitted flows that take all they may, among best effort and a flow that lies about its rate."""

    name = "determinism"
    asks = "Do admitted flows keep their delay bound, packet by packet, whatever others send?"
    needs = "a scenario with reserved demands; root; about 2 GiB of memory"
    concludes = "per flow: worst delay beside its bound, losses, violations; the same without reservations"
    scenario = "qingyang-deterministic"

    @classmethod
    def check(cls, networks: Mapping[Variant, Network]) -> None:
        """There must be demands to admit."""
        Cast.of(networks["base"])

    def run(self, run: Run) -> DeterminismSummary:
        """Bring the network up once, and send through it three times."""
        cast = Cast.of(run.network)
        run.expect(BRING_UP_S + READ_BACK_S + expected_s(cast, run.depth.packets))
        run.folder.write_network("base", cast.network)
        # Nothing fails here, and the processors that BFD takes are needed for packets.
        with Lab(cast.network, run.options, run.say, watch=False) as lab:
            _same_promises(lab, cast)
            crossed = cast.links(lab.layout)
            run.say(f"reading back the {len(crossed)} links that are used, and their classes")
            readings = lab.read_back(crossed)
            links = link_checks({"base": readings}, {})
            run.folder.write_links(links)
            measured = measure(run, lab, cast)
            return _summary(run, lab, cast, readings, links, measured)


def _summary(
    run: Run, lab: Lab, cast: Cast, readings: list[LinkReading], links: LinkChecks, measured: Measured
) -> DeterminismSummary:
    services = read_back_services(cast.network, readings)
    bounds = flow_bounds(list(cast.reservations.values()), services, lying=(LIAR,))
    real_ns = real_bounds_ns((one.demand for one in cast.honest), cast.network)
    flows = tuple(
        telling.promised_flow(
            cast.network,
            one,
            bounds[one.id],
            real_ns.get(one.id),
            measured.idle[one.id],
            measured.loaded[one.id],
            measured.best_effort[one.id],
        )
        for one in cast.honest
    )
    watch = measured.host
    verdict = host_verdict(watch.busy_ratio, too_busy=watch.too_busy(MAX_BUSY_RATIO))
    manifest = run.folder.manifest
    host = manifest.host.model_copy(update={"load": {"base": load_of(watch)}, "verdict": verdict})
    run.folder.update_manifest(host=host)
    flooded = telling.flooded_of(lab.layout, measured.adversary, measured.dropped)
    liar = telling.liar_of(cast.liar, measured.loaded)
    return DeterminismSummary(
        experiment=Determinism.name,
        scenarios=manifest.scenarios,
        rate_scale=manifest.rate_scale,
        backend=manifest.backend,
        verdict=conclude(flows, liar, flooded, run.depth.packets, OVERLOAD, links, verdict),
        packets=sum(flow.loaded.sent for flow in flows),
        lost=sum(flow.loaded.lost for flow in flows),
        duplicated=sum(flow.loaded.duplicated for flow in flows),
        beyond_bound=sum(flow.beyond_bound for flow in flows),
        beyond_tight=sum(flow.beyond_tight for flow in flows),
        violations=sum(flow.violations for flow in flows),
        method=next(iter(bounds.values())).method,
        flows=flows,
        refused={refusal.demand.id: refusal.reason for refusal in cast.refusals},
        liar=liar,
        crowd=telling.crowd_of(measured.loaded),
        flooded=flooded,
        classes=telling.class_checks(readings),
        host=host,
    )


def _same_promises(lab: Lab, cast: Cast) -> None:
    """The controller must have admitted what we computed, by the same paths; else all would be beside it."""
    told = {
        event["id"]: tuple(event["path"]) for event in lab.controller.events if event["event"] == "admitted"
    }
    ours = {name: one.primary.sites for name, one in cast.reservations.items()}
    if told != ours:
        wrong = sorted(name for name in ours.keys() | told.keys() if ours.get(name) != told.get(name))
        raise EmulationError(f"the controller answered otherwise than admission: {', '.join(wrong)}")
