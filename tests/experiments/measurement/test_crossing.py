"""From sightings to the path: what holds, and what is refused."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from experiments.measurement.crossing import (
    INITIAL_TTL,
    CrossedPath,
    Sighting,
    agreed_path,
    path_of_probe,
)
from topology.errors import MeasurementError

MS = 1_000_000
CHAIN = ("a", "b", "c", "d")


def owners_of(sites: tuple[str, ...]) -> dict[str, tuple[str, str]]:
    """Interfaces: ``b<a`` is b's side of the link a-b, ``a.host`` the port of a's host."""
    owners = {f"{site}.host": (site, "") for site in sites}
    for left, right in pairwise(sites):
        owners[f"{left}>{right}"] = (left, f"{left}-{right}")
        owners[f"{right}<{left}"] = (right, f"{left}-{right}")
    return owners


def sightings_of(sites: tuple[str, ...], hop_ms: float = 10) -> list[Sighting]:
    seen = []
    for number, site in enumerate(sites):
        came_by = f"{site}.host" if number == 0 else f"{site}<{sites[number - 1]}"
        goes_by = f"{site}.host" if number == len(sites) - 1 else f"{site}>{sites[number + 1]}"
        time_ns = round(number * hop_ms * MS)
        seen.append(Sighting(came_by, True, time_ns, INITIAL_TTL - number))
        if number + 1 < len(sites):  # the wire's own ends see it too, and do not count
            seen.append(Sighting(f"w{number}a", True, time_ns + 3, INITIAL_TTL - number - 1))
        seen.append(Sighting(goes_by, False, time_ns + 2, INITIAL_TTL - number - 1))
    return seen


@given(st.integers(1, 30))
def test_a_chain_of_any_length(length: int) -> None:
    sites = tuple(f"site{number}" for number in range(length))
    path = path_of_probe(owners_of(sites), sites[0], sites[-1], sightings_of(sites), INITIAL_TTL - length)
    assert path.sites == sites
    assert path.links == tuple(f"{a}-{b}" for a, b in pairwise(sites))
    assert path.hops == length - 1
    assert path.per_hop_ms == (10.0,) * (length - 1)


def refused(sightings: list[Sighting], words: str, arrival_ttl: int = 60, destination: str = "d") -> None:
    with pytest.raises(MeasurementError, match=words) as raised:
        path_of_probe(owners_of(CHAIN), "a", destination, sightings, arrival_ttl)
    assert f"path a -> {destination}" in str(raised.value)


def test_a_missing_sighting() -> None:
    for missing in range(len(sightings_of(CHAIN))):
        seen = sightings_of(CHAIN)
        if not seen[missing].interface.startswith("w"):
            del seen[missing]
            refused(seen, "inconsistent")


def test_no_sighting_at_all() -> None:
    refused([], r"do not lead from source to destination \(none\)")


def test_a_switch_that_does_not_route() -> None:
    seen = [Sighting(s.interface, s.entering, s.time_ns, 64) for s in sightings_of(CHAIN)]
    refused(seen, "TTL does not fall by one at a")


def test_a_ttl_on_arrival_that_does_not_fit() -> None:
    refused(sightings_of(CHAIN), "TTL on arrival, 59, does not fit 4 switches", arrival_ttl=59)


def test_another_destination() -> None:
    refused(sightings_of(CHAIN), "do not lead", destination="c")


def test_out_over_one_link_and_in_over_another() -> None:
    owners = {**owners_of(CHAIN), "c<b": ("c", "b-c-2")}
    with pytest.raises(MeasurementError, match="not a chain"):
        path_of_probe(owners, "a", "d", sightings_of(CHAIN), 60)


def test_a_probe_seen_twice() -> None:
    refused([*sightings_of(CHAIN), *sightings_of(CHAIN)], "inconsistent")


def path(*sites: str, hops_ms: tuple[float, ...]) -> CrossedPath:
    return CrossedPath(sites, tuple(a + b for a, b in pairwise(sites)), hops_ms, 62, 1)


def test_all_probes_must_agree() -> None:
    same = agreed_path("a", "c", [path("a", "b", "c", hops_ms=(each, 7.0)) for each in (1.0, 9.0, 2.0)])
    assert (same.sites, same.per_hop_ms, same.probes) == (("a", "b", "c"), (2.0, 7.0), 3)
    with pytest.raises(MeasurementError, match="different paths: a > b > c; a > c"):
        agreed_path("a", "c", [path("a", "c", hops_ms=(1.0,)), path("a", "b", "c", hops_ms=(1.0, 1.0))])
