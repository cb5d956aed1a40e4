"""Whether a file of machines makes sense for a layout. Everything that is wrong is told at once."""

from __future__ import annotations

from collections import Counter
from typing import TypeVar

from pydantic import ValidationError

from topology.emulation.layout import Layout
from topology.placement.capacity import shortages
from topology.placement.document.resolve import resolved_machine
from topology.placement.document.schema import MachineIn, UnderlayIn
from topology.placement.model import MAX_VNI
from topology.placement.tunnel import NEEDED_MTU_BYTES, missing_mtu_bytes
from topology.scenario.findings import Findings
from topology.scenario.node import Node, show
from topology.scenario.overlay import parts_of
from topology.scenario.parts import Part
from topology.scenario.references import check_name

P = TypeVar("P", bound=Part)


def check_sense(root: Node, layout: Layout, findings: Findings) -> None:
    """Add whatever makes the sound parts of ``root`` no machines for ``layout``."""
    machines = parts_of(root, "machines")
    check_name("machine", root.get("controller"), machines, findings)
    sound = {name: part for name, node in machines.items() if (part := _sound(node, MachineIn)) is not None}
    _check_machines(machines, sound, findings)
    _check_mtu(root, machines, sound, findings)
    for site, machine in parts_of(root, "pins").items():
        _check_site(site, machine, layout, findings)
        check_name("machine", machine, machines, findings)
    _check_underlay(root.at(["underlay"]), machines, findings)
    _check_vnis(root.get("first_vni"), layout, findings)
    _check_room(root, machines, sound, layout, findings)


def _check_machines(nodes: dict[str, Node], sound: dict[str, MachineIn], findings: Findings) -> None:
    by_address: dict[str, str] = {}
    local: list[str] = []
    for name, machine in sound.items():
        if (other := by_address.setdefault(machine.address, name)) != name:
            hint = "each machine needs an address of its own; the same machine twice carries no more"
            what = f"{machine.address} is already the address of {show(other)}"
            findings.add(nodes[name].at(["address"]), what, hint)
        if machine.reach == []:
            local.append(name)
    for name in local[1:]:
        what = f"the program runs on one machine only, and that is already {show(local[0])}"
        findings.add(nodes[name].at(["reach"]), what, "state the command that reaches this one, such as ssh")


def _check_mtu(root: Node, nodes: dict[str, Node], sound: dict[str, MachineIn], findings: Findings) -> None:
    fragments = root.get("fragments")
    if len(nodes) < 2 or (fragments is not None and fragments.value is not False):
        return
    for name, machine in sound.items():
        if missing := missing_mtu_bytes(machine.mtu_bytes):
            node = nodes[name].at(["mtu_bytes"])
            stated = "" if node is not nodes[name] else ", the default"
            what = f"an MTU of {machine.mtu_bytes} bytes{stated}; a tunnel needs {NEEDED_MTU_BYTES}"
            hint = (
                f"raise it there and on the way ('ip link set dev INTERFACE mtu {NEEDED_MTU_BYTES}') and"
                " state it here; or write 'fragments: true': large frames then cross as two packets"
            )
            findings.add(node, f"{what}, {missing} more", hint)


def _check_site(site: str, node: Node, layout: Layout, findings: Findings) -> None:
    """Whether the key of a pin is a site; its place is the entry's."""
    check_name("site", Node(site, node.place, site), layout.sites, findings)


def _check_underlay(entries: Node, machines: dict[str, Node], findings: Findings) -> None:
    seen: dict[frozenset[str], Node] = {}
    for node in entries.items():
        between = [item.text() for item in node.at(["between"]).items()]
        for item in node.at(["between"]).items():
            check_name("machine", item, machines, findings)
        entry = _sound(node, UnderlayIn)
        if entry is None:
            continue
        pair = frozenset(entry.between or ())
        if len(pair) == 1:
            findings.add(node, f"a path from {show(str(between[0]))} to itself", "name two machines")
        elif pair in seen:
            which = " and ".join(map(str, between)) if between else "all other machines"
            line = f" in line {seen[pair].place.line}" if seen[pair].place.line else ""
            findings.add(node, f"the network between {which} is already stated{line}", "keep one of the two")
        seen.setdefault(pair, node)


def _check_vnis(node: Node | None, layout: Layout, findings: Findings) -> None:
    if node is None or type(node.value) is not int or node.value > MAX_VNI:
        return
    largest = max((link.number for link in layout.links.values()), default=0)
    if node.value + largest > MAX_VNI:
        what = f"the {largest} links would have VNIs up to {node.value + largest}; the largest is {MAX_VNI}"
        findings.add(node, what, f"at most {MAX_VNI - largest} here")


def _check_room(
    root: Node, nodes: dict[str, Node], sound: dict[str, MachineIn], layout: Layout, findings: Findings
) -> None:
    """Asked only if all machines and pins are sound: a slip in one of them is no want of room."""
    pins = {site: node.text() for site, node in parts_of(root, "pins").items()}
    if len(sound) < max(1, len(nodes)) or set(pins.values()) - set(nodes) or set(pins) - set(layout.sites):
        return
    machines = [resolved_machine(name, part) for name, part in sound.items()]
    pinned = Counter(map(str, pins.values()))
    for problem in shortages(machines, len(layout.sites), pinned):
        findings.add(nodes.get(problem.where, root.at(["machines"])), problem.what, problem.hint)


def _sound(node: Node, model: type[P]) -> P | None:
    """The part if its shape is sound; if not, that has been told."""
    try:
        return model.model_validate(node.plain())
    except ValidationError:
        return None
