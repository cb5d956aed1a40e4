"""``onehop admit``: ask for reserved paths, without root and without emulation."""

from __future__ import annotations

import json
from typing import Any

import click
from rich.table import Table

from controller.admission import Admission, Standing, standing
from controller.reservations import Answer, Refusal, Reservation, ReservedPath
from experiments.cli.console import err, out
from experiments.cli.figures import bound_ms, rate
from experiments.cli.placements import comparison, placed, print_comparison
from topology.errors import InputError
from topology.hints import did_you_mean
from topology.network import Demand, Network, TrafficClass
from topology.scenario import load_with_demands

REFUSED = 6  # exit code: all went well, but the answer to a demand is no


@click.command()
@click.argument("file", default="qingyang-deterministic")
@click.option("--emulated", is_flag=True, help="On the network as emulated: rates and bursts at its scale.")
@click.option(
    "--without",
    multiple=True,
    metavar="LINK",
    help="How promises stand when this link fails; may be repeated.",
)
@click.option(
    "--optimise",
    is_flag=True,
    help="Place all demands together instead of in turn, and say how far in turn is from that.",
)
@click.option(
    "--objective",
    type=click.Choice(["rate", "count"]),
    help="What --optimise admits most of: bit/s (the default) or demands. Then the least delay.",
)
@click.option(
    "--time-limit",
    type=click.FloatRange(min=0),
    metavar="SECONDS",
    help="After it (60 s) --optimise gives the best it has, and says what is not proven.",
)
@click.option("--json", "as_json", is_flag=True, help="Every answer in full, as JSON.")
@click.option("--language", type=click.Choice(["en", "zh"]), default="en", show_default=True)
def command(
    file: str,
    emulated: bool,
    without: tuple[str, ...],
    optimise: bool,
    objective: str | None,
    time_limit: float | None,
    as_json: bool,
    language: str,
) -> int:
    """Ask for each reserved demand in turn. The answer is a path, a reserved rate, a bound that no packet
    exceeds and, if asked for, a backup; or the constraint that failed, where, by how much, and what would
    have been possible.

    FILE is a scenario (its demands of class reserved) or a file of demands on a scenario:

    \b
      scenario: qingyang-deterministic
      demands:
        hpc: {from: beijing, to: qingyang, rate_gbps: 10, class: reserved,
              max_one_way_ms: 30, protection: link, assumption: an example}

    Needs no root and emulates nothing. Exit code 6 if a demand is refused, or a promise is broken by the
    failure of --without.

    \b
    Examples:
      onehop admit qingyang-deterministic
      onehop admit my-demands.yaml --json
      onehop admit tiny-deterministic --emulated --without qingyang--beijing
      onehop admit my-demands.yaml --optimise --objective count
    """
    if not optimise and (objective, time_limit) != (None, None):
        raise InputError("--objective and --time-limit go with --optimise", hint="add --optimise")
    network = load_with_demands(file)
    rate_scale = network.rate_scale if emulated else 1.0
    placement = None
    if optimise:
        placement = placed(network, reserved_demands(network), objective, rate_scale, time_limit)
        admission, answers = placement.admission(network, rate_scale), list(placement.answers)
    else:
        admission, answers = ask_all(network, rate_scale)
    stands = standing(network, admission.reservations, _known(network, without), rate_scale=rate_scale)
    if as_json:
        data = _as_data(network, admission, answers, stands)
        if placement is not None:
            data["optimise"] = comparison(placement)
        print(json.dumps(data, ensure_ascii=False, indent=1))
    else:
        _print_answers(network, answers, rate_scale, language)
        if placement is not None:
            print_comparison(placement)
        if without:
            _print_standing(network, stands, language)
    refused = any(isinstance(answer, Refusal) for answer in answers)
    return REFUSED if refused or stands.broken else 0


def ask_all(network: Network, rate_scale: float) -> tuple[Admission, list[Answer]]:
    """Every *reserved* demand of ``network``, asked in its order. Raises ``InputError`` if there is none."""
    reserved = reserved_demands(network)
    admission = Admission(network, rate_scale=rate_scale)
    return admission, [admission.ask(demand) for demand in reserved]


def reserved_demands(network: Network) -> list[Demand]:
    """The demands that ask for admission, in their order. Raises ``InputError`` if there is none."""
    reserved = [each for each in network.demands.values() if each.traffic_class is TrafficClass.RESERVED]
    if not reserved:
        raise InputError(
            "no demand is of class reserved; only those ask for admission",
            where=network.id,
            hint="add one with 'class: reserved', or a file of demands (onehop admit --help)",
        )
    return reserved


def _known(network: Network, links: tuple[str, ...]) -> tuple[str, ...]:
    for link in links:
        if link not in network.links:
            hint = did_you_mean(link, network.links)
            raise InputError(f"{link!r} is not a link of {network.id}", where="--without", hint=hint)
    return links


def _as_data(
    network: Network, admission: Admission, answers: list[Answer], stands: Standing
) -> dict[str, Any]:
    return {
        "scenario": network.id,
        "rate_scale": admission.rate_scale,
        "answers": [
            {"id": answer.demand.id, "admitted": isinstance(answer, Reservation), **answer.to_dict()}
            for answer in answers
        ],
        "usage": [
            {
                "link": usage.link,
                "from_site": usage.from_site,
                "rate_bps": usage.rate_bps,
                "rate_limit_bps": usage.rate_limit_bps,
                "burst_bits": usage.burst_bits,
                "burst_limit_bits": usage.burst_limit_bits,
            }
            for usage in admission.usage.values()
            if usage.rate_bps
        ],
        "standing": stands.to_dict(),
    }


def _print_answers(network: Network, answers: list[Answer], rate_scale: float, language: str) -> None:
    scale = f"emulated at 1 : {rate_scale:g}" if rate_scale != 1 else "at real rates"
    admitted = sum(isinstance(answer, Reservation) for answer in answers)
    out.print(
        f"[bold]{network.title.in_language(language)}[/]: {admitted} of {len(answers)} demands admitted, "
        f"{scale}; one-way milliseconds"
    )
    table = Table(box=None, header_style="bold", pad_edge=False)
    for heading, justify in _HEADINGS:
        table.add_column(heading, justify=justify)  # type: ignore[arg-type]
    for answer in answers:
        if isinstance(answer, Reservation):
            table.add_row(*_row(network, answer, language))
        else:
            table.add_row(answer.demand.id, "", "", "", "", "", f"refused: {answer.constraint}")
    out.print(table)
    for answer in answers:
        if isinstance(answer, Refusal):
            err.print(f"{answer.demand.id}: {answer.reason}", markup=False, soft_wrap=True)
    others = len(network.demands) - len(answers)
    if others:
        err.print(f"{others} demands of other classes are routed, not reserved (onehop plan)", style="dim")


_HEADINGS = (
    ("demand", "left"),
    ("rate", "right"),
    ("limit", "right"),
    ("bound", "right"),
    ("backup", "right"),
    ("failover", "right"),
    ("path", "left"),
)


def _row(network: Network, reservation: Reservation, language: str) -> list[str]:
    limit_ms = reservation.demand.max_one_way_ms
    backup = reservation.backup
    path = _sites(network, reservation.primary, language)
    if backup is not None:
        path += f"\n[dim]{_sites(network, backup, language)}[/]"
    return [
        reservation.id,
        rate(reservation.rate_bps),
        "-" if limit_ms is None else f"{limit_ms:g}",
        bound_ms(reservation.primary.bound_ns),
        "-" if backup is None else bound_ms(backup.bound_ns),
        "-" if reservation.failover_bound_ns is None else bound_ms(reservation.failover_bound_ns),
        path,
    ]


def _print_standing(network: Network, stands: Standing, language: str) -> None:
    out.print(f"\n[bold]Without {', '.join(stands.failed_links)}[/]")
    table = Table("demand", "stands", "bound", "path", box=None, header_style="bold", pad_edge=False)
    for name, held in stands.held.items():
        if held.primary is None:
            table.add_row(name, f"[bold]{held.state}[/]", "-", "")
            continue
        path = _sites(network, held.primary, language)
        if held.backup is not None:
            path += f"\n[dim]{_sites(network, held.backup, language)}[/]"
        table.add_row(name, str(held.state), bound_ms(held.primary.bound_ns), path)
    out.print(table)
    for refusal in stands.broken:
        err.print(f"{refusal.demand.id}: {refusal.reason}", markup=False, soft_wrap=True)


def _sites(network: Network, path: ReservedPath, language: str) -> str:
    return " > ".join(network.sites[site].name.in_language(language) for site in path.sites)
