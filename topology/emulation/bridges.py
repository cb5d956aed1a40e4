"""The bridges of a layout as rows of Open vSwitch's database: what one transaction puts in. Pure.

Tables and columns: ovs-vswitchd.conf.db(5). Operations: RFC 7047, section 5.2. A row that another row of the
same transaction speaks of gets a name there (``uuid-name``).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from topology.emulation.layout import HOST_PORT, Layout, SiteLayout
from topology.emulation.ovsdb import Operation, Row, as_map, wait_for

_BACKOFF_MS, _PROBE_MS = 1000, 5000  # a controller that restarts is found again within a second, not eight
# By default there is a thread or more for each processor; but the switch of one site has not much to ask of
# them, and a hundred such switches on a machine with many processors would have thousands.
_ONE_THREAD_EACH = {"n-handler-threads": "1", "n-revalidator-threads": "1"}
_NEXT: Operation = {
    "op": "mutate",
    "table": "Open_vSwitch",
    "where": [],
    "mutations": [["next_cfg", "+=", 1]],
}
_NUMBER: Operation = {"op": "select", "table": "Open_vSwitch", "where": [], "columns": ["next_cfg"]}


def bridge_operations(
    layout: Layout, sites: Sequence[SiteLayout], datapath_type: str, controller: str | None
) -> list[Operation]:
    """The bridges of some sites, ports with fixed numbers, and where their controller is (``tcp:IP:PORT``).

    ``secure``: without a controller a switch keeps its flows and learns nothing by itself.
    ``disable-in-band``: no hidden flows that would let the controller be reached over the data ports.
    """
    operations: list[Operation] = []
    bridges = []
    for site in sites:
        operations += _port(site.switch, {"type": "internal"})
        numbers = {site.switch_interface: HOST_PORT}
        numbers |= {end.interface: end.port for end in layout.ends_of[site.site]}
        for interface, number in numbers.items():
            operations += _port(interface, {"ofport_request": number})
        bridges.append(_named("bridge", site.switch))
        row: dict[str, Any] = {
            "name": site.switch,
            "ports": ["set", [_named("port", name) for name in (site.switch, *numbers)]],
            "datapath_type": datapath_type,
            "fail_mode": "secure",
            "protocols": "OpenFlow13",
            "other_config": as_map({"datapath-id": f"{site.dpid:016x}", "disable-in-band": "true"}),
        }
        if controller is not None:
            operations.append(_controller(site, controller))
            row["controller"] = _named("controller", site.switch)
        operations.append(_insert("Bridge", "bridge", site.switch, row))
    mutations = [*_NEXT["mutations"], ["bridges", "insert", ["set", bridges]]]
    if datapath_type != "system":
        mutations.append(["other_config", "insert", as_map(_ONE_THREAD_EACH)])
    return [*operations, {**_NEXT, "mutations": mutations}, _NUMBER]


def controller_operations(sites: Sequence[SiteLayout], controller: str) -> list[Operation]:
    """Have bridges that know of none look for their controller (``tcp:IP:PORT``)."""
    operations: list[Operation] = []
    for site in sites:
        row = {"controller": _named("controller", site.switch)}
        operations += [_controller(site, controller), _update("Bridge", site.switch, row)]
    return [*operations, _NEXT, _NUMBER]


def interface_operations(rows: Mapping[str, Row]) -> list[Operation]:
    """Set columns of interfaces, given by interface name."""
    return [*(_update("Interface", name, row) for name, row in rows.items()), _NEXT, _NUMBER]


def number_of(results: Sequence[Mapping[str, Any]]) -> int:
    """The number of the configuration that one of the above has made, from the results of its transaction."""
    return int(results[-1]["rows"][0]["next_cfg"])


def settled_operations(number: int) -> list[Operation]:
    """Wait until ovs-vswitchd has put a configuration into effect, and ask how its interfaces are."""
    columns = ["name", "type", "ofport_request", "ofport", "error"]
    return [
        wait_for("Open_vSwitch", "cur_cfg", "==", number),
        {"op": "select", "table": "Interface", "where": [], "columns": columns},
    ]


def refused(results: Sequence[Mapping[str, Any]]) -> list[str]:
    """What ovs-vswitchd could not do, one sentence each, from the results of ``settled_operations``."""
    complaints = []
    for row in sorted(results[-1]["rows"], key=lambda row: str(row["name"])):
        asked, given = row["ofport_request"], row["ofport"]
        if isinstance(row["error"], str):  # an empty set otherwise, as every column without a value
            complaints.append(row["error"])
        elif isinstance(asked, int) and asked != given:
            complaints.append(f"{row['name']} has not become port {asked}")
    return complaints


def _port(interface: str, columns: Mapping[str, Any]) -> Iterator[Operation]:
    yield _insert("Interface", "interface", interface, {"name": interface, **columns})
    row = {"name": interface, "interfaces": _named("interface", interface)}
    yield _insert("Port", "port", interface, row)


def _controller(site: SiteLayout, target: str) -> Operation:
    row = {"target": target, "max_backoff": _BACKOFF_MS, "inactivity_probe": _PROBE_MS}
    return _insert("Controller", "controller", site.switch, row)


def _insert(table: str, kind: str, name: str, row: Row) -> Operation:
    return {"op": "insert", "table": table, "row": row, "uuid-name": _named(kind, name)[1]}


def _update(table: str, name: str, row: Row) -> Operation:
    return {"op": "update", "table": table, "where": [["name", "==", name]], "row": row}


def _named(kind: str, name: str) -> list[str]:
    """How rows of one transaction speak of each other; such a name is an identifier, without any hyphen."""
    return ["named-uuid", f"{kind}_{name.replace('-', '_')}"]
