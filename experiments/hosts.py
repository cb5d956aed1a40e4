"""Whether the machine was quiet enough to be believed, for the manifest and the verdict."""

from __future__ import annotations

from collections.abc import Mapping

from experiments.measurement.host_load import HostLoad as Watch
from experiments.results import Host, HostLoad, HostVerdict, Variant
from topology.network import Text

MAX_BUSY_RATIO = 0.9


def host_of(host: Host, watches: Mapping[Variant, Watch]) -> Host:
    """``host`` with how busy it was while each network was measured, and what follows from that."""
    load = {
        variant: HostLoad(
            busy_ratio=round(watch.busy_ratio, 4),
            steal_ratio=round(watch.steal_ratio, 4),
            wakeup_p99_ms=None if watch.wakeup_p99_ms is None else round(watch.wakeup_p99_ms, 4),
        )
        for variant, watch in watches.items()
    }
    busy = [variant for variant, watch in watches.items() if watch.too_busy(MAX_BUSY_RATIO)]
    return host.model_copy(update={"load": load, "verdict": _verdict(busy, watches)})


def _verdict(busy: list[Variant], watches: Mapping[Variant, Watch]) -> HostVerdict:
    most = max((watch.busy_ratio for watch in watches.values()), default=0.0)
    if busy:
        return HostVerdict(
            ok=False,
            text=Text(
                f"The machine was too busy while delays were measured ({most:.0%} of its CPU time in use); "
                "close other programs or raise --rate-scale.",
                f"测量时延期间主机过于繁忙（CPU 占用 {most:.0%}）；请关闭其他程序，或增大 --rate-scale。",
            ),
        )
    return HostVerdict(
        ok=True,
        text=Text(
            f"The machine was quiet enough: {most:.0%} of its CPU time in use while delays were measured.",
            f"主机负载可以接受：测量时延期间 CPU 占用 {most:.0%}。",
        ),
    )
