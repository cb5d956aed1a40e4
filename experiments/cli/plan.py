"""``onehop plan``: every route and its predicted delay, without root and without emulation."""

from __future__ import annotations

from typing import Any

import click
from rich.table import Table

from controller.flowtables import digest_of_tables, flow_tables
from controller.plan import PlannedPath, RoutingPlan
from controller.promises import Promises, carried
from controller.reservations import Refusal
from experiments.cli.console import err, out
from experiments.results import DelaySplit
from topology.emulation.layout import Layout
from topology.errors import InputError
from topology.network import ROUTED_CLASSES, Network, TrafficClass
from topology.scenario import load

HEADINGS = {
    "en": ("to", "hops", "total", "fibre", "transit", "hand-over", "floor", "stretch", "route"),
    "zh": ("到", "跳数", "合计", "光纤", "转接", "网间", "下限", "倍数", "路径"),
}
LEFT = ("to", "到", "route", "路径")


@click.command()
@click.argument("scenario", default="qingyang-direct")
@click.option("--from", "source", help="Plan from this site to all others, instead of the measured pairs.")
@click.option(
    "--class", "class_name", type=click.Choice([str(c) for c in ROUTED_CLASSES]), default="best-effort"
)
@click.option("--without", multiple=True, metavar="LINK", help="As if this link had failed; may be repeated.")
@click.option("--digest", is_flag=True, help="Only the digest: equal plans have equal digests.")
@click.option("--flows", metavar="SITE", help="Print what this site's switch holds.")
@click.option("--json", "as_json", is_flag=True, help="Every path of every pair and class, as JSON.")
@click.option("--language", type=click.Choice(["en", "zh"]), default="en", show_default=True)
def command(
    scenario: str,
    source: str | None,
    class_name: str,
    without: tuple[str, ...],
    digest: bool,
    flows: str | None,
    as_json: bool,
    language: str,
) -> int:
    """Compute every route and its predicted delay. Needs no root and emulates nothing.

    SCENARIO is a shipped name, a file, or topohub:NAME; qingyang-direct if not given.

    \b
    Examples:
      onehop plan qingyang-baseline
      onehop plan qingyang-baseline --digest
      onehop plan qingyang-direct --without qingyang--beijing
      onehop plan tiny --flows xian
    """
    network = load(scenario)
    unknown = [link for link in without if link not in network.links]
    if unknown:
        raise InputError(
            f"{unknown[0]!r} is not a link of {scenario}", where="--without", hint=_some(network.links)
        )
    plan = RoutingPlan.of(network, without_links=without)
    if digest:
        print(plan.digest())
        return 0
    if as_json:
        print(plan.to_json())
        return 0
    if flows is not None:
        return _print_flows(network, plan, flows)
    _print_paths(network, plan, source, TrafficClass(class_name), language)
    return 0


def _print_paths(
    network: Network, plan: RoutingPlan, source: str | None, traffic_class: TrafficClass, language: str
) -> None:
    start = source or network.comparison.source
    if start not in network.sites:
        raise InputError(
            f"{start!r} is not a site of {network.id}", where="--from", hint=_some(network.sites)
        )
    ends = [site for site in network.sites if site != start] if source else network.comparison.destinations
    out.print(
        f"[bold]{network.title.in_language(language)}[/]: {len(network.sites)} sites, "
        f"{len(network.links)} links, {traffic_class} traffic; one-way milliseconds of empty paths"
    )
    table = Table(box=None, header_style="bold", pad_edge=False)
    for heading in HEADINGS[language]:
        table.add_column(heading, justify="left" if heading in LEFT else "right")
    for end in ends:
        path = plan.paths.get((start, end, traffic_class))
        table.add_row(*_row(network, start, end, path, language))
    out.print(table)
    _print_notes(plan, traffic_class)


def _row(network: Network, start: str, end: str, path: PlannedPath | None, language: str) -> list[str]:
    name = network.sites[end].name.in_language(language)
    if path is None:
        return [name, "-", "no route", "", "", "", "", "", ""]
    split = DelaySplit.of_path(network, path.sites)
    floor_ms = network.floor_one_way_ms(start, end)
    stretch = f"{split.empty_ms / floor_ms:.2f}" if floor_ms > 0 else "-"
    route = " > ".join(network.sites[site].name.in_language(language) for site in path.sites)
    figures = (split.empty_ms, split.propagation_ms, split.transit_ms, split.handover_ms, floor_ms)
    return [name, str(path.hops), *(f"{figure:.2f}" for figure in figures), stretch, route]


def _print_notes(plan: RoutingPlan, traffic_class: TrafficClass) -> None:
    if plan.unreachable:
        first = plan.unreachable[0]
        err.print(
            f"{len(plan.unreachable)} pairs have no route, the first: {first.source} > {first.destination}: "
            f"{first.reason}",
            markup=False,
        )
    if plan.degraded and traffic_class is TrafficClass.COMPUTE:
        err.print(f"compute traffic of {len(plan.degraded)} pairs must cross links narrower than it asks for")
    out.print(f"plan digest {plan.digest()[:16]}   (onehop plan --digest for all of it)", style="dim")


def _print_flows(network: Network, plan: RoutingPlan, site: str) -> int:
    promises = Promises(network)
    standing = promises.standing(plan.without_links)
    tables = flow_tables(plan, network, Layout.of(network), carried(standing))
    if site not in tables:
        raise InputError(
            f"{site!r} is not a site of {network.id}", where="--flows", hint=_some(network.sites)
        )
    table = tables[site]
    print(table.meters_text() + table.groups_text() + table.to_text(), end="")
    refusals = [answer for answer in promises.first_answers if isinstance(answer, Refusal)]
    for refusal in (*refusals, *standing.broken):
        err.print(f"{refusal.demand.id}: no reservation: {refusal.reason}", markup=False)
    err.print(f"digest of all flow tables: {digest_of_tables(tables)}", style="dim")
    return 0


def _some(names: Any) -> str:
    listed = list(names)
    return "known: " + ", ".join(listed[:12]) + (", ..." if len(listed) > 12 else "")
