"""``onehop place``: which machine carries which site, and what crosses between them. Without root."""

from __future__ import annotations

import json
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import click
from rich.table import Table

from experiments.cli.console import err, out, steps
from topology.emulation.layout import Layout
from topology.errors import InputError
from topology.placement.document import json_schema, load_fleet
from topology.placement.model import Placement
from topology.placement.parts import CrossingEnd, Part, parts
from topology.placement.place import place
from topology.placement.rates import pair_rates, too_much
from topology.scenario import load

PLACEMENT_FILE = "placement.json"
MANY_SITES = 200  # to place fewer takes a second


@click.command()
@click.argument("scenario", default="qingyang-direct")
@click.option("--machines", "file", metavar="FILE", help="The file of machines (docs/machines.md).")
@click.option("--json", "as_json", is_flag=True, help="The placement and every crossing link, as JSON.")
@click.option(
    "--parts",
    "folder",
    type=click.Path(path_type=Path),
    metavar="FOLDER",
    help="Write the placement and each machine's part there, as JSON.",
)
@click.option("--schema", is_flag=True, help="Print the JSON Schema of the file of machines, for editors.")
def command(scenario: str, file: str | None, as_json: bool, folder: Path | None, schema: bool) -> int:
    """Place a network on several machines: fewest links between them, and of those the longest, whose delay
    has room for that of the network between the machines. Needs no root and emulates nothing.

    \b
    The file of machines:
      placement: 1
      machines:
        here: {address: 192.0.2.10, reach: [], mtu_bytes: 9000}
        lab-1: {address: 192.0.2.11, mtu_bytes: 9000, weight: 2}
      pins: {qingyang: here}
      underlay: [{one_way_ms: 0.1, rate_mbps: 10000}]

    \b
    Examples:
      onehop place qingyang-direct --machines machines.yaml
      onehop place qingyang-direct --machines machines.yaml --parts parts
      onehop place topohub:topozoo/Cernet --machines machines.yaml --json
      onehop place --schema
    """
    if schema:
        print(json.dumps(json_schema(), ensure_ascii=False, indent=2))
        return 0
    if file is None:
        raise InputError("say on which machines", where="--machines", hint="--machines FILE; see --help")
    layout = Layout.of(load(scenario))
    fleet = load_fleet(file, layout)
    with steps() if len(layout.sites) > MANY_SITES else nullcontext() as progress:
        if progress is not None:
            progress.say(f"placing {len(layout.sites)} sites; this takes seconds")
        placement = place(layout, fleet)
    shares = parts(layout, placement)
    warnings = too_much(layout, placement)
    if folder is not None:
        _write(folder, placement, shares)
    if as_json:
        print(json.dumps(_as_data(layout, placement, shares, warnings), ensure_ascii=False, indent=1))
        return 0
    _print_machines(layout, placement, shares)
    _print_crossing(placement, shares)
    for warning in warnings:
        err.print(f"warning: {warning}", markup=False, soft_wrap=True)
    if folder is not None:
        err.print(f"written to {folder}: {PLACEMENT_FILE} and a file for each machine", markup=False)
    return 0


def _write(folder: Path, placement: Placement, shares: dict[str, Part]) -> None:
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise InputError("something is there already", where=f"--parts {folder}", hint="name a new folder")
    folder.mkdir(parents=True, exist_ok=True)
    (folder / PLACEMENT_FILE).write_text(placement.to_json() + "\n", encoding="utf-8")
    for name, part in shares.items():
        (folder / f"part-{name}.json").write_text(part.to_json() + "\n", encoding="utf-8")


def _print_machines(layout: Layout, placement: Placement, shares: dict[str, Part]) -> None:
    cross = "1 link crosses" if len(placement.crossing) == 1 else f"{len(placement.crossing)} links cross"
    out.print(
        f"[bold]{layout.scenario}[/]: {len(layout.sites)} sites and {len(layout.links)} links on "
        f"{len(shares)} machine{'' if len(shares) == 1 else 's'}; {cross}"
    )
    table = Table(box=None, header_style="bold", pad_edge=False)
    for heading, justify in (
        *(("machine", "left"), ("address", "left"), ("sites", "right"), ("links inside", "right")),
        *(("crossing", "right"), ("which sites", "left")),
    ):
        table.add_column(heading, justify=justify)  # type: ignore[arg-type]
    for name, part in shares.items():
        mark = " (controller)" if name == placement.controller else ""
        figures = (len(part.layout.sites), len(part.layout.links), len(part.crossings))
        table.add_row(name + mark, part.machine.address, *map(str, figures), ", ".join(part.layout.sites))
    out.print(table)


def _print_crossing(placement: Placement, shares: dict[str, Part]) -> None:
    if not placement.crossing:
        return
    out.print("\n[bold]Links that cross[/]; delays one way, in milliseconds")
    table = Table(box=None, header_style="bold", pad_edge=False)
    for heading in ("link", "from", "to"):
        table.add_column(heading)
    for heading in ("delay", "underlay", "added", "Mbit/s", "VNI"):
        table.add_column(heading, justify="right")
    for end in _crossings(placement, shares):
        known = placement.path_between(_machine_of(placement, end), end.remote_machine) is not None
        table.add_row(
            end.link.link,
            _machine_of(placement, end),
            end.remote_machine,
            f"{end.link.properties.delay_ms:.3f}",
            f"{end.underlay_one_way_ms:.3f}" if known else "-",
            f"{end.pipe.delay_ms:.3f}",
            f"{end.link.properties.rate_mbps:g}",
            str(end.vni),
        )
    out.print(table)


def _crossings(placement: Placement, shares: dict[str, Part]) -> list[CrossingEnd]:
    """The end with the pipe of each crossing link, in the order of the scenario."""
    ends = {link: end for part in shares.values() for link, end in part.crossings.items() if end.holds_pipe}
    return [ends[link] for link in placement.crossing]


def _machine_of(placement: Placement, end: CrossingEnd) -> str:
    return placement.machine_of[end.here.site]


def _as_data(
    layout: Layout, placement: Placement, shares: dict[str, Part], warnings: list[Any]
) -> dict[str, Any]:
    return {
        "scenario": layout.scenario,
        "links": len(layout.links),
        "placement": json.loads(placement.to_json()),
        "crossing": [
            {
                "link": end.link.link,
                "from": _machine_of(placement, end),
                "to": end.remote_machine,
                "delay_ms": end.link.properties.delay_ms,
                "underlay_one_way_ms": end.underlay_one_way_ms,
                "added_delay_ms": end.pipe.delay_ms,
                "rate_mbps": end.link.properties.rate_mbps,
                "vni": end.vni,
            }
            for end in _crossings(placement, shares)
        ],
        "between": [
            {"machines": [p.a, p.b], "links": p.links, "asked_mbps": p.asked_mbps, "rate_mbps": p.rate_mbps}
            for p in pair_rates(layout, placement)
        ],
        "warnings": [str(warning) for warning in warnings],
    }
