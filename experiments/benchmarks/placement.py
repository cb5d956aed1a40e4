"""How near to the fewest crossing links a placement comes, and how long it takes.

The other side is the same question as a mixed-integer program, asked of HiGHS: an answer that is proven, or,
where its time runs out, a number of links below which no answer lies. Limits are a tenth above equal shares.
Seconds are those of the processor, one core, whatever else the machine does.
"""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from typing import Any

from controller.highs import library, solver
from topology.emulation.layout import Layout
from topology.errors import MeasurementError
from topology.placement.fleet import Fleet
from topology.placement.model import Machine
from topology.placement.partition import Problem, cost, solve
from topology.placement.place import problem_of
from topology.scenario import load

CASES = (
    *(("qingyang-direct", machines) for machines in (2, 3, 4)),
    ("topohub:topozoo/Cernet", 4),
    ("topohub:topozoo/Chinanet", 4),
    ("topohub:gabriel/100/0", 3),
    ("topohub:gabriel/500/0", 2),
)
SECONDS = 60.0
NS_PER_MS = 1e6


def bench_placement(
    cases: Sequence[tuple[str, int]] = CASES, seconds: float = SECONDS
) -> list[dict[str, Any]]:
    """One row for each network and number of machines. ``MeasurementError``: HiGHS proves us wrong."""
    return [_row(name, machines, seconds) for name, machines in cases]


def _row(name: str, count: int, seconds: float) -> dict[str, Any]:
    layout = Layout.of(load(name))
    machines = tuple(Machine(f"m{number}", f"192.0.2.{number}", ()) for number in range(1, count + 1))
    problem = problem_of(layout, Fleet(machines, "m1"))
    begun = time.process_time()
    _, crossing, minus_delay_ns = cost(problem, solve(problem))
    took_s = time.process_time() - begun
    begun = time.process_time()
    least, bound = exact(problem, seconds)
    exact_s = time.process_time() - begun
    fewest = math.ceil(bound - 1e-6)
    ours = _worth(problem, crossing, -minus_delay_ns)
    if crossing < fewest or (least is not None and ours < least - 1e-6):
        raise MeasurementError(f"{name} on {count} machines: a cut of less than the proven least")
    proof = f"at least, by HiGHS in {seconds:g} s"
    if least is not None:
        longest_ms = (math.ceil(least - 1e-6) - least) * _all_ns(problem) / NS_PER_MS
        proof = f"HiGHS, proven after {exact_s:.1f} s, together {longest_ms:.3f} ms"
    return {
        "what": f"links that cross of {len(problem.links)} of {name} ({problem.sites} sites) on {count} "
        f"machines, after {took_s:.1f} s, together {-minus_delay_ns / NS_PER_MS:.3f} ms",
        "ours": crossing,
        "other": fewest,
        "unit": "links",
        "ratio": round(fewest / crossing, 3) if crossing else 1.0,
        "against": proof,
    }


def exact(problem: Problem, seconds: float) -> tuple[float | None, float]:
    """The least worth of a cut, if proven within ``seconds``, and a bound that no cut is below.

    A cut's worth is the number of links cut, less their share of all links' delay; see ``_worth``. Pinned
    sites and the underlay are left out.
    """
    highs = library("this benchmark")
    model = solver("this benchmark", time_limit=seconds, mip_rel_gap=0.0, mip_abs_gap=1e-9)
    on = [[model.addBinary() for _ in problem.limits] for _ in range(problem.sites)]
    for site in on:
        model.addConstr(sum(site) == 1)
    for machine, limit in enumerate(problem.limits):
        load_ = sum(site[machine] for site in on)
        model.addConstr(load_ <= limit)
        model.addConstr(load_ >= 1)
    if len(set(problem.limits)) == 1:  # machines are alike: fix the place of the site with the most links
        hub = max(range(problem.sites), key=lambda site: len(problem.edges[site]))
        model.addConstr(on[hub][0] == 1)
    worth: Any = 0
    for link in problem.links:
        cut = model.addVariable(0, 1)
        worth = worth + (1 - link.delay_ns / _all_ns(problem)) * cut
        for a, b in zip(on[link.a], on[link.b], strict=True):
            model.addConstr(cut >= a - b)
            model.addConstr(cut >= b - a)
    model.minimize(worth)
    info = model.getInfo()
    proven = model.getModelStatus() == highs.HighsModelStatus.kOptimal
    return (info.objective_function_value if proven else None), info.mip_dual_bound


def _worth(problem: Problem, crossing: int, delay_ns: int) -> float:
    return crossing - delay_ns / _all_ns(problem)


def _all_ns(problem: Problem) -> int:
    return 1 + sum(link.delay_ns for link in problem.links)
