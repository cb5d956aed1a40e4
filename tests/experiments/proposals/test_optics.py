"""Optics without GNPy: which rates close, how many regenerators, spans as the costs have them, the note."""

from __future__ import annotations

import tomllib
from importlib import metadata
from math import log10
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from experiments.proposals.costs import cost_parts
from experiments.proposals.document import load_study
from experiments.proposals.optics import FORMATS, RATES_GBPS, SYSTEM_MARGIN_DB, extra, note, optics
from experiments.proposals.optics.formats import REFERENCE, Comb, Format
from experiments.proposals.optics.line import spans_for
from experiments.proposals.optics.verdict import MOST_REGENERATORS, closings


def gsnr_db(section_km: float, comb: Comb) -> float:
    """Noise in proportion to the length: 30 dB after 80 km at 32 GBd."""
    return 30 - 10 * log10(section_km / 80) + comb.power_dbm


def test_rates_are_the_five_asked_for_and_faster_needs_more_of_the_same_comb() -> None:
    assert RATES_GBPS == (100, 200, 400, 600, 800)
    for comb in {entry.comb for entry in FORMATS}:
        same = [entry.required_gsnr_db for entry in FORMATS if entry.comb == comb]
        assert same == sorted(same)


def test_twice_the_symbol_rate_needs_the_same_per_symbol() -> None:
    def per_symbol_db(entry: Format) -> float:
        return entry.required_gsnr_db - 10 * log10(entry.comb.baud_gbd / 12.5)

    slow = next(e for e in FORMATS if e.rate_gbps == 400 and e.modulation == "DP-16QAM")
    fast = next(e for e in FORMATS if e.rate_gbps == 800)
    assert fast.modulation == slow.modulation
    assert per_symbol_db(fast) == pytest.approx(per_symbol_db(slow))


@pytest.mark.parametrize("comb", [REFERENCE, *{entry.comb for entry in FORMATS}])
def test_combs_fill_the_c_band_and_stay_in_it(comb: Comb) -> None:
    low, high = comb.band_ghz
    assert comb.first_ghz - comb.spacing_ghz / 2 == low
    top = comb.first_ghz + (comb.channels - 0.5) * comb.spacing_ghz
    assert top <= high < top + comb.spacing_ghz
    assert comb.baud_gbd <= comb.spacing_ghz


@given(st.floats(1, 20_000))
def test_regenerators_are_the_fewest_that_close(route_km: float) -> None:
    found = closings(route_km, gsnr_db)
    for rate in RATES_GBPS:
        formats = [entry for entry in FORMATS if entry.rate_gbps == rate]
        fewest = min(
            (
                number
                for number in range(MOST_REGENERATORS + 1)
                for entry in formats
                if gsnr_db(route_km / (number + 1), entry.comb) - entry.required_gsnr_db >= SYSTEM_MARGIN_DB
            ),
            default=None,
        )
        assert fewest == (found[rate].regenerators if rate in found else None)
        if fewest is not None:
            assert found[rate].margin_db >= SYSTEM_MARGIN_DB


def test_a_rate_that_cannot_close_is_absent() -> None:
    assert closings(1000, lambda section_km, comb: 13.0) == {}
    assert list(closings(1000, lambda section_km, comb: 14.0)) == [100]


def test_of_two_formats_the_one_with_more_margin_counts() -> None:
    found = closings(300, gsnr_db)[400]
    assert (found.format.modulation, found.regenerators) == ("DP-QPSK", 0)


def test_spans_are_those_the_costs_count() -> None:
    study = load_study("qingyang-candidates")
    for candidate in study.candidates.values():
        parts = cost_parts(study, candidate, candidate.capacity_steps_gbps[0])
        assert spans_for(parts.route_km, study.figure("amplifier_spacing_km")) == parts.amplifier_sites + 1


@pytest.mark.parametrize(
    ("route_km", "spans"), [(0.1, 1), (80, 1), (80.1, 2), (1200.0000000001, 15), (1000, 13)]
)
def test_spans_are_never_longer_than_the_spacing(route_km: float, spans: int) -> None:
    assert spans_for(route_km, 80) == spans


class TestNote:
    @pytest.fixture(autouse=True)
    def forget(self) -> object:
        extra._obstacle.cache_clear()
        yield
        extra._obstacle.cache_clear()

    @pytest.fixture
    def absent(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def version(name: str) -> str:
            raise metadata.PackageNotFoundError(name)

        monkeypatch.setattr(extra, "version", version)

    @pytest.mark.usefixtures("absent")
    def test_says_how_to_get_it(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(extra, "FIRST_PYTHON_WITHOUT", (4, 0))
        assert note() == (
            "Optics was not computed: it needs GNPy. Get it with pip install 'onehop[optics]'; "
            "in a clone, .venv/bin/pip install -e '.[optics]'."
        )
        assert "pip install 'onehop[optics]'" in note("zh")

    @pytest.mark.usefixtures("absent")
    def test_says_which_python_it_takes(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(extra, "FIRST_PYTHON_WITHOUT", (3, 0))
        assert "Python 3.11 and 3.12 only" in note()

    @pytest.mark.usefixtures("absent")
    def test_nothing_is_computed_and_nothing_is_raised(self) -> None:
        assert optics(load_study("tiny-candidates")) == ()

    @pytest.mark.parametrize("found", ["2.14.2", "4.0.0"])
    def test_other_versions_are_named(self, found: str, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(extra, "version", lambda name: found)
        assert f"GNPy {found} is installed, 3.x is needed" in note()

    def test_an_installation_that_does_not_load_is_no_traceback(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def import_module(name: str) -> None:
            raise ImportError("libyang.so.3: cannot open shared object file")

        monkeypatch.setattr(extra, "version", lambda name: "3.0.1")
        monkeypatch.setattr(extra, "import_module", import_module)
        assert "GNPy 3.0.1 does not load: libyang.so.3" in note()


def test_the_extra_has_the_bounds_the_note_speaks_of() -> None:
    project = tomllib.loads(Path(__file__).parents[3].joinpath("pyproject.toml").read_text("utf-8"))
    [requirement] = project["project"]["optional-dependencies"]["optics"]
    oldest, newest, python = extra.OLDEST, extra.NEWEST, extra.FIRST_PYTHON_WITHOUT
    assert requirement == (
        f"gnpy>={oldest[0]}.{oldest[1]},<{newest[0]}; python_version < '{python[0]}.{python[1]}'"
    )
