"""One network, built and measured once: links checked, paths proven, round trips of all pairs on it idle."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

from experiments.assembly import link_checks
from experiments.battery import Battery
from experiments.calibration import allow_for, measure_switch_processing_ms
from experiments.hosts import host_of
from experiments.idle import measure_idle
from experiments.lab import Lab, LabOptions
from experiments.measurement.path import observe_paths
from experiments.proposals.evidence.choice import CLASS
from experiments.proposals.evidence.interval import FEWEST, Median, median_of
from experiments.proposals.evidence.plan import Job
from experiments.proposals.evidence.verdict import Repetition
from experiments.proposals.pairs import Pair
from experiments.results import ResultFolder
from topology.errors import MeasurementError

PROBES_PER_S = 250.0  # of all pairs together; more would load the machine they measure
LEAST_INTERVAL_MS = 20.0  # of one pair, however few there are: neighbouring probes meet the same disturbance


def interval_ms(pairs: int) -> float:
    """Time between two probes of a pair."""
    return max(LEAST_INTERVAL_MS, 1000.0 * pairs / PROBES_PER_S)


def measure_once(
    job: Job, *, folder: ResultFolder, options: LabOptions, samples: int, say: Callable[[str], None]
) -> Repetition:
    """Build the network of ``job`` inside a cell, measure its pairs on it idle and take it down.

    ``folder`` gets the network, its links as checked, the raw samples, and how busy the machine was.
    A pair off the model is measured again (``experiments.idle``). Raises ``MeasurementError`` where a pair
    has too few answers for an interval.
    """
    variant, network = job.variant, job.network
    dscp = network.routing.dscp[CLASS]
    folder.write_network(variant, network)
    # Nothing is protected here, and watching for silent loss would take half a processor.
    with Lab(network, options, say, watch=False) as lab:
        say(f"reading back {len(lab.layout.links)} links")
        readings = lab.read_back()
        say("measuring the switches' own processing time")
        processing_ms = measure_switch_processing_ms(lab, readings)
        allow_for(lab, processing_ms)
        links = link_checks({variant: readings}, {variant: processing_ms})
        folder.write_links(links)
        ends = [(lab.endpoint(source), lab.endpoint(destination)) for source, destination in job.pairs]
        say("proving the paths")
        crossed = observe_paths(lab.layout, ends, dscp=dscp)
        say("delay on the idle network")
        watched = Battery()
        with watched.host:
            measured = measure_idle(
                ends,
                {pair: 2 * network.path_latency_ms(path.sites) for pair, path in crossed.items()},
                samples=samples,
                interval_ms=interval_ms(len(job.pairs)),
                dscp=dscp,
                seed=options.seed,
                samples_path=partial(folder.samples_path, variant, "idle"),
                say=say,
            )
    host = host_of(folder.manifest.host, {variant: watched})
    folder.update_manifest(host=host)
    assert host.verdict is not None
    round_trips = folder.round_trips(variant, "idle")
    return Repetition(
        network=network,
        rtt_ms={pair: _median(pair, round_trips[pair]) for pair in measured},
        paths={pair: path.sites for pair, path in crossed.items()},
        failed_links=frozenset(check.link for _, check in links.failed()),
        host=host.verdict,
    )


def _median(pair: Pair, round_trips_ms: Sequence[float | None]) -> Median:
    answers = [rtt_ms for rtt_ms in round_trips_ms if rtt_ms is not None]
    found = median_of(answers)
    if found is None:
        raise MeasurementError(
            f"{len(answers)} of {len(round_trips_ms)} probes were answered; "
            f"{FEWEST} at least are needed for a confidence interval",
            where=f"evidence {pair[0]} - {pair[1]}",
            hint="repeat the measurement",
        )
    median, low, high = found
    return round(median, 6), round(low, 6), round(high, 6)
