"""ping-pair: an experiment of one's own in one file. A pair is pinged, its way is cut, it is pinged again.

Run it with::

    ./onehop run docs/examples/ping_pair.py --proposal docs/examples/tiny-direct.yaml --sites beijing
"""

from __future__ import annotations

from controller.plan import PlannedPath, RoutingPlan
from experiments.catalog import Experiment, Outcome
from experiments.lab import Lab
from experiments.measurement.path import observe_paths
from experiments.measurement.ping import measure_ping
from experiments.run import Run
from topology.errors import InputError


class PingPair(Experiment):
    """One pair of the proposal: on its planned path, and after the first link of that path is cut."""

    name = "ping-pair"
    asks = "Does a pair stay connected when the first link of its path is cut, and at what round trip?"
    needs = "a proposal with a second way between the pair; root"
    concludes = "path, predicted and measured round trip, before the cut and after it"

    def run(self, run: Run) -> Outcome:
        """Bring the proposal up, measure, cut, wait for the repair, measure again."""
        network = run.networks["proposal"]
        source, destination = network.comparison.source, run.destinations[0]
        direct = RoutingPlan.of(network).path(source, destination)
        cut = network.link_between(*direct.sites[:2]).id
        try:
            detour = RoutingPlan.of(network, without_links=[cut]).path(source, destination)
        except KeyError:
            raise InputError(f"only {cut} joins {source} to {destination}", where=network.id) from None
        run.folder.write_network("proposal", network)
        run.expect(8)  # seconds, for the progress display
        with run.lab("proposal") as lab:
            run.say("pinging on the planned path")
            before = measured(lab, direct, run.depth.pings)
            run.say(f"cutting {cut}")
            seen = len(lab.controller.events)
            lab.set_link(cut, up=False)
            repaired = lab.controller.wait_for_next("repaired", seen, timeout_s=10)
            run.say("pinging on the path that is left")
            after = measured(lab, detour, run.depth.pings)
        return {
            "experiment": self.name,
            "source": source,
            "destination": destination,
            "cut": cut,
            "rerouted": repaired["rerouted"],
            "before": before,
            "after": after,
        }


def measured(lab: Lab, planned: PlannedPath, pings: int) -> dict[str, object]:
    """The path that probes prove, and the round trip beside what the model predicts, in ms."""
    pair = (lab.endpoint(planned.sites[0]), lab.endpoint(planned.sites[-1]))
    (crossed,) = observe_paths(lab.layout, [pair]).values()
    (ping,) = measure_ping([pair], count=pings).values()
    return {
        "path": list(crossed.sites),
        "as_planned": crossed.sites == planned.sites,
        "predicted_rtt_ms": round(2 * planned.latency_ms, 3),
        "rtt_min_ms": ping.min_ms,
        "sent": ping.sent,
        "lost": ping.lost,
    }
