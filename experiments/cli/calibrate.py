"""``onehop calibrate``: what this machine's links can do, measured and kept."""

from __future__ import annotations

import click
from rich.table import Table

from experiments.capability.measuring import Effort, calibrate
from experiments.capability.store import keep, kept
from experiments.cli.console import err, out, steps
from experiments.cli.labs import in_cell
from experiments.cli.options import datapath_option, pipe_option
from experiments.lab import LabOptions
from experiments.results.calibration import Calibration, Capacity, Lateness, Limit
from topology.emulation import registry
from topology.errors import InputError, MachineError

BUSY_RATIO = 0.25  # of all CPU time, by other work: then what is measured is not the machine's best
P99_LIMITS = 4.0  # 99 of 100 frames may be late by so many times the limit of half of them


@click.command()
@pipe_option
@datapath_option
@click.option(
    "--limit",
    "limit_ms",
    type=float,
    default=0.25,
    show_default=True,
    help="Half of the frames are late by so many ms at most under the largest load; 99 % by 4 times that.",
)
@click.option("--show", is_flag=True, help="Show what is kept; measure nothing, needs no root.")
@click.option("--json", "as_json", is_flag=True, help="As JSON, for scripts.")
def command(pipe: str, datapath: str, limit_ms: float, show: bool, as_json: bool) -> int:
    """Measure what this machine can do, and keep it: a minute and a half, in which nothing else should run.

    Measured are the idle floor, how late timers wake, the delay that an idle link adds, and the largest rate
    and packet rate of one link, of 40 at once and of a flow through switches before frames come too late or
    are lost. From then on `run`, `up` and `doctor` say beforehand when a scenario asks for more, and every
    result carries these figures. They hold until the kernel, the processor or a program involved changes.

    \b
    Examples:
      onehop calibrate
      onehop calibrate --show --json
      onehop calibrate --pipe userspace --limit 0.1
    """
    if not 0.01 <= limit_ms <= 100:
        raise InputError(f"--limit must be 0.01 to 100 ms, not {limit_ms:g}")
    options = LabOptions(datapath=datapath, pipe=pipe)
    if show:
        return _show(options, as_json=as_json)
    limit = Limit(delay_ms=limit_ms, delay_p99_ms=P99_LIMITS * limit_ms)

    # Asked outside the cell: inside, the processes of other labs are out of sight.
    if others := [lab.scenario for lab in registry.running()]:
        err.print(f"warning: other labs run on this machine: {', '.join(others)}", markup=False)

    def work(_record: registry.LabRecord) -> int:
        effort = Effort()
        with steps() as progress:
            progress.expect(effort.expected_s)
            calibration = calibrate(options, limit, effort, progress.say)
        _tell(calibration, as_json=as_json)
        if calibration.busy_ratio > BUSY_RATIO:
            err.print(
                f"warning: other work used {calibration.busy_ratio:.0%} of this machine meanwhile;"
                " calibrate again when it is idle",
                markup=False,
            )
        err.print(f"kept in {keep(calibration)}", markup=False)
        return 0

    return in_cell("calibrate", "links", work)


def _show(options: LabOptions, *, as_json: bool) -> int:
    found = kept(options.pipe, options.datapath)
    if found.calibration is None:
        why = f"the calibration of this machine holds no more: {found.why_not}" if found.why_not else ""
        raise MachineError(why or "this machine has not been calibrated", hint="onehop calibrate")
    _tell(found.calibration, as_json=as_json)
    return 0


def _tell(calibration: Calibration, *, as_json: bool) -> None:
    if as_json:
        print(calibration.to_json(), end="")
        return
    machine, limit = calibration.machine, calibration.limit
    idle = Table("idle, in µs", "half", "99 %", "99.9 %", "most", box=None, header_style="bold")
    for what, late in (
        ("a bare pair of interfaces", calibration.floor),
        ("how late a timer wakes", calibration.timer),
        ("a link, beyond its declared delay", calibration.added),
        (f"a path of {calibration.flow.links} links, beyond theirs", calibration.path),
    ):
        idle.add_row(what, *_figures(late))
    out.print(idle)
    loaded = Table(
        *(
            "largest load, delays in µs",
            "Mbit/s",
            "packets/s",
            "half",
            "99 %",
            "99.9 %",
            "most",
            "bounded by",
        ),
        box=None,
    )
    flow = calibration.flow
    for name, each in [*((_name(each), each) for each in calibration.capacities), (_flow_name(flow), flow)]:
        figures = _figures(each.added) if each.added else ("",) * 4
        load = f"{each.rate_mbps:,.0f}", f"{each.packets_per_s:,.0f}"
        loaded.add_row(name, *load, *figures, each.bound)
    out.print()
    out.print(loaded)
    out.print(
        f"within: half of the frames at most {limit.delay_ms:g} ms late, 99 of 100 at most"
        f" {limit.delay_p99_ms:g} ms (for each link crossed), at most {limit.loss_ratio:.1%} lost",
        style="dim",
        markup=False,
    )
    out.print(
        f"{machine.kernel}, {machine.cpu_count} x {machine.cpu_model}, links by {machine.pipe},"
        f" {machine.datapath} Open vSwitch,"
        f" {calibration.created}; {calibration.busy_ratio:.0%} busy, {calibration.steal_ratio:.0%} stolen",
        style="dim",
        markup=False,
    )


def _name(each: Capacity) -> str:
    links = "one link" if each.links == 1 else f"{each.links} links at once"
    return f"{links}, frames of {each.frame_bytes} bytes"


def _flow_name(flow: Capacity) -> str:
    return f"a flow over {flow.links} links, frames of {flow.frame_bytes} bytes"


def _figures(late: Lateness) -> tuple[str, ...]:
    return tuple(f"{us:,.1f}" for us in (late.p50_us, late.p99_us, late.p99_9_us, late.max_us))
