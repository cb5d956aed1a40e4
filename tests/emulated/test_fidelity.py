"""Links as a sceptic would examine them, by whichever pipes this machine has."""

from __future__ import annotations

from dataclasses import replace

import pytest

from experiments.fidelity.measuring import measure
from tests.emulated.bare_links import bare_links
from tests.emulated.fitness import failing_each_time, skip_without_netem
from topology.burstloss import GilbertElliott
from topology.emulation.layout import Layout
from topology.emulation.links import LinkProperties, Pipe
from topology.emulation.links.netem import NetemPipe
from topology.emulation.links.userspace import UserspacePipe
from topology.emulation.readback import read_back
from topology.errors import EmulationError
from topology.variation import JitterDistribution

pytestmark = pytest.mark.emulated

BURSTS = GilbertElliott(0.02, 0.25)
VARYING = LinkProperties(20, 8, 1, jitter_distribution=JitterDistribution.NORMAL)
LOSING = LinkProperties(20, 2, loss_ratio=BURSTS.loss_ratio, burst_loss=BURSTS)


@pytest.fixture(params=["userspace", "netem"])
def make(request: pytest.FixtureRequest, cell: None) -> type[Pipe]:
    if request.param == "netem":
        skip_without_netem()
        return NetemPipe
    return UserspacePipe


def test_links_do_what_they_declare(make: type[Pipe]) -> None:
    """Distributions, losses and bursts, rate in each second, queue, order, each direction on its own."""

    def ask(seed: int) -> set[str]:
        checks = measure(make(), delays=800, losses=2500, seconds=3.2, seed=seed)
        return {check.what for check in checks if not check.holds}

    assert not failing_each_time(ask)


def test_distributions_and_bursts_are_read_back(make: type[Pipe]) -> None:
    pipe = make()
    with bare_links([VARYING, LOSING], pipe) as layout:
        assert [p for reading in read_back(layout, pipe) for p in reading.problems()] == []
        pipe.change("l1", replace(VARYING, jitter_ms=0.2))
        pipe.change("l2", replace(LOSING, burst_loss=GilbertElliott(0.02, 0.5)))
        found = {(r.link, p) for r in read_back(layout, pipe, attempts=1) for p in r.faults}
        assert ("l1", "jitter set to 0.2 ms instead of 1 ms") in found
        assert any(
            link == "l2" and fault.startswith("losses in bursts (0.02, 0.5, ") for link, fault in found
        )


def test_a_link_changes_from_one_distribution_to_another_and_back(make: type[Pipe]) -> None:
    pipe = make()
    with bare_links([VARYING], pipe) as layout:
        for changed in (
            replace(VARYING, jitter_distribution=JitterDistribution.PARETO),
            replace(VARYING, jitter_distribution=JitterDistribution.UNIFORM),
            VARYING,
        ):
            pipe.change("l1", changed)
            (reading, _back) = read_back(_declaring(layout, changed), pipe)
            assert reading.problems() == []
        with pytest.raises(EmulationError, match="reorders"):
            pipe.change("l1", replace(VARYING, reorders=True))


def _declaring(layout: Layout, properties: LinkProperties) -> Layout:
    return replace(layout, links={"l1": replace(layout.links["l1"], properties=properties)})
