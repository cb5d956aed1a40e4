"""Which pairs get a throughput run when not all do."""

from __future__ import annotations

from experiments.battery import across_regions
from experiments.measurement.endpoint import Endpoint
from topology.scenario import load


def test_each_region_comes_before_the_second_of_any() -> None:
    network = load("qingyang-baseline")
    pairs = [
        (Endpoint("qingyang", "", ""), Endpoint(site, "", "")) for site in network.comparison.destinations
    ]
    chosen = [end.site for _, end in across_regions(network, pairs, 3)]
    assert chosen == ["beijing", "shanghai", "guangzhou"]
    assert sorted(end.site for _, end in across_regions(network, pairs, 99)) == sorted(
        network.comparison.destinations
    )
