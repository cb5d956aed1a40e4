"""A calibration on real frames: the instrument sees what links were made to do, and a whole one is kept."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from experiments.capability import store
from experiments.capability.measuring import LEAST_PER_S, Effort, calibrate
from experiments.capability.testlinks import DELAY_MS, LARGEST_RATE_MBPS, TestLinks
from experiments.results.calibration import Limit
from tests.emulated.fitness import ATTEMPTS
from topology.emulation.links import LinkProperties
from topology.emulation.links.choose import pipe_for
from topology.emulation.reading import loss_credible

pytestmark = pytest.mark.emulated

SHORT = Effort(idle_s=0.3, trial_s=0.2, confirm_s=0.3, many=4, path=2, resolution=2, most_per_s=4_000)
LINK = LinkProperties(LARGEST_RATE_MBPS, DELAY_MS)


def test_a_link_that_is_late_or_loses_is_seen_as_that(cell: None) -> None:
    pipe = pipe_for("auto")
    with TestLinks(pipe, 2) as links:
        for link in ("l1", "l2"):
            pipe.change(link, replace(LINK, delay_ms=DELAY_MS + 3))
        assert links.idle(0.2).p50_us > 2500  # netem's own lateness, half a millisecond at most, is taken off
        for _ in range(ATTEMPTS):  # a busy machine loses some now and then
            late = links.trial(2000, 200, 0.2)
            assert late.beyond(Limit()) == "delay"
            if not late.lost_ratio:
                break
        assert late.lost_ratio == 0
        for link in ("l1", "l2"):
            pipe.change(link, replace(LINK, loss_ratio=0.1))
        lossy = links.trial(4000, 200, 0.3)
        assert lossy.beyond(Limit()) == "loss"
        sent = round(lossy.load * 0.3)  # at least; the more, the closer to what is declared
        assert loss_credible(round(lossy.lost_ratio * sent), sent, 0.1, 1e-9)


def test_a_calibration_is_whole_and_kept(cell: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(store.STATE_VARIABLE, str(tmp_path))
    said: list[str] = []
    found = calibrate(effort=SHORT, say=said.append)
    assert found.floor.count > 100
    assert found.timer.p50_us >= 0
    assert found.added.count > 100
    assert [(c.links, c.frame_bytes) for c in found.capacities] == [(1, 1514), (1, 64), (4, 1514), (4, 64)]
    assert (found.flow.links, found.flow.frame_bytes) == (2, 1514)
    for each in (*found.capacities, found.flow):
        assert each.packets_per_s == 0 or LEAST_PER_S <= each.packets_per_s <= SHORT.most_per_s
        assert each.rate_mbps == pytest.approx(each.packets_per_s * each.frame_bytes * 8 / 1e6, abs=0.06)
        assert (each.added is None) == (each.packets_per_s == 0)
    assert any("4 links at once" in sentence for sentence in said)
    store.keep(found)
    assert store.kept().calibration == found
