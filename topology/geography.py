"""Distances on the Earth and what light needs for them.

The floor of any delay is the great circle at the speed of light in fibre: no cable is shorter than the great
circle and no signal in fibre faster than that. All real routes are held against it.
"""

from __future__ import annotations

from math import asin, cos, radians, sin, sqrt

EARTH_RADIUS_KM = 6371.0088  # mean radius of the WGS 84 ellipsoid (IUGG 1980)
LIGHT_US_PER_KM = 3.33564  # light in vacuum: 1 / 299,792.458 km/s; nothing is faster


def great_circle_km(
    latitude_a_deg: float, longitude_a_deg: float, latitude_b_deg: float, longitude_b_deg: float
) -> float:
    """Shortest distance over the surface of a sphere, by the haversine formula (Sinnott 1984).

    Stable for small distances; a sphere instead of the ellipsoid errs by at most 0.6 %.
    """
    half_latitude = radians(latitude_b_deg - latitude_a_deg) / 2
    half_longitude = radians(longitude_b_deg - longitude_a_deg) / 2
    haversine = (
        sin(half_latitude) ** 2
        + cos(radians(latitude_a_deg)) * cos(radians(latitude_b_deg)) * sin(half_longitude) ** 2
    )
    return 2 * EARTH_RADIUS_KM * asin(sqrt(min(1.0, haversine)))


def propagation_ms(length_km: float, fibre_us_per_km: float) -> float:
    """One-way delay of ``length_km`` of fibre."""
    return length_km * fibre_us_per_km / 1000


def fibre_floor_ms(
    latitude_a_deg: float,
    longitude_a_deg: float,
    latitude_b_deg: float,
    longitude_b_deg: float,
    fibre_us_per_km: float,
) -> float:
    """Least one-way delay between two places: the great circle at light speed in fibre."""
    length_km = great_circle_km(latitude_a_deg, longitude_a_deg, latitude_b_deg, longitude_b_deg)
    return propagation_ms(length_km, fibre_us_per_km)
