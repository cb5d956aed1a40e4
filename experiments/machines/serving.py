"""A part on its own machine, led by another: built, asked, and taken down when nobody leads any more."""

from __future__ import annotations

import json
import platform
import sys
from collections.abc import Callable
from dataclasses import asdict
from typing import Any

from experiments.guard import Guard
from experiments.lab import LabOptions
from experiments.machines.requests import Request, Requests
from topology.emulation.cell import private_network
from topology.emulation.doctor import choose_datapath
from topology.emulation.links import LinkProperties
from topology.emulation.links.choose import pipe_for
from topology.emulation.parts.network import PartNetwork
from topology.emulation.parts.reach import OutsideNetwork
from topology.emulation.readback import read_back
from topology.errors import InputError, OneHopError
from topology.placement.parts import Part

Event = dict[str, Any]


def read_part(text: str, where: str) -> Part:
    """The part that ``text`` holds. Raises ``InputError`` if it is none."""
    try:
        return Part.from_json(text)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise InputError(
            f"this is no part of a network: {type(error).__name__}: {error}",
            where=where,
            hint="onehop place writes such files; both machines need the same version of onehop",
        ) from None


def serve(
    part: Part,
    options: LabOptions,
    outside: OutsideNetwork,
    requests: Requests,
    *,
    pid: int,
    built: Callable[[dict[str, int]], object],
) -> None:
    """Build ``part``, tell of it on stdout, answer requests until they end, and take it down.

    Runs inside a cell. ``pid`` names it to ``onehop part exec``; ``built`` is given the process id of each
    site's host once it stands.

    Raises ``EmulationError`` if it cannot be built or something of it dies.
    """
    with private_network():
        pipe = pipe_for(options.pipe)
        datapath = choose_datapath(options.datapath)
        network = PartNetwork(part, pipe, outside, datapath=datapath, seed=options.seed)
        with network, Guard(network.pids, network.check):
            hosts = {site: int(network.host(site).pid) for site in part.layout.sites}
            built(hosts)
            _tell(
                {
                    "event": "up",
                    "pid": pid,
                    "hosts": hosts,
                    "datapath": "kernel" if datapath == "system" else "userspace",
                    "pipe": pipe.name,
                    "kernel": platform.release(),
                }
            )
            for request in requests:
                _tell({"event": "answer", "to": request["id"], **_answered(network, request)})


def _answered(network: PartNetwork, request: Request) -> Event:
    try:
        return {"answer": _answer(network, request)}
    except OneHopError as error:
        return {"error": error.problems[0].what, "where": error.problems[0].where}


def _answer(network: PartNetwork, request: Request) -> Any:
    match request["do"]:
        case "read back":
            chosen = [link for link in network.part.layout.links if link in request["links"]]
            if not chosen:
                return []
            readings = read_back(network.part.layout, network.pipe, only=chosen)
            return [asdict(reading) for reading in readings]
        case "change":
            network.pipe.change(request["link"], LinkProperties.from_dict(request["properties"]))
        case "set link":
            network.set_link(request["link"], up=request["up"])
        case "enlarge buffers":
            network.switches.enlarge_buffers()
        case unknown:
            raise InputError(f"a part knows no request {unknown!r}")
    return None


def _tell(event: Event) -> None:
    sys.stdout.write(json.dumps(event) + "\n")
    sys.stdout.flush()
