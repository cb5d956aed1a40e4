"""one-hop: what would direct links change for the hub? The default experiment."""

from __future__ import annotations

from controller.plan import RoutingPlan
from experiments.assembly import link_checks, pair_result
from experiments.battery import Battery, expected_s, measure
from experiments.calibration import allow_for, measure_switch_processing_ms
from experiments.catalog import Experiment
from experiments.hosts import host_of
from experiments.measurement import stamp
from experiments.results import (
    VARIANTS,
    LinkChecks,
    ModelVariant,
    Pair,
    Summary,
    Variant,
    assumptions_of,
    conclude,
    sources_of,
)
from experiments.run import Run
from topology.emulation.layout import Layout
from topology.emulation.readback import LinkReading
from topology.network import Network, TrafficClass
from topology.scenario import load, shipped

BRING_UP_S = 4.0
READ_BACK_S = 6.0


class OneHop(Experiment):
    """Base and proposal, one after the other, under the same probes."""

    name = "one-hop"
    asks = "What would one-hop direct links change for the delay and throughput from the hub?"
    needs = "a base scenario and a proposal that share a source and destinations; root; about 2 GiB of memory"
    spreads = True
    concludes = "per pair: path, delay idle and loaded, throughput, beside model, fibre floor and targets"

    def run(self, run: Run) -> Summary:
        """Measure both networks and set them side by side."""
        readings: dict[Variant, list[LinkReading]] = {}
        processing_ms: dict[Variant, float] = {}
        batteries: dict[Variant, Battery] = {}
        each_s = BRING_UP_S + READ_BACK_S + expected_s(run.depth, len(run.destinations))
        run.expect(2 * each_s)
        source = run.networks["base"].comparison.source
        stamp.sender_template(1, stamp.BASE_BYTES)  # slow once a lab is up
        for variant in VARIANTS:
            run.folder.write_network(variant, run.networks[variant])
            with run.lab(variant) as lab:
                run.say(f"{variant}: reading back {len(lab.layout.links)} links")
                readings[variant] = lab.read_back()
                run.say("measuring the switches' own processing time")
                processing_ms[variant] = measure_switch_processing_ms(lab, readings[variant])
                allow_for(lab, processing_ms[variant])
                run.folder.write_links(link_checks(readings, processing_ms))
                batteries[variant] = measure(run, variant, lab, source)
        return self._summary(run, link_checks(readings, processing_ms), batteries)

    def _summary(self, run: Run, links: LinkChecks, batteries: dict[Variant, Battery]) -> Summary:
        networks = run.networks
        resolved = {v: (n, RoutingPlan.of(n), Layout.of(n)) for v, n in networks.items()}
        pairs = tuple(self._pair(run, site, resolved, batteries) for site in run.destinations)
        manifest = run.folder.manifest
        host = host_of(manifest.host, batteries)
        run.folder.update_manifest(host=host)
        variants = _model_variants(run)
        names = {site.id: site.name for network in networks.values() for site in network.sites.values()}
        return Summary(
            experiment=self.name,
            scenarios=manifest.scenarios,
            rate_scale=manifest.rate_scale,
            backend=manifest.backend,
            verdict=conclude(pairs, links, host.verdict, variants, site_names=names),
            pairs=pairs,
            model_variants=variants,
            assumptions=assumptions_of(*networks.values()),
            sources=sources_of(*networks.values()),
            host=host,
        )

    def _pair(
        self,
        run: Run,
        site: str,
        resolved: dict[Variant, tuple[Network, RoutingPlan, Layout]],
        batteries: dict[Variant, Battery],
    ) -> Pair:
        base = run.networks["base"]
        source = base.comparison.source
        floor_rtt_ms = 2 * base.floor_one_way_ms(source, site)
        return Pair(
            source=source,
            destination=site,
            source_name=base.sites[source].name,
            destination_name=base.sites[site].name,
            region=base.sites[site].region,
            floor_rtt_ms=round(floor_rtt_ms, 6),
            **{
                variant: pair_result(
                    *resolved[variant], batteries[variant], site, floor_rtt_ms, run.depth.utilisation
                )
                for variant in VARIANTS
            },
        )


def _model_variants(run: Run) -> tuple[ModelVariant, ...]:
    """Other shipped steps from the same base, by the model: how much would a cheaper one bring?"""
    base, proposal = run.networks["base"], run.networks["proposal"]
    found = []
    for name in shipped():
        network = load(name)
        if network.base != base.id or network.id == proposal.id or network.routing.reserved is not None:
            continue
        plan = RoutingPlan.of(network)
        source = base.comparison.source
        predicted = {
            site: round(2 * path.latency_ms, 6)
            for site in run.destinations
            if (path := plan.paths.get((source, site, TrafficClass.COMPUTE))) is not None
        }
        found.append(ModelVariant(id=network.id, title=network.title, predicted_rtt_ms=predicted))
    return tuple(found)
