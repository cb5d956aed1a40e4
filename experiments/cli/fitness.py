"""Saying beforehand that a scenario asks for more than this machine has."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from experiments.capability.asking import Asked
from experiments.capability.judgement import Judgement, judge
from experiments.capability.store import Kept, kept
from experiments.cli.console import err
from experiments.lab import LabOptions
from topology.network import Network

UNKNOWN = "onehop calibrate measures once what this machine can do (a minute and a half)"


def warn(
    networks: Iterable[Network], options: LabOptions, destinations: Sequence[str] = ()
) -> list[Judgement]:
    """Tell on stderr what the networks ask for and this machine has not; nothing where all of it is there."""
    found = kept(options.pipe, options.datapath)
    if found.calibration is None:
        err.print(_unknown(found), style="dim", markup=False)
        return []
    judgements = [judge(Asked.by(network, destinations), found.calibration) for network in networks]
    told: set[str] = set()
    for judgement in judgements:
        for line in lines_of(judgement):
            if line not in told:
                err.print(line, markup=False)
                told.add(line)
    scales = [judgement.rate_scale for judgement in judgements if judgement.rate_scale]
    if scales:
        err.print(f"    hint: --rate-scale {max(scales):.10g} fits", markup=False)
    return judgements


def lines_of(judgement: Judgement) -> list[str]:
    """A warning per shortfall."""
    return [f"warning: {judgement.scenario} asks for {shortfall}" for shortfall in judgement.shortfalls]


def note_on_full_links(judgements: Iterable[Judgement]) -> None:
    """Where traffic is the user's: how much of all links can be used at once."""
    for judgement in judgements:
        if judgement.full_share < 1:
            share = f"about {judgement.full_share:.0%} of their rates"
            err.print(f"all links at once, both ways, carry {share} here", style="dim", markup=False)


def finding(networks: Iterable[Network]) -> dict[str, Any]:
    """What ``onehop doctor`` says of calibration, and of scenarios beside it; JSON-ready."""
    found = kept()
    if found.calibration is None:
        return {"calibrated": False, "detail": _unknown(found), "scenarios": []}
    calibration = found.calibration
    flow = calibration.flow
    return {
        "calibrated": True,
        "detail": f"a link {calibration.one_link_mbps:,.0f} Mbit/s,"
        f" a flow over {flow.links} {flow.rate_mbps:,.0f} Mbit/s,"
        f" an idle link {calibration.added.p50_us:.0f} µs late ({calibration.created})",
        "scenarios": [_judged(judge(Asked.by(network), calibration)) for network in networks],
    }


def _judged(judgement: Judgement) -> dict[str, Any]:
    return {
        "scenario": judgement.scenario,
        "fits": judgement.fits,
        "warnings": lines_of(judgement),
        "rate_scale": judgement.rate_scale,
        "full_share": round(judgement.full_share, 3),
    }


def _unknown(found: Kept) -> str:
    if found.why_not:
        return f"the calibration of this machine holds no more ({found.why_not}): onehop calibrate"
    return f"not calibrated: {UNKNOWN}"
