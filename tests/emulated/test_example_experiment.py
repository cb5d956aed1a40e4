"""The experiment that the documentation shows, on a real network: it must keep working as printed there."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from experiments import catalog
from experiments.lab import LabOptions
from experiments.manifests import begin
from experiments.results import ResultFolder
from experiments.run import QUICK, Run, choose_destinations, load_networks

EXAMPLES = Path(__file__).resolve().parents[2] / "docs" / "examples"
DETOUR = ["qingyang", "lanzhou", "xian", "beijing"]


@pytest.mark.emulated
@pytest.mark.usefixtures("cell")
def test_example_experiment_cuts_the_direct_link_and_still_pings(tmp_path: Path) -> None:
    experiment = catalog.find(str(EXAMPLES / "ping_pair.py"))
    networks = load_networks(None, str(EXAMPLES / "tiny-direct.yaml"), None)
    depth, options = replace(QUICK, pings=3), LabOptions()
    destinations = choose_destinations(networks, ("beijing",))
    manifest = begin(experiment.name, networks, options, depth, destinations)
    folder = ResultFolder.create(manifest, path=tmp_path / "result")

    outcome = experiment().run(Run(networks, destinations, depth, options, folder))

    assert isinstance(outcome, dict)
    assert networks["base"].id == "tiny"
    assert outcome["cut"] == "qingyang--beijing"
    assert outcome["rerouted"] > 0
    before, after = outcome["before"], outcome["after"]
    assert (before["path"], before["as_planned"]) == (["qingyang", "beijing"], True)
    assert (after["path"], after["as_planned"]) == (DETOUR, True)
    for state in (before, after):
        assert state["lost"] < state["sent"]
        assert state["rtt_min_ms"] > 0.8 * state["predicted_rtt_ms"]  # the delays are there
