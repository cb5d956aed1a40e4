"""What the experiment says in one sentence, and what was aimed at and missed. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from experiments.failover.kinds import GOAL_MS, Kind
from experiments.failover.summary import Alarms, KindResult
from experiments.results.summary import Verdict
from topology.network import Text

_SILENT = (Kind.SILENT_ONE_WAY, Kind.SILENT_TWO_WAY, Kind.SWITCH_DEATH)
_WITH_CARRIER = (Kind.CARRIER, Kind.CONTROLLER_DEATH)


def verdict_of(
    kinds: Sequence[KindResult],
    alarms: Alarms | None,
    *,
    unfollowed: int = 0,
    slowed: tuple[int, int] | None = None,
) -> Verdict:
    """The verdict; without one if nothing could be tried, or the machine was too slow for it.

    ``unfollowed``: faults whose packets were not even seen before the fault. ``slowed``: the interval of BFD
    that was asked for and the one that the machine could keep, in ms, if they differ.
    """
    if not kinds:
        return Verdict(
            ok=False, text=Text("No verdict: no fault could be tried.", "不作结论：未能进行任何故障试验。")
        )
    if unfollowed or slowed:
        return Verdict(
            ok=False,
            text=Text(
                "No verdict: the machine is too slow, or was too busy.", "不作结论：主机太慢，或过于繁忙。"
            ),
            reasons=tuple(_too_slow(unfollowed, sum(each.repetitions for each in kinds), slowed)),
        )
    parts = [
        part
        for part in (*map(_interrupted, (_WITH_CARRIER, _SILENT), (kinds, kinds)), _copies(kinds))
        if part
    ]
    if alarms is not None:
        parts.append(_alarmed(alarms))
    en = "; ".join(part.en for part in parts)
    zh = "；".join(part.zh for part in parts)
    return Verdict(ok=True, text=Text(en[0].upper() + en[1:] + ".", zh + "。"))


def _too_slow(unfollowed: int, tried: int, slowed: tuple[int, int] | None) -> Iterator[Text]:
    if unfollowed:
        yield Text(
            f"In {unfollowed} of {tried} faults the packets could not be followed even before the fault.",
            f"{tried} 次故障中有 {unfollowed} 次，在故障发生之前就已无法跟踪分组。",
        )
    if slowed:
        asked_ms, kept_ms = slowed
        yield Text(
            f"BFD sessions broke without a fault at a packet every {asked_ms} ms; they held at {kept_ms} ms.",
            f"BFD 每 {asked_ms} 毫秒一个报文时，会话在无故障时中断；改为 {kept_ms} 毫秒后保持。",
        )


def _interrupted(group: tuple[Kind, ...], kinds: Sequence[KindResult]) -> Text | None:
    found = [each for each in kinds if each.kind in group]
    if not found:
        return None
    goal_ms = GOAL_MS[group[0]]
    worst_ms = max(each.interruption_ms.max for each in found)
    median_ms = max(each.interruption_ms.median for each in found)
    tried = sum(each.repetitions for each in found)
    within = sum(each.within_goal or 0 for each in found)
    en = "the loss of carrier" if group is _WITH_CARRIER else "a silent fault or a dead switch"
    zh = "失去载波" if group is _WITH_CARRIER else "静默故障或交换机失效"
    met_en = f"under the goal of {goal_ms:g} ms in {within} of {tried} cuts"
    met_zh = f"{tried} 次中 {within} 次低于目标 {goal_ms:g} 毫秒"
    en += f" interrupts protected traffic for {median_ms:.0f} ms in the median"
    zh += f"时，受保护业务中断的中位数为 {median_ms:.0f} 毫秒"
    return Text(f"{en} and {worst_ms:.0f} ms at most, {met_en}", f"{zh}，最长 {worst_ms:.0f} 毫秒，{met_zh}")


def _copies(kinds: Sequence[KindResult]) -> Text:
    twice, circled = sum(each.duplicated for each in kinds), sum(each.expired for each in kinds)
    return Text(
        f"{_none(twice, 'packet')} delivered twice, {_none(circled, 'packet')} caught in a loop",
        f"重复送达 {twice} 个分组，陷入环路 {circled} 个分组",
    )


def _alarmed(alarms: Alarms) -> Text:
    whole = alarms.links_filled == alarms.links
    full_en = "every link full" if whole else f"{alarms.links_filled} of {alarms.links} links full"
    full_zh = "所有链路满载" if whole else f"{alarms.links} 条链路中 {alarms.links_filled} 条满载"
    still_en = still_zh = ""
    if alarms.in_standstills:
        longest = f"{alarms.standstill_ms:.0f}"
        still_en = f", {alarms.in_standstills} of them as the machine stood still (for {longest} ms at most)"
        still_zh = f"，其中 {alarms.in_standstills} 次因主机停顿（最长 {longest} 毫秒）"
    return Text(
        f"{_none(alarms.false_alarms, 'false alarm')} in {alarms.seconds:.0f} s with {full_en}{still_en}",
        f"{full_zh} {alarms.seconds:.0f} 秒，误报 {alarms.false_alarms} 次{still_zh}",
    )


def _none(count: int, what: str) -> str:
    if count == 0:
        return f"no {what}"
    return f"{count} {what}" if count == 1 else f"{count} {what}s"
