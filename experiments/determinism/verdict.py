"""The verdict: kept or broken, or the reasons why neither can be said. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from experiments.results import HostVerdict, LinkChecks, Verdict
from experiments.results.determinism import Flooded, Liar, PromisedFlow
from topology.network import Text

LEAST_OFFERED_RATIO = 0.9  # with less best effort the links were not loaded as stated
LEAST_PACKETS_RATIO = 0.9
LEAST_IDLE_RATIO = 0.9  # of the single packets must have come, else there is no processing term


def conclude(
    flows: Sequence[PromisedFlow],
    liar: Liar | None,
    flooded: Sequence[Flooded],
    wanted_packets: int,
    overload: float,
    links: LinkChecks,
    host: HostVerdict,
) -> Verdict:
    """What the run says; ``overload``: best effort that was to be offered to each link, over its rate."""
    reasons = tuple(_reasons(flows, flooded, wanted_packets, overload, links, host))
    if reasons:
        return Verdict.unreliable(reasons)
    return Verdict(ok=True, text=_finding(flows), reasons=() if liar is None else tuple(_of_liar(liar)))


def _reasons(
    flows: Sequence[PromisedFlow],
    flooded: Sequence[Flooded],
    wanted_packets: int,
    overload: float,
    links: LinkChecks,
    host: HostVerdict,
) -> list[Text]:
    reasons = []
    failed = links.failed()
    if failed:
        names = ", ".join(sorted({check.link for _variant, check in failed})[:5])
        reasons.append(Text(f"Links do not do what was declared: {names}.", f"链路与声明不符：{names}。"))
    if not host.ok:
        reasons.append(host.text)
    weak = [each for each in flooded if each.offered_mbps < LEAST_OFFERED_RATIO * overload * each.rate_mbps]
    if weak:
        least = min(each.offered_mbps / each.rate_mbps for each in weak)
        reasons.append(
            Text(
                f"Only {least:.1f} times a link's rate was offered as best effort, not {overload:g} times: "
                "the machine was too slow.",
                f"尽力而为流量仅为链路速率的 {least:.1f} 倍，未达到 {overload:g} 倍：主机来不及发送。",
            )
        )
    beyond = [flow for flow in flows if not flow.sent.conforming]
    if beyond:
        names = ", ".join(flow.id for flow in beyond)
        worst = max(flow.sent.excess_bits for flow in beyond)
        reasons.append(
            Text(
                f"The sender exceeded the contracts of {names}, by {worst} bits at most: it was held up.",
                f"发送端超出了 {names} 的合约（最多 {worst} 比特）：发送进程曾被系统延误。",
            )
        )
    sent = sum(flow.sent.packets for flow in flows)
    if sent < LEAST_PACKETS_RATIO * wanted_packets:
        reasons.append(
            Text(
                f"Only {sent} of {wanted_packets} packets were sent in the time allowed.",
                f"规定时间内只发送了 {wanted_packets} 个分组中的 {sent} 个。",
            )
        )
    silent = [f.id for f in flows if f.idle.sent - f.idle.lost < LEAST_IDLE_RATIO * max(1, f.idle.sent)]
    if silent:
        names = ", ".join(silent)
        reasons.append(
            Text(
                f"Single packets were lost on the idle network ({names}): its processing time is not known.",
                f"空载网络中单个分组丢失（{names}）：仿真处理时间未知。",
            )
        )
    return reasons


def _finding(flows: Sequence[PromisedFlow]) -> Text:
    sent = sum(flow.loaded.sent for flow in flows)
    lost = sum(flow.loaded.lost for flow in flows)
    late = sum(flow.violations for flow in flows)
    plain_sent = sum(flow.best_effort.sent for flow in flows)
    failed = sum(flow.best_effort.lost + flow.best_effort_beyond for flow in flows)
    share = failed / plain_sent if plain_sent else 0.0
    without = Text(
        f"Without reservations {share:.0%} of the same flows' packets were lost or came later than that.",
        f"同样的流在没有预留时，{share:.0%} 的分组丢失或超过该上界。",
    )
    if lost or late:
        return Text(
            f"The promise was broken: of {sent:,} packets sent within their contracts {lost:,} were lost, "
            f"and {late:,} came later than their bound and the emulator's own processing time. {without.en}",
            f"承诺被打破：{sent:,} 个守约分组中，{lost:,} 个丢失，"
            f"{late:,} 个超过上界与仿真器自身处理时间之和。{without.zh}",
        )
    worst = max(flows, key=lambda flow: flow.ratio or 0.0)
    longest = worst.loaded.max_ms or 0.0
    return Text(
        f"The promise was kept: of {sent:,} packets sent within their contracts none was lost and none "
        f"came later than its bound; the nearest took {longest:.1f} ms of {worst.guaranteed_ms:.1f} ms "
        f"({worst.ratio:.0%}, {worst.id}). {without.en}",
        f"承诺得到遵守：{sent:,} 个守约分组无一丢失，无一超过时延上界；最接近上界者用时 {longest:.1f} 毫秒，"
        f"上界 {worst.guaranteed_ms:.1f} 毫秒（{worst.ratio:.0%}，{worst.id}）。{without.zh}",
    )


def _of_liar(liar: Liar) -> list[Text]:
    """Something to say only if a lying flow was treated otherwise than it should be."""
    found = []
    got, due = f"{liar.received_mbps:.2f}", f"{liar.due_mbps:.2f}"
    if not liar.got_its_due:
        found.append(
            Text(
                f"The flow that lies got {got} Mbit/s of the {due} Mbit/s that its contract entitles it to.",
                f"谎报速率的流只得到 {got} Mbit/s，而合约应保证 {due} Mbit/s。",
            )
        )
    if not liar.cut:
        found.append(
            Text(
                f"The flow that lies got {got} Mbit/s, well beyond the {due} Mbit/s of its contract: "
                "no meter held it.",
                f"谎报速率的流得到 {got} Mbit/s，远超合约的 {due} Mbit/s：未受计量限制。",
            )
        )
    return found
