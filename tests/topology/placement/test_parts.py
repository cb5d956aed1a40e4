"""Parts: every site and link is realised once, both ends of a crossing link agree, all survives JSON."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.networks import ring
from tests.topology.placement.placed import placed
from topology.emulation.layout import Layout
from topology.emulation.links import LinkProperties
from topology.errors import InputError
from topology.placement.compensation import compensated
from topology.placement.model import MAX_VNI, Placement, UnderlayPath
from topology.placement.parts import Part, parts
from topology.variation import JitterDistribution

SLOW = UnderlayPath("m2", "m1", 0.25, 1000.0)


@st.composite
def placements(draw: st.DrawFn) -> tuple[Layout, Placement]:
    count = draw(st.integers(3, 12))
    layout = Layout.of(ring(count))
    numbers = draw(st.lists(st.integers(1, 4), min_size=count, max_size=count))
    numbers[0] = 1  # which carries the controller
    return layout, placed(layout, dict(zip(layout.sites, numbers, strict=True)), SLOW)


@given(placements())
def test_every_site_and_link_is_realised_once(case: tuple[Layout, Placement]) -> None:
    layout, placement = case
    shares = parts(layout, placement)
    assert list(shares) == [machine.name for machine in placement.machines]
    sites = [site for part in shares.values() for site in part.layout.sites.values()]
    assert sorted(site.number for site in sites) == list(range(1, len(layout.sites) + 1))
    inner = [link for part in shares.values() for link in part.layout.links]
    ends = [(link, end.side) for part in shares.values() for link, end in part.crossings.items()]
    assert sorted([*inner, *placement.crossing]) == sorted(layout.links)
    assert sorted(ends) == sorted((link, side) for link in placement.crossing for side in "ab")


@given(placements())
def test_both_ends_of_a_crossing_link_agree(case: tuple[Layout, Placement]) -> None:
    layout, placement = case
    shares = parts(layout, placement)
    for part in shares.values():
        for link, end in part.crossings.items():
            other = shares[end.remote_machine].crossings[link]
            assert end.here.site in part.layout.sites
            assert (end.here, end.there) == (other.there, other.here)
            assert (end.local_address, end.remote_address) == (other.remote_address, other.local_address)
            assert end.vni == other.vni == placement.first_vni + layout.links[link].number
            assert end.holds_pipe != other.holds_pipe
            assert end.holds_pipe == (end.here == layout.links[link].a)
            assert end.underlay_one_way_ms == other.underlay_one_way_ms
    vnis = [end.vni for part in shares.values() for end in part.crossings.values() if end.holds_pipe]
    assert len(set(vnis)) == len(vnis)


@given(placements())
def test_placements_and_parts_survive_json(case: tuple[Layout, Placement]) -> None:
    layout, placement = case
    assert Placement.from_json(placement.to_json()) == placement
    assert list(Placement.from_json(placement.to_json()).machine_of) == list(layout.sites)
    for part in parts(layout, placement).values():
        again = Part.from_json(part.to_json())
        assert again == part
        assert again.to_json() == part.to_json()
        assert list(again.crossings) == list(part.crossings)


def test_the_pipe_adds_what_the_underlay_leaves() -> None:
    layout = Layout.of(ring(4))
    shares = parts(layout, placed(layout, {"s0": 1, "s1": 1, "s2": 2, "s3": 2}, SLOW))
    assert [end.underlay_one_way_ms for end in shares["m1"].crossings.values()] == [0.25, 0.25]
    declared = layout.links["s1--s2"].properties
    assert shares["m1"].crossings["s1--s2"].pipe == replace(declared, delay_ms=0.85)
    assert shares["m1"].crossings["s1--s2"].link.properties == declared


def test_every_link_faster_than_its_underlay_is_named() -> None:
    layout = Layout.of(ring(4))
    slow = UnderlayPath("m1", "m2", 3.0)
    with pytest.raises(InputError) as raised:
        parts(layout, placed(layout, {"s0": 1, "s1": 1, "s2": 2, "s3": 2}, slow))
    assert [problem.where for problem in raised.value.problems] == ["s1--s2", "s3--s0"]
    assert "promises a packet after 1.100 ms" in raised.value.problems[0].what
    assert "alone takes 3.000 ms" in raised.value.problems[0].what


@given(
    st.floats(0, 50),
    st.floats(0, 20),
    st.sampled_from(JitterDistribution),
    st.floats(0, 50),
)
def test_compensation_keeps_the_whole_delay(
    delay_ms: float, jitter_ms: float, distribution: JitterDistribution, underlay_ms: float
) -> None:
    properties = LinkProperties(10.0, delay_ms, jitter_ms, jitter_distribution=distribution)
    link = replace(Layout.of(ring(3)).links["s0--s1"], properties=properties)
    if underlay_ms > properties.least_delay_ms:
        with pytest.raises(InputError):
            compensated(link, underlay_ms)
        return
    pipe = compensated(link, underlay_ms)
    for figure in ("delay_ms", "least_delay_ms", "median_delay_ms", "most_delay_ms"):
        together = getattr(pipe, figure) + underlay_ms
        assert together == pytest.approx(getattr(properties, figure), abs=1e-5)


def test_a_placement_of_something_else_is_refused() -> None:
    layout = Layout.of(ring(4))
    sites = dict.fromkeys(layout.sites, 1)
    fits = placed(layout, {**sites, "s3": 2})
    other = Layout.of(ring(5))
    with pytest.raises(InputError) as raised:
        parts(other, fits)
    assert [problem.where for problem in raised.value.problems] == ["placement", "s4"]
    for wrong, where in (
        (replace(fits, crossing=()), "placement"),
        (replace(fits, controller="m9"), "controller"),
        (replace(fits, first_vni=MAX_VNI - 1), "first_vni"),
        (replace(fits, machine_of={**fits.machine_of, "s9": "m1"}), "s9"),
        (replace(fits, machine_of={**fits.machine_of, "s1": "m9"}), "s1"),
    ):
        with pytest.raises(InputError) as raised:
            parts(layout, wrong)
        assert [problem.where for problem in raised.value.problems] == [where]
