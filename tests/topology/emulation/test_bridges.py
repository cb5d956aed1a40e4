"""Bridges as OVSDB transactions, and what Open vSwitch makes of them. No root, no Open vSwitch."""

from __future__ import annotations

import re
from typing import Any

from topology.emulation.bridges import (
    bridge_operations,
    controller_operations,
    number_of,
    refused,
    settled_operations,
)
from topology.emulation.layout import Layout
from topology.emulation.ovsdb import map_of
from topology.scenario import load

TARGET = "tcp:127.0.0.1:6653"


def inserted(operations: list[Any], table: str) -> list[dict[str, Any]]:
    return [each["row"] for each in operations if each["op"] == "insert" and each["table"] == table]


def test_every_port_of_every_site_has_its_number_and_every_name_used_is_given() -> None:
    layout = Layout.of(load("tiny"))
    sites = list(layout.sites.values())
    operations = bridge_operations(layout, sites, "dummy", TARGET)
    given = {each["uuid-name"] for each in operations if each["op"] == "insert"}
    used = re.findall(r"'named-uuid', '(\w+)'", str(operations))
    assert set(used) == given
    assert len(used) == len(given)  # no row belongs to two others
    numbers = {row["name"]: row.get("ofport_request") for row in inserted(operations, "Interface")}
    expected: dict[str, int | None] = {site.switch: None for site in sites}
    expected |= {site.switch_interface: 1 for site in sites}
    for link in layout.links.values():
        expected |= {end.interface: end.port for end in (link.a, link.b)}
    assert numbers == expected
    bridges = {row["name"]: row for row in inserted(operations, "Bridge")}
    assert list(bridges) == [site.switch for site in sites]
    first = bridges[sites[0].switch]
    assert first["fail_mode"] == "secure"
    assert map_of(first["other_config"])["datapath-id"] == "0000000000000001"
    assert len(first["ports"][1]) == 2 + len(layout.ends_of[sites[0].site])
    assert {row["target"] for row in inserted(operations, "Controller")} == {TARGET}


def test_a_controller_can_come_later() -> None:
    layout = Layout.of(load("tiny"))
    sites = list(layout.sites.values())[:2]
    before = bridge_operations(layout, sites, "system", None)
    assert not inserted(before, "Controller")
    assert all("controller" not in row for row in inserted(before, "Bridge"))
    later = controller_operations(sites, TARGET)
    assert [row["target"] for row in inserted(later, "Controller")] == [TARGET, TARGET]
    assert [each["where"] for each in later if each["op"] == "update"] == [
        [["name", "==", site.switch]] for site in sites
    ]


def test_each_change_is_waited_for_by_its_number() -> None:
    layout = Layout.of(load("tiny"))
    operations = bridge_operations(layout, list(layout.sites.values()), "dummy", None)
    assert operations[-2]["mutations"][0] == ["next_cfg", "+=", 1]
    number = number_of([{}, {"count": 1}, {"rows": [{"next_cfg": 7}]}])
    assert number == 7
    wait, select = settled_operations(number)
    assert (wait["op"], wait["rows"]) == ("wait", [{"cur_cfg": 7}])
    assert select["op"] == "select"


def test_a_port_that_is_not_what_was_asked_for_is_named() -> None:
    empty: list[Any] = ["set", []]
    rows = [
        {"name": "s1", "type": "internal", "ofport_request": empty, "ofport": 65534, "error": empty},
        {"name": "s1-p1", "type": "", "ofport_request": 1, "ofport": 1, "error": empty},
        {"name": "s1-p3", "type": "", "ofport_request": 3, "ofport": 4, "error": empty},
        {
            "name": "s1-p2",
            "type": "",
            "ofport_request": 2,
            "ofport": -1,
            "error": "could not open network device s1-p2 (No such device)",
        },
    ]
    assert refused([{}, {"rows": rows}]) == [
        "could not open network device s1-p2 (No such device)",
        "s1-p3 has not become port 3",
    ]
    assert refused([{}, {"rows": rows[:2]}]) == []
