"""Optics with GNPy (the extra ``optics``): against GNPy's own script; nothing of GNPy reaches the user."""

from __future__ import annotations

import json
import logging
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from experiments.proposals.building import link_of
from experiments.proposals.document import load_study
from experiments.proposals.optics import RATES_GBPS, SYSTEM_MARGIN_DB, note, optics
from experiments.proposals.optics.formats import FORMATS, REFERENCE
from experiments.proposals.optics.line import _received, received

pytestmark = pytest.mark.skipif(bool(note()), reason=f"the extra optics: {note()}")

GNPYS_BAND = replace(REFERENCE, band_ghz=(191_275.0, 195_075.0))  # its example's: 76 channels


@pytest.mark.parametrize(("route_km", "spans", "gsnr_db"), [(1000, 11, 19.4), (1500, 17, 17.8)])
def test_agrees_with_gnpys_own_script(
    route_km: int, spans: int, gsnr_db: float, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """``gnpy-transmission-example`` gets one fibre of the whole length, and divides and equips it itself."""
    from gnpy.tools.cli_examples import transmission_main_example

    fibre = {"length": route_km, "length_units": "km", "loss_coef": 0.2, "con_in": 0.5, "con_out": 0.5}
    topology = {
        "elements": [
            {"uid": "A", "type": "Transceiver"},
            {"uid": "roadm A", "type": "Roadm"},
            {"uid": "fibre", "type": "Fiber", "type_variety": "SSMF", "params": fibre},
            {"uid": "roadm B", "type": "Roadm"},
            {"uid": "B", "type": "Transceiver"},
        ],
        "connections": [
            {"from_node": a, "to_node": b}
            for a, b in [("A", "roadm A"), ("roadm A", "fibre"), ("fibre", "roadm B"), ("roadm B", "B")]
        ],
    }
    file = tmp_path / "line.json"
    file.write_text(json.dumps(topology), "utf-8")
    transmission_main_example([str(file), "A", "B"])
    said = re.sub(r"\x1b\[[0-9;]*m", "", capsys.readouterr().out)
    gnpys = float(re.findall(r"GSNR \(0\.1nm, dB\): +([0-9.]+)", said)[-1])
    assert len(set(re.findall(r"fibre_\(\d+/\d+\)", said))) == spans
    ours = received(route_km, spans, GNPYS_BAND)

    assert round(gnpys, 1) == gsnr_db
    assert ours.mean_gsnr_db == pytest.approx(gnpys, abs=0.0051)  # it prints two digits
    assert (ours.channels, ours.amplifiers) == (76, spans + 1)


def test_the_full_band_costs_a_tenth_of_a_decibel() -> None:
    few, all_channels = received(1000, 11, GNPYS_BAND), received(1000, 11, REFERENCE)
    assert all_channels.channels == REFERENCE.channels == 97
    assert 0 < few.mean_gsnr_db - all_channels.mean_gsnr_db < 0.15
    assert all_channels.worst_gsnr_db < all_channels.mean_gsnr_db


def test_each_span_more_is_worse() -> None:
    for comb in (REFERENCE, FORMATS[-1].comb):
        lines = [received(80 * spans, spans, comb) for spans in (1, 2, 4, 8, 16)]
        found = [line.worst_gsnr_db for line in lines]
        assert found == sorted(found, reverse=True)


def test_every_comb_is_propagated_whole() -> None:
    for comb in {entry.comb for entry in FORMATS}:
        assert received(240, 3, comb).channels == comb.channels


def test_the_order_of_questions_does_not_matter() -> None:
    questions = [(160.0, 2, REFERENCE), (160.0, 2, FORMATS[-1].comb), (400.0, 5, REFERENCE)]
    forward = [received(*question) for question in questions]
    _received.cache_clear()
    assert [received(*question) for question in reversed(questions)] == forward[::-1]


def test_extreme_lengths_have_answers() -> None:
    short, long, stretched = (
        received(0.01, 1, REFERENCE),
        received(12_000, 150, REFERENCE),
        received(500, 1, REFERENCE),
    )
    assert short.worst_gsnr_db > 25
    assert 5 < long.worst_gsnr_db < 15
    assert stretched.worst_gsnr_db < 0  # a span of 100 dB: nothing gets through, and it says so


@pytest.mark.parametrize("name", ["tiny-candidates", "qingyang-candidates"])
def test_studies(name: str) -> None:
    study = load_study(name)
    sentences: list[str] = []
    results = optics(study, sentences.append)
    assert [result.candidate for result in results] == list(study.candidates)
    for result in results:
        candidate = study.candidates[result.candidate]
        link = link_of(study, candidate, candidate.capacity_steps_gbps[0])
        assert (result.route_km, result.fibre_delay_ms) == (link.route_km, link.propagation_ms)
        assert result.amplifiers == result.spans + 1
        assert set(result.regenerators) <= set(RATES_GBPS)
        unaided = [rate for rate, number in result.regenerators.items() if number == 0]
        assert result.highest_rate_gbps == max(unaided, default=None)
        assert (result.margin_db is None) is (result.highest_rate_gbps is None)
    assert all(sentence.startswith("optics: ") for sentence in sentences)


@pytest.mark.parametrize("page", ["proposals-optics.md", "proposals-optics.zh.md"])
def test_the_page_shows_what_is_computed(page: str) -> None:
    text = Path(__file__).parents[3].joinpath("docs", page).read_text("utf-8")
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines()]
    lines = [row for row in rows if row[0] in ("1000", "1500")]
    for route_km, spans, gnpys, same, mean, worst in lines:
        ours = received(float(route_km), int(spans), GNPYS_BAND)
        whole = received(float(route_km), int(spans), REFERENCE)
        shown = (gnpys, same, mean, worst)
        found = (ours.mean_gsnr_db, ours.mean_gsnr_db, whole.mean_gsnr_db, whole.worst_gsnr_db)
        assert shown == tuple(f"{value:.2f}" for value in found)
    formats = [row for row in rows if re.fullmatch(r"\d00G", row[0])]
    assert (len(lines), len(formats)) == (2, len(FORMATS))
    for entry, (rate, modulation, baud, grid, needs, *farthest) in zip(FORMATS, formats, strict=True):
        assert rate == f"{entry.rate_gbps:.0f}G"
        assert (modulation, float(baud), float(grid)) == (
            entry.modulation,
            entry.comb.baud_gbd,
            entry.comb.spacing_ghz,
        )
        assert needs == f"{entry.required_gsnr_db:.1f}"
        for reach, span_km in zip(farthest, (80, 100), strict=True):
            spans = int(reach.removesuffix(" km")) // span_km
            at, beyond = (received(n * span_km, n, entry.comb).worst_gsnr_db for n in (spans, spans + 1))
            assert beyond < entry.required_gsnr_db + SYSTEM_MARGIN_DB <= at


def test_nothing_of_gnpy_reaches_the_user() -> None:
    program = (
        "from experiments.proposals.document import load_study\n"
        "from experiments.proposals.optics import optics\n"
        "assert optics(load_study('tiny-candidates'))\n"
    )
    run = subprocess.run(
        [sys.executable, "-W", "default", "-c", program], capture_output=True, text=True, check=True
    )
    ours = [line for line in run.stderr.splitlines() if "gnpy" in line.lower() or "WARNING" in line]
    assert (run.stdout, ours) == ("", [])


def test_logging_is_as_before() -> None:
    logger = logging.getLogger("gnpy")
    before = logger.level, logger.propagate, list(logger.handlers)
    received(123.4, 2, REFERENCE)
    assert (logger.level, logger.propagate, list(logger.handlers)) == before
