"""Where to put the labels of a map so that they can be read. Pure geometry, deterministic.

Point-feature label placement is NP-hard (Marks and Shieber, 1991). Each label here tries rings of places
around its point and takes the cheapest, in order of importance; then all are tried again, against each other,
until none moves. That is the local search of Christensen, Marks and Shieber (1995), without its randomness.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

Point = tuple[float, float]
Segment = tuple[Point, Point]

MAX_ROUNDS = 12
_OVERLAP, _COVERS_POINT, _CROSSES_STRONG, _CROSSES, _OUTSIDE = 40.0, 120.0, 12.0, 1.5, 1000.0
# Directions in order of preference (cartographers' custom: right first), as (dx, dy), y upward.
_DIRECTIONS: tuple[Point, ...] = (
    (1, 0), (-1, 0), (0, 1), (0, -1), (0.8, 0.7), (0.8, -0.7), (-0.8, 0.7), (-0.8, -0.7),
)  # fmt: skip
_DISTANCES = (0.0, 7.0, 15.0, 24.0, 34.0, 46.0, 60.0)


@dataclass(frozen=True, slots=True)
class Box:
    """An axis-aligned rectangle; y upward."""

    left: float
    bottom: float
    right: float
    top: float

    def overlap(self, other: Box) -> float:
        """Shared area; 0 if they do not touch."""
        width = min(self.right, other.right) - max(self.left, other.left)
        height = min(self.top, other.top) - max(self.bottom, other.bottom)
        return width * height if width > 0 and height > 0 else 0.0

    def within(self, other: Box) -> bool:
        """Whether ``other`` holds it completely."""
        return (
            self.left >= other.left
            and self.right <= other.right
            and self.bottom >= other.bottom
            and self.top <= other.top
        )


@dataclass(frozen=True, slots=True)
class Label:
    """A text wanted near ``point``; ``clearance``: radius of the mark it must not cover. Units: SVG units."""

    text: str
    point: Point
    size: float
    clearance: float
    bold: bool = False


@dataclass(frozen=True, slots=True)
class PlacedLabel:
    """Where a label went: its box, and whether a leader line to its point is needed."""

    label: Label
    box: Box
    needs_leader: bool


def text_width(text: str, size: float, bold: bool = False) -> float:
    """Width of a text in any usual sans-serif face, estimated on the generous side."""
    wide = sum(unicodedata.east_asian_width(character) in "WF" for character in text)
    return size * (wide * 1.03 + (len(text) - wide) * (0.68 if bold else 0.6))


def place(
    labels: Sequence[Label],
    frame: Box,
    strong_lines: Sequence[Segment] = (),
    lines: Sequence[Segment] = (),
    obstacles: Sequence[Box] = (),
) -> list[PlacedLabel]:
    """Place every label inside ``frame``, the most important first; keeps their order.

    Labels avoid each other, all points and ``obstacles``, then ``strong_lines``, then ``lines``.
    """
    candidates = [_candidates(label) for label in labels]
    reaches = [_around(box for box, _ in options) for options in candidates]
    marks = [_mark(label) for label in labels]
    fixed = []
    for options, reach in zip(candidates, reaches, strict=True):
        # Only what lies within reach of a label can cost it anything.
        near = _Surroundings(
            frame,
            [box for box in obstacles if box.overlap(reach)],
            [mark for mark in marks if mark.overlap(reach)],
            [line for line in strong_lines if crosses(reach, line)],
            [line for line in lines if crosses(reach, line)],
        )
        fixed.append([near.cost(box) + far for box, far in options])
    rivals = [
        [j for j, other in enumerate(reaches) if j != i and other.overlap(reach)]
        for i, reach in enumerate(reaches)
    ]
    chosen: list[Box | None] = [None] * len(labels)
    for _ in range(MAX_ROUNDS):
        moved = False
        for i, options in enumerate(candidates):
            others = [box for j in rivals[i] if (box := chosen[j]) is not None]
            costs = [
                cost + sum(_OVERLAP + area for other in others if (area := box.overlap(other)))
                for (box, _), cost in zip(options, fixed[i], strict=True)
            ]
            best = options[costs.index(min(costs))][0]
            moved |= best != chosen[i]
            chosen[i] = best
        if not moved:
            break
    return [
        PlacedLabel(label, box, _gap(box, label) > _DISTANCES[1] + 1)
        for label, box in zip(labels, chosen, strict=True)
        if box is not None
    ]


def _candidates(label: Label) -> list[tuple[Box, float]]:
    """Boxes around the point, and what each costs for being far or in an unusual place."""
    width, height = text_width(label.text, label.size, label.bold), label.size * 1.1
    x, y = label.point
    found = []
    for ring, distance in enumerate(_DISTANCES):
        for preference, (dx, dy) in enumerate(_DIRECTIONS):
            reach = label.clearance + 2 + distance
            centre_x = x + dx * reach + (width / 2 if dx > 0 else -width / 2 if dx < 0 else 0)
            centre_y = y + dy * reach + (height / 2 if dy > 0.9 else -height / 2 if dy < -0.9 else 0)
            box = Box(
                centre_x - width / 2, centre_y - height / 2, centre_x + width / 2, centre_y + height / 2
            )
            found.append((box, ring * 9 + preference * 0.4))
    return found


def _mark(label: Label) -> Box:
    (x, y), radius = label.point, label.clearance
    return Box(x - radius, y - radius, x + radius, y + radius)


def _around(boxes: Iterable[Box]) -> Box:
    """The smallest box that holds all ``boxes``."""
    every = list(boxes)
    return Box(
        min(box.left for box in every),
        min(box.bottom for box in every),
        max(box.right for box in every),
        max(box.top for box in every),
    )


@dataclass(frozen=True, slots=True)
class _Surroundings:
    """What a label may be in the way of, whatever the other labels do."""

    frame: Box
    obstacles: Sequence[Box]
    marks: Sequence[Box]
    strong_lines: Sequence[Segment]
    lines: Sequence[Segment]

    def cost(self, box: Box) -> float:
        """What a label in ``box`` would spoil."""
        return (
            (0.0 if box.within(self.frame) else _OUTSIDE)
            + _OUTSIDE * sum(box.overlap(obstacle) > 0 for obstacle in self.obstacles)
            + _COVERS_POINT * sum(box.overlap(mark) > 0 for mark in self.marks)
            + _CROSSES_STRONG * sum(crosses(box, line) for line in self.strong_lines)
            + _CROSSES * sum(crosses(box, line) for line in self.lines)
        )


def _gap(box: Box, label: Label) -> float:
    """Distance from the label's mark to its box."""
    x, y = label.point
    dx = max(box.left - x, 0.0, x - box.right)
    dy = max(box.bottom - y, 0.0, y - box.top)
    return float((dx * dx + dy * dy) ** 0.5) - label.clearance


def crosses(box: Box, segment: Segment) -> bool:
    """Whether a line segment touches a box (Liang and Barsky, 1984)."""
    (x0, y0), (x1, y1) = segment
    dx, dy = x1 - x0, y1 - y0
    enter, leave = 0.0, 1.0
    for delta, distance in (
        (-dx, x0 - box.left),
        (dx, box.right - x0),
        (-dy, y0 - box.bottom),
        (dy, box.top - y0),
    ):
        if delta == 0:
            if distance < 0:
                return False
            continue
        ratio = distance / delta
        if delta < 0:
            enter = max(enter, ratio)
        else:
            leave = min(leave, ratio)
        if enter > leave:
            return False
    return True
