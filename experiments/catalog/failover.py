"""failover: what becomes of protected traffic when links and switches fail."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from experiments.catalog import Experiment
from experiments.failover.alarms import PACKETS_PER_S, watch_for_alarms
from experiments.failover.bench import Bench
from experiments.failover.kinds import Kind
from experiments.failover.record import TrialFile
from experiments.failover.subjects import TRANSIT_DEMAND, targets, with_transit
from experiments.failover.summary import Alarms, Detection, FailoverSummary, ProtectedFlow, condensed
from experiments.failover.trial import Trial, run_trial
from experiments.failover.verdict import verdict_of
from experiments.measurement.host_load import HostLoad
from experiments.results import Host, Variant
from experiments.results import HostLoad as HostLoadResult
from experiments.run import Run
from topology.emulation.bfd import BfdTimers
from topology.network import Network

TRIALS = "trials.jsonl"
BRING_UP_S = 6.0
TRIAL_S = 3.8


class Failover(Experiment):
    """Every kind of fault in turn, again and again, under steady traffic."""

    name = "failover"
    asks = "How long is protected traffic interrupted when a fibre, a switch or the controller fails?"
    needs = "a scenario with protected reserved demands; root; about half an hour, --quick under a minute"
    concludes = "per kind of fault: interruption, lost and doubled packets, detection, repair; false alarms"
    scenario = "tiny-deterministic"

    @classmethod
    def check(cls, networks: Mapping[Variant, Network]) -> None:
        """There must be something protected."""
        with_transit(networks["base"])

    def run(self, run: Run) -> FailoverSummary:
        """Watch for false alarms, then try every kind of fault."""
        network = with_transit(run.network)
        run = replace(run, networks={"base": network})
        run.folder.write_network("base", network)
        depth = run.depth
        run.expect(BRING_UP_S + depth.watch_s + depth.repetitions * len(Kind) * TRIAL_S)
        trials: list[Trial] = []
        alarms: Alarms | None = None
        load = HostLoad()
        with run.lab() as lab, TrialFile(run.folder.path / TRIALS) as file, load:
            run.say("waiting until every flow is on its path")
            if depth.watch_s > 0:
                with Bench(lab, most_packets_per_s=PACKETS_PER_S) as quiet:
                    quiet.settle()
                    alarms = watch_for_alarms(quiet, depth.watch_s, run.options.seed, run.say)
            with Bench(lab) as bench:
                bench.settle()
                where = {kind: targets(kind, network, bench.flows) for kind in Kind}
                # Kind by kind within each repetition: whatever changes meanwhile concerns all of them.
                for repetition in range(depth.repetitions):
                    for kind in (kind for kind in Kind if where[kind]):
                        run.say(f"{kind}, {repetition + 1} of {depth.repetitions}")
                        target = where[kind][repetition % len(where[kind])]
                        trials.append(run_trial(bench, kind, repetition, target))
                        file.add(trials[-1])
        return self._summary(run, network, bench, trials, alarms, load)

    def _summary(
        self,
        run: Run,
        network: Network,
        bench: Bench,
        trials: list[Trial],
        alarms: Alarms | None,
        load: HostLoad,
    ) -> FailoverSummary:
        manifest = run.folder.manifest
        host = _with_load(manifest.host, load)
        run.folder.update_manifest(host=host)
        timers: BfdTimers = bench.lab.emulated.timers
        asked_ms = bench.lab.emulated.timers_asked.interval_ms
        kinds = condensed(trials)
        return FailoverSummary(
            experiment=self.name,
            scenarios=manifest.scenarios,
            rate_scale=manifest.rate_scale,
            backend=manifest.backend,
            verdict=verdict_of(
                kinds,
                alarms,
                unfollowed=sum(not trial.followed for trial in trials),
                slowed=(asked_ms, timers.interval_ms) if timers.interval_ms > asked_ms else None,
            ),
            packets_per_s=round(1e9 / bench.streams.interval_ns),
            detection=Detection(interval_ms=timers.interval_ms, multiplier=timers.multiplier),
            site_names={id_: site.name for id_, site in network.sites.items()},
            flows=tuple(
                ProtectedFlow.of(one, added=one.id == TRANSIT_DEMAND) for one in bench.flows.values()
            ),
            kinds=kinds,
            alarms=alarms,
            host=host,
        )


def _with_load(host: Host, load: HostLoad) -> Host:
    wakeup_p99_ms = load.wakeup_p99_ms
    measured = HostLoadResult(
        busy_ratio=round(load.busy_ratio, 4),
        steal_ratio=round(load.steal_ratio, 4),
        wakeup_p99_ms=None if wakeup_p99_ms is None else round(wakeup_p99_ms, 4),
    )
    return host.model_copy(update={"load": {"base": measured}})
