"""The faults that the experiment knows, in the order in which it tries them."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

from topology.network import Text


class Kind(StrEnum):
    """A kind of fault."""

    CARRIER = "carrier"
    SILENT_ONE_WAY = "silent-one-way"
    SILENT_TWO_WAY = "silent-two-way"
    SWITCH_DEATH = "switch-death"
    CONTROLLER_DEATH = "controller-death"
    TWO_CUTS = "two-cuts"
    FLAPPING = "flapping"


NAMES: Mapping[Kind, Text] = {
    Kind.CARRIER: Text("Carrier lost at both ends", "两端同时失去载波"),
    Kind.SILENT_ONE_WAY: Text("Silent, one direction", "单向静默丢包"),
    Kind.SILENT_TWO_WAY: Text("Silent, both directions", "双向静默丢包"),
    Kind.SWITCH_DEATH: Text("Switch on the path dies", "途经交换机失效"),
    Kind.CONTROLLER_DEATH: Text("Carrier lost, controller dead", "控制器失效时失去载波"),
    Kind.TWO_CUTS: Text("Path and backup cut at once", "主备路径同时中断"),
    Kind.FLAPPING: Text("Carrier comes and goes", "载波反复通断"),
}

GOAL_MS: Mapping[Kind, float] = {
    Kind.CARRIER: 10.0,
    Kind.CONTROLLER_DEATH: 10.0,
    Kind.SILENT_ONE_WAY: 50.0,
    Kind.SILENT_TWO_WAY: 50.0,
    Kind.SWITCH_DEATH: 50.0,
}
"""The longest interruption aimed at. None where protection cannot help, or the fault itself lasts longer."""

FLAPS, FLAP_S = 5, 0.06
"""How often the carrier goes in one trial of *flapping*, and how long it is gone and back each time."""
