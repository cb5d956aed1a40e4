"""Where things lie on the map: the projection, places with several sites, lines that keep clear. Pure."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations, pairwise, takewhile

from experiments.report.labels import Point
from topology.network import Site, Text

Line = tuple[Point, ...]

WIDTH = 760.0
MARGIN = 34.0
MAX_HEIGHT_RATIO = 1.05
KM_PER_DEGREE = 111.195  # of latitude, on a sphere of 6371 km
CLEARANCE = 9.0  # a line keeps this far from places that it does not join, in SVG units
SAME_PLACE = 7.0  # sites closer than this share one label
ROOM = 16.0  # between the rings of two places
MAX_PUSHES = 60
_BULGES = (0.0, 10.0, -10.0, 18.0, -18.0, 28.0, -28.0, 40.0, -40.0)


class Projection:
    """Equirectangular around the middle latitude, fitted into the width of the picture."""

    def __init__(self, sites: Collection[Site]) -> None:
        latitudes = [site.latitude_deg for site in sites] or [0.0]
        longitudes = [site.longitude_deg for site in sites] or [0.0]
        self.south, self.north = min(latitudes), max(latitudes)
        self.west, self.east = min(longitudes), max(longitudes)
        self.shrink = math.cos(math.radians((self.south + self.north) / 2))
        across = max((self.east - self.west) * self.shrink, 0.5)
        up = max(self.north - self.south, 0.5)
        self.units_per_degree = min(
            (WIDTH - 2 * MARGIN - 40) / across, (MAX_HEIGHT_RATIO * WIDTH - 2 * MARGIN) / up
        )
        self.height = max(up * self.units_per_degree + 2 * MARGIN, 220.0)
        self._left = (WIDTH - across * self.units_per_degree) / 2
        self._bottom = (self.height - up * self.units_per_degree) / 2

    def __call__(self, site: Site) -> Point:
        """Where a site is, in SVG units from the lower left of the map."""
        return (
            self._left + (site.longitude_deg - self.west) * self.shrink * self.units_per_degree,
            self._bottom + (site.latitude_deg - self.south) * self.units_per_degree,
        )


@dataclass(frozen=True, slots=True)
class Place:
    """Sites too close to tell apart on the map: one label, their marks in a ring around ``centre``."""

    centre: Point
    sites: tuple[Site, ...]
    radius: float

    def positions(self) -> dict[str, Point]:
        """Where each site's mark goes, by site id."""
        if len(self.sites) == 1:
            return {self.sites[0].id: self.centre}
        x, y = self.centre
        turn = 2 * math.pi / len(self.sites)
        return {
            site.id: (x + self.radius * math.sin(number * turn), y + self.radius * math.cos(number * turn))
            for number, site in enumerate(self.sites)
        }

    def name(self) -> Text:
        """The site's name; for several, the words their names begin with, or the first one's name."""
        names = [site.name for site in self.sites]
        english = _common_start([name.en.split() for name in names])
        chinese = _common_start([list(name.zh) for name in names])
        return Text(" ".join(english) or names[0].en, "".join(chinese) or names[0].zh)


def _common_start(texts: Sequence[Sequence[str]]) -> list[str]:
    return [parts[0] for parts in takewhile(lambda parts: len(set(parts)) == 1, zip(*texts, strict=False))]


def places(sites: Collection[Site], projection: Projection) -> list[Place]:
    """Group sites that lie on top of each other, in the order of ``sites``; groups that touch make room."""
    groups: list[tuple[Point, list[Site]]] = []
    for site in sites:
        point = projection(site)
        near = next((group for centre, group in groups if math.dist(centre, point) < SAME_PLACE), None)
        if near is None:
            groups.append((point, [site]))
        else:
            near.append(site)
    radii = [0.0 if len(group) == 1 else 3.0 + 1.6 * len(group) for _, group in groups]
    centres = _apart([centre for centre, _ in groups], radii)
    return [
        Place(centre, tuple(group), radius)
        for centre, (_, group), radius in zip(centres, groups, radii, strict=True)
    ]


def _apart(centres: Sequence[Point], radii: Sequence[float]) -> list[Point]:
    """Push places that would touch apart, each by half of what is missing, until none touches."""
    moved = list(centres)
    for _ in range(MAX_PUSHES):
        touched = False
        for i, j in combinations(range(len(moved)), 2):
            (xi, yi), (xj, yj) = moved[i], moved[j]
            distance = math.dist(moved[i], moved[j]) or 1.0
            missing = radii[i] + radii[j] + ROOM - distance
            if missing > 0.1:
                touched = True
                dx, dy = (xj - xi) / distance * missing / 2, (yj - yi) / distance * missing / 2
                moved[i], moved[j] = (xi - dx, yi - dy), (xj + dx, yj + dy)
        if not touched:
            break
    return moved


def around_places(a: str, b: str, at: Mapping[str, Point], where: Sequence[Place]) -> Line:
    """A line from site ``a`` to ``b``: straight, or bent just enough to pass clear of every other place.

    A straight line through a third place would read as two links that meet there.
    """
    first, second = sorted((a, b))
    others = [place for place in where if not {a, b} & {site.id for site in place.sites}]
    roomiest: tuple[float, Line] = (-math.inf, ())
    for bulge in _BULGES:
        line = _arc(at[first], at[second], bulge)
        room = min((_distance(place.centre, line) - place.radius for place in others), default=math.inf)
        if room >= CLEARANCE:
            return line
        roomiest = max(roomiest, (room, line), key=lambda item: item[0])
    return roomiest[1]


def _arc(start: Point, end: Point, bulge: float) -> Line:
    """A parabola between two points, ``bulge`` units off the straight line in its middle."""
    if bulge == 0:
        return start, end
    (x0, y0), (x1, y1) = start, end
    length = math.hypot(x1 - x0, y1 - y0) or 1.0
    bulge = math.copysign(min(abs(bulge), length / 4), bulge)
    steps = [step / 16 for step in range(17)]
    shift = [4 * s * (1 - s) * bulge / length for s in steps]
    return tuple(
        (x0 + (x1 - x0) * s - (y1 - y0) * d, y0 + (y1 - y0) * s + (x1 - x0) * d)
        for s, d in zip(steps, shift, strict=True)
    )


def _distance(point: Point, line: Line) -> float:
    """Distance from a point to a line of straight pieces."""
    x, y = point
    nearest = math.inf
    for (x0, y0), (x1, y1) in pairwise(line):
        dx, dy = x1 - x0, y1 - y0
        s = ((x - x0) * dx + (y - y0) * dy) / ((dx * dx + dy * dy) or 1.0)
        s = min(max(s, 0.0), 1.0)
        nearest = min(nearest, math.hypot(x - x0 - s * dx, y - y0 - s * dy))
    return nearest


def beside(line: Line, distance: float) -> Line:
    """``line`` moved sideways, across the direction between its ends."""
    (x0, y0), (x1, y1) = line[0], line[-1]
    length = math.hypot(x1 - x0, y1 - y0) or 1.0
    dx, dy = -(y1 - y0) / length * distance, (x1 - x0) / length * distance
    return tuple((x + dx, y + dy) for x, y in line)
