"""Maps: readable labels, lines that mislead nobody, both formats, and what happens without a Chinese font."""

from __future__ import annotations

from itertools import combinations
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from experiments.report import map as map_module
from experiments.report.geometry import CLEARANCE, ROOM, WIDTH, Projection, around_places, places
from experiments.report.labels import Box, Label, crosses, place, text_width
from experiments.report.map import Route, draw_map, map_svg
from tests.experiments.synthetic import networks, shortest_path
from topology.errors import InputError
from topology.scenario import load

coordinates = st.tuples(
    st.floats(min_value=0, max_value=760), st.floats(min_value=0, max_value=700)
)  # SVG units


@pytest.mark.parametrize("language", ["en", "zh"])
@pytest.mark.parametrize("scenario", ["qingyang-baseline", "qingyang-direct", "topohub:topozoo/Chinanet"])
def test_labels_of_shipped_maps_do_not_touch(scenario: str, language: str) -> None:
    network = load(scenario)
    projection = Projection(network.sites.values())
    spots = places(network.sites.values(), projection)
    labels = [Label(spot.name().in_language(language), spot.centre, 12, spot.radius + 4) for spot in spots]
    placed = place(labels, Box(0, 0, WIDTH, projection.height))
    for one, other in combinations(placed, 2):
        assert not one.box.overlap(other.box), (one.label.text, other.label.text)
    for label in placed:
        assert label.box.within(Box(0, 0, WIDTH, projection.height)), label.label.text


@settings(max_examples=40)
@given(st.lists(coordinates, min_size=1, max_size=30), st.integers(min_value=1, max_value=20))
def test_every_label_is_placed_once_and_always_alike(points: list[tuple[float, float]], length: int) -> None:
    labels = [Label("x" * length, point, 12, 4) for point in points]
    frame = Box(0, 0, 760, 700)
    placed = place(labels, frame)
    assert [label.label for label in placed] == labels
    assert placed == place(labels, frame)


@given(coordinates, coordinates, coordinates, coordinates)
def test_crossing_agrees_with_sampling(
    a: tuple[float, float], b: tuple[float, float], corner: tuple[float, float], end: tuple[float, float]
) -> None:
    box = Box(min(corner[0], end[0]), min(corner[1], end[1]), max(corner[0], end[0]), max(corner[1], end[1]))
    inside = any(
        box.left < a[0] + (b[0] - a[0]) * s / 200 < box.right
        and box.bottom < a[1] + (b[1] - a[1]) * s / 200 < box.top
        for s in range(201)
    )
    if inside:
        assert crosses(box, (a, b))


def test_text_width_counts_wide_characters() -> None:
    assert text_width("北京", 10) == pytest.approx(20.6)
    assert text_width("ab", 10) < text_width("ab", 10, bold=True) < text_width("北京", 10)


def test_sites_in_one_city_share_a_place_and_its_name() -> None:
    network = load("qingyang-baseline")
    spots = places(network.sites.values(), Projection(network.sites.values()))
    beijing = next(spot for spot in spots if any(site.id == "beijing" for site in spot.sites))
    assert len(beijing.sites) > 1
    assert beijing.name().en == "Beijing"
    assert beijing.name().zh == "北京"
    assert len(set(beijing.positions().values())) == len(beijing.sites)
    for one, other in combinations(spots, 2):
        apart = ((one.centre[0] - other.centre[0]) ** 2 + (one.centre[1] - other.centre[1]) ** 2) ** 0.5
        assert apart > one.radius + other.radius + ROOM - 1


def test_a_link_goes_round_a_site_that_it_does_not_join() -> None:
    network = networks()["proposal"]  # Qingyang to Shanghai passes over Nanjing
    projection = Projection(network.sites.values())
    spots = places(network.sites.values(), projection)
    at = {site: point for spot in spots for site, point in spot.positions().items()}
    line = around_places("qingyang", "shanghai", at, spots)
    assert len(line) > 2
    nanjing = at["nanjing"]
    assert min((x - nanjing[0]) ** 2 + (y - nanjing[1]) ** 2 for x, y in line) ** 0.5 >= CLEARANCE - 0.5
    assert line == around_places("shanghai", "qingyang", at, spots)


def test_routes_are_drawn_in_both_colours() -> None:
    found = networks()
    routes = [
        Route(shortest_path(found["base"], "qingyang", "beijing"), "base"),
        Route(shortest_path(found["proposal"], "qingyang", "beijing"), "proposal"),
    ]
    svg = map_svg(found["proposal"], language="zh", routes=routes)
    assert "#d55e00" in svg
    assert "#0072b2" in svg
    assert ">庆阳</text>" in svg
    assert map_svg(found["proposal"], language="zh", routes=routes) == svg
    assert "#d55e00" not in map_svg(found["proposal"], language="zh")


@pytest.mark.parametrize(
    ("name", "magic"), [("map.svg", b"<svg"), ("map.png", b"\x89PNG"), ("M.PNG", b"\x89PNG")]
)
def test_both_formats_are_written(tmp_path: Path, name: str, magic: bytes) -> None:
    path = tmp_path / name
    assert draw_map(networks()["base"], language="en", output=path) is None
    assert path.read_bytes().startswith(magic)


def test_without_a_chinese_font_a_png_is_in_english(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    english, chinese = tmp_path / "en.png", tmp_path / "zh.png"
    monkeypatch.setattr(map_module, "find_chinese_font", lambda: None)
    draw_map(networks()["base"], language="en", output=english)
    note = draw_map(networks()["base"], language="zh", output=chinese)
    assert note is not None
    assert "font" in note
    assert chinese.read_bytes() == english.read_bytes()
    assert (
        draw_map(networks()["base"], language="zh", output=tmp_path / "zh.svg") is None
    )  # needs no font here


def test_bad_outputs_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"'\.pdf'"):
        draw_map(networks()["base"], language="en", output=tmp_path / "map.pdf")
    with pytest.raises(InputError, match="cannot be written"):
        draw_map(networks()["base"], language="en", output=tmp_path / "missing" / "map.svg")


def test_a_map_of_one_site(tmp_path: Path) -> None:
    from dataclasses import replace

    network = networks()["base"]
    alone = replace(network, sites={"xian": network.sites["xian"]}, links={})
    draw_map(alone, language="en", output=tmp_path / "one.svg")
    assert ">Xi'an</text>" in (tmp_path / "one.svg").read_text()
