"""Whether the machine was quiet enough to be believed, for the manifest and the verdict."""

from __future__ import annotations

from collections.abc import Mapping

from experiments.battery import Battery
from experiments.measurement import host_load
from experiments.results import Host, HostLoad, HostVerdict, Variant
from topology.network import Text

MAX_BUSY_RATIO = 0.95
MIN_ACHIEVED_RATIO = 0.98  # with less background traffic the links were not loaded as stated


def host_of(host: Host, batteries: Mapping[Variant, Battery]) -> Host:
    """``host`` with how busy it was while each network was measured, and what follows from that."""
    load = {variant: load_of(battery.host) for variant, battery in batteries.items()}
    return host.model_copy(update={"load": load, "verdict": _verdict(batteries)})


def load_of(watch: host_load.HostLoad) -> HostLoad:
    """How busy the machine was, as the manifest has it."""
    return HostLoad(
        busy_ratio=round(watch.busy_ratio, 4),
        steal_ratio=round(watch.steal_ratio, 4),
        wakeup_p99_ms=None if watch.wakeup_p99_ms is None else round(watch.wakeup_p99_ms, 4),
    )


def host_verdict(busy_ratio: float, *, too_busy: bool) -> HostVerdict:
    """What its CPU time in use, 0 to 1, says of the machine."""
    if too_busy:
        return HostVerdict(
            ok=False,
            text=Text(
                f"The machine was too busy while delays were measured ({busy_ratio:.0%} of its CPU time in "
                "use); close other programs or raise --rate-scale.",
                f"测量时延期间主机过于繁忙（CPU 占用 {busy_ratio:.0%}）；"
                "请关闭其他程序，或增大 --rate-scale。",
            ),
        )
    return HostVerdict(
        ok=True,
        text=Text(
            f"The machine was quiet enough: {busy_ratio:.0%} of its CPU time in use while delays were "
            "measured.",
            f"主机负载可以接受：测量时延期间 CPU 占用 {busy_ratio:.0%}。",
        ),
    )


def _verdict(batteries: Mapping[Variant, Battery]) -> HostVerdict:
    hosts = [battery.host for battery in batteries.values()]
    verdict = host_verdict(
        max((host.busy_ratio for host in hosts), default=0.0),
        too_busy=any(host.too_busy(MAX_BUSY_RATIO) for host in hosts),
    )
    reports = [battery.background for battery in batteries.values() if battery.background is not None]
    achieved = min((report.achieved_ratio for report in reports), default=1.0)
    if verdict.ok and achieved < MIN_ACHIEVED_RATIO:
        return HostVerdict(
            ok=False,
            text=Text(
                f"Only {achieved:.1%} of the background traffic entered the queues of the links: they were "
                "full, or the machine was too slow to send it; lower --utilisation or raise --rate-scale.",
                f"背景流量只有 {achieved:.1%} 进入链路队列：队列已满，或主机来不及发送；"
                "请降低 --utilisation 或增大 --rate-scale。",
            ),
        )
    return verdict
