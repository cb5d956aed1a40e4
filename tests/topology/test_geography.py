"""Distances against published ones, and properties no distance may break."""

from __future__ import annotations

from math import pi

import pytest
from hypothesis import given
from hypothesis import strategies as st

from topology.geography import EARTH_RADIUS_KM, fibre_floor_ms, great_circle_km, propagation_ms

latitudes = st.floats(-90, 90)
longitudes = st.floats(-180, 180)


@pytest.mark.parametrize(
    ("a", "b", "expected_km"),
    [
        ((35.7098, 107.6446), (39.908, 116.397), 899),  # Qingyang to Beijing
        ((35.7098, 107.6446), (23.117, 113.250), 1501),  # Qingyang to Guangzhou
        ((0, 0), (0, 180), pi * EARTH_RADIUS_KM),  # antipodes
        ((90, 0), (-90, 77), pi * EARTH_RADIUS_KM),
        ((10, 179), (10, -179), 219),  # across the date line
    ],
)
def test_known_distances(a: tuple[float, float], b: tuple[float, float], expected_km: float) -> None:
    assert great_circle_km(*a, *b) == pytest.approx(expected_km, abs=0.6)


@given(latitudes, longitudes, latitudes, longitudes)
def test_distance_is_symmetric_and_bounded(la: float, loa: float, lb: float, lob: float) -> None:
    distance_km = great_circle_km(la, loa, lb, lob)
    assert 0 <= distance_km <= pi * EARTH_RADIUS_KM + 1e-9
    assert distance_km == pytest.approx(great_circle_km(lb, lob, la, loa), abs=1e-6)


@given(latitudes, longitudes, latitudes, longitudes, latitudes, longitudes)
def test_no_detour_is_shorter(la: float, loa: float, lb: float, lob: float, lc: float, loc: float) -> None:
    detour_km = great_circle_km(la, loa, lc, loc) + great_circle_km(lc, loc, lb, lob)
    assert great_circle_km(la, loa, lb, lob) <= detour_km + 1e-3


def test_delay_of_fibre() -> None:
    assert propagation_ms(1000, 4.9) == pytest.approx(4.9)
    # Published arithmetic: Qingyang to Shanghai is 6.7 ms at the speed of light in fibre.
    assert fibre_floor_ms(35.7098, 107.6446, 31.222, 121.458, 4.9) == pytest.approx(6.73, abs=0.01)
