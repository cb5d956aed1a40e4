"""Files of machines: what a network is placed on. ``schema`` has the format; see ``docs/machines.md``."""

from __future__ import annotations

from topology.placement.document.reading import load_fleet
from topology.placement.document.schema import json_schema

__all__ = ["json_schema", "load_fleet"]
