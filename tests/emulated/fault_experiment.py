"""The experiment that the fault tests run and disturb: a little of each measurement, on one small network."""

from __future__ import annotations

from contextlib import nullcontext

from experiments.battery import Battery, background_flows
from experiments.catalog import Experiment, Outcome
from experiments.measurement.background import BackgroundTraffic
from experiments.measurement.latency import measure_latency
from experiments.measurement.path import observe_paths
from experiments.measurement.ping import measure_ping
from experiments.run import Run


class Disturbed(Experiment):
    """Delay and ping between two sites, without and with background traffic."""

    name = "disturbed"
    asks = "What is left of a run that is disturbed?"
    needs = "nothing"
    concludes = "nothing"
    scenario = "tiny"

    def run(self, run: Run) -> Outcome:
        """As many probes as the depth says, a millisecond and a half apart."""
        with run.lab() as lab:
            pairs = [(lab.endpoint("qingyang"), lab.endpoint("lanzhou"))]
            done = Battery()
            for (_, site), crossed in observe_paths(lab.layout, pairs).items():
                done.paths[site] = crossed
            background = BackgroundTraffic(background_flows(lab, done, 0.1), seed=1)
            for state, load in (("idle", nullcontext()), ("loaded", background)):
                with load:
                    measure_latency(
                        pairs,
                        samples=run.depth.samples,
                        interval_ms=1.5,
                        dscp=0,
                        seed=1,
                        samples_file=run.folder.samples_path("base", state),
                    )
            measure_ping(pairs, count=2)
        return {"experiment": self.name}
