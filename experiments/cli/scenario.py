"""``onehop scenario``: list, check, show and draw scenarios."""

from __future__ import annotations

import json
from pathlib import Path

import click
from rich.table import Table

from experiments.cli.console import err, out
from topology.errors import InputError
from topology.network import Network
from topology.scenario import json_schema, load, shipped


@click.group()
def command() -> None:
    """List, check, show and draw scenarios. Needs no root.

    Wherever a SCENARIO is expected: a shipped name, a .yaml or .graphml file, or topohub:NAME, such as
    topohub:topozoo/Cernet.
    """


@command.command(name="list")
@click.option("--json", "as_json", is_flag=True, help="As JSON, for scripts.")
def list_command(as_json: bool) -> int:
    """Name the scenarios that come with OneHop."""
    networks = [load(name) for name in shipped()]
    if as_json:
        print(
            json.dumps(
                [
                    {
                        "id": n.id,
                        "base": n.base,
                        "title": n.title.en,
                        "sites": len(n.sites),
                        "links": len(n.links),
                    }
                    for n in networks
                ],
                indent=1,
            )
        )
        return 0
    table = Table("scenario", "on top of", "sites", "links", "title", "标题", box=None, header_style="bold")
    for network in networks:
        table.add_row(
            network.id,
            network.base or "-",
            str(len(network.sites)),
            str(len(network.links)),
            network.title.en,
            network.title.zh,
        )
    out.print(table)
    return 0


@command.command()
@click.argument("files", nargs=-1, required=True)
def check(files: tuple[str, ...]) -> int:
    """Check scenario files; every mistake at once, each with its place and a hint. Exit code 2 if any.

    \b
    Example:
      onehop scenario check my-proposal.yaml
    """
    wrong = 0
    for reference in files:
        try:
            network = load(reference)
        except InputError as error:
            wrong += 1
            err.print(f"error: {error}", markup=False, soft_wrap=True)
            continue
        out.print(f"ok: {reference}: {len(network.sites)} sites, {len(network.links)} links", markup=False)
    return 2 if wrong else 0


@command.command()
def schema() -> int:
    """Print the JSON Schema of the scenario format, for editors."""
    print(json.dumps(json_schema(), ensure_ascii=False, indent=2))
    return 0


@command.command()
@click.argument("scenario", default="qingyang-direct")
@click.option(
    "--map", "map_file", type=click.Path(path_type=Path), help="Draw the map: FILE.svg or FILE.png."
)
@click.option("--language", type=click.Choice(["en", "zh"]), default="en", show_default=True)
@click.option("--json", "as_json", is_flag=True, help="The resolved network as JSON.")
@click.option("--assumptions", is_flag=True, help="List what no source says.")
def show(scenario: str, map_file: Path | None, language: str, as_json: bool, assumptions: bool) -> int:
    """Print a scenario's sites and links, and draw its map.

    \b
    Examples:
      onehop scenario show qingyang-direct --map direct.svg --language zh
      onehop scenario show topohub:topozoo/Chinanet --map chinanet.png
    """
    network = load(scenario)
    if as_json:
        print(json.dumps(network.to_dict(), ensure_ascii=False, indent=1))
        return 0
    out.print(
        f"[bold]{network.title.in_language(language)}[/]\n{network.description.in_language(language)}\n"
    )
    _print_sites(network, language)
    out.print()
    _print_links(network)
    if assumptions:
        _print_assumptions(network)
    if map_file is not None:
        _draw(network, map_file, language)
    return 0


def _print_sites(network: Network, language: str) -> None:
    table = Table(
        "site",
        "name",
        "kind",
        "region",
        "operator",
        "latitude",
        "longitude",
        "transit ms",
        box=None,
        header_style="bold",
        pad_edge=False,
    )
    for site in network.sites.values():
        table.add_row(
            site.id,
            site.name.in_language(language),
            site.kind,
            site.region,
            site.operator,
            f"{site.latitude_deg:.3f}",
            f"{site.longitude_deg:.3f}",
            f"{site.transit_ms:g}",
        )
    out.print(table)


def _print_links(network: Network) -> None:
    table = Table(
        "link",
        "Gbit/s",
        "route km",
        "known from",
        "one-way ms",
        "hand-over ms",
        box=None,
        header_style="bold",
        pad_edge=False,
    )
    for link in network.links.values():
        table.add_row(
            link.id,
            f"{link.capacity_gbps:g}",
            f"{link.route_km:.0f}",
            link.route_basis,
            f"{network.link_latency_ms(link):.3f}",
            f"{link.handover_ms:g}",
        )
    out.print(table)


def _print_assumptions(network: Network) -> None:
    from experiments.results import assumptions_of

    out.print("\n[bold]Assumptions[/]")
    for assumption in assumptions_of(network):
        out.print(f"- {', '.join(assumption.subjects)}: {assumption.text}", markup=False)


def _draw(network: Network, map_file: Path, language: str) -> None:
    from experiments.report.map import draw_map

    if map_file.suffix not in (".svg", ".png"):
        raise InputError(
            f"a map is .svg or .png, not {map_file.suffix or 'without an ending'}", where="--map"
        )
    note = draw_map(network, language=language, output=map_file)
    out.print(f"map: {map_file}", markup=False)
    if note:
        err.print(f"note: {note}", markup=False)
