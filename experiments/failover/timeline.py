"""From what was seen to figures: one fault, in the order of events. Pure.

All times are in ms from the moment the fault began, on one clock (CLOCK_MONOTONIC). The interruption is what
the loss of packets shows (loss-derived, as in RFC 6412): so many packets that reached the fault once it had
begun are missing, at so many a second. Packets under way on the cut fibre are lost as well, and are counted
apart: no switch can save them. What the receiver notices is a pause, longer since the way round is longer.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from experiments.measurement.stream import ARRIVED, EXPIRED, LEFT, Seen

_MS = 1e6
BEFORE_NS = 100_000_000  # packets sent so long before the fault are looked at too: those under way then


@dataclass(frozen=True, slots=True)
class Observation:
    """What was seen of one flow around one fault.

    Attributes:
        began_ns, mended_ns: when the fault began, and when it was undone (or began to be).
        scheduled_ns: by number, when each packet looked at was to be sent.
        seen: of this flow, in any order.
        upstream_ns: how long a packet takes from the source to where the fault is.
        noticed_ns: when the switch in front of the fault took its port for dead, or ``None``.
        barrier_ns: when the last switch had confirmed the controller's repair, or ``None``.
    """

    began_ns: int
    mended_ns: int
    scheduled_ns: Mapping[int, int]
    seen: Sequence[Seen]
    upstream_ns: int
    noticed_ns: int | None
    barrier_ns: int | None


@dataclass(frozen=True, slots=True)
class Timeline:
    """What the fault did. Times in ms from its beginning; ``None`` where the event did not happen.

    Attributes:
        sent: packets looked at.
        lost: of them, those that arrived nowhere; ``under_way`` were on the fibre when it was cut.
        interruption_ms: how long packets that came to the fault were lost.
        pause_ms: longest pause between two packets at the receiver that began before the fault was mended.
        last_ms, first_ms: when the packets before and after that pause came; ``None`` without a loss.
        duplicated: packets that came more than once; ``reordered``: that came after a later one.
        expired: packets whose TTL ran out, as in a loop.
        detected_ms: when the switch in front of the fault knew of it.
        switched_ms: when the first packet left by the backup.
        barrier_ms: when the controller's repair was confirmed by the last switch.
        restored_ms: after mending, when packets came by the path again and no other way; from mending on.
        worst_ms: longest one-way delay of a packet from the fault until it was mended.
    """

    sent: int
    lost: int
    under_way: int
    interruption_ms: float
    pause_ms: float
    last_ms: float | None
    first_ms: float | None
    duplicated: int
    reordered: int
    expired: int
    detected_ms: float | None
    switched_ms: float | None
    barrier_ms: float | None
    restored_ms: float | None
    worst_ms: float | None


def timeline(observed: Observation, interval_ns: int) -> Timeline:
    """The figures of one fault; packets are sent every ``interval_ns``."""
    began_ns = observed.began_ns
    copies = [one for one in observed.seen if one.kind == ARRIVED and one.number in observed.scheduled_ns]
    copies.sort(key=lambda one: one.at_ns)
    arrived: dict[int, Seen] = {}
    for one in copies:
        arrived.setdefault(one.number, one)
    lost = [number for number in observed.scheduled_ns if number not in arrived]
    under_way = [n for n in lost if observed.scheduled_ns[n] + observed.upstream_ns < began_ns]
    pause_ns, last_ns, first_ns = _longest_pause(arrived.values(), began_ns, observed.mended_ns)
    delays_ns = [
        one.at_ns - one.sent_ns
        for one in arrived.values()
        if one.at_ns >= began_ns and one.sent_ns < observed.mended_ns
    ]
    left_ns = [one.at_ns for one in observed.seen if one.kind == LEFT and one.at_ns >= began_ns]

    def since(at_ns: int | None) -> float | None:
        return None if at_ns is None else round((at_ns - began_ns) / _MS, 3)

    return Timeline(
        sent=len(observed.scheduled_ns),
        lost=len(lost),
        under_way=len(under_way),
        interruption_ms=round((len(lost) - len(under_way)) * interval_ns / _MS, 3),
        pause_ms=round(pause_ns / _MS, 3),
        last_ms=since(last_ns) if lost else None,
        first_ms=since(first_ns) if lost else None,
        duplicated=len(copies) - len(arrived),
        reordered=_reordered(arrived.values()),
        expired=sum(one.kind == EXPIRED for one in observed.seen),
        detected_ms=since(observed.noticed_ns),
        switched_ms=since(min(left_ns, default=None)),
        barrier_ms=since(observed.barrier_ns),
        restored_ms=_restored_ms(arrived.values(), observed),
        worst_ms=round(max(delays_ns) / _MS, 3) if delays_ns else None,
    )


def _longest_pause(
    arrived: Iterable[Seen], began_ns: int, mended_ns: int
) -> tuple[int, int | None, int | None]:
    """The longest pause that the fault had a part in, and its two ends."""
    times = [one.at_ns for one in arrived]
    pauses = [
        (after - before, before, after)
        for before, after in pairwise(times)
        if after >= began_ns and before < mended_ns
    ]
    return max(pauses, default=(0, None, None))


def _reordered(arrived: Iterable[Seen]) -> int:
    """Packets that came after one sent later (RFC 4737, type-P-reordered)."""
    highest, count = -1, 0
    for one in arrived:
        count += one.number < highest
        highest = max(highest, one.number)
    return count


def _restored_ms(arrived: Iterable[Seen], observed: Observation) -> float | None:
    """From mending until the first packet after the last one that came another way than before the fault.

    Ways are told apart by mark and TTL.
    """
    usual: tuple[int, int] | None = None
    at_ns: int | None = None
    for one in arrived:
        if one.at_ns < observed.began_ns:
            usual = one.dscp, one.ttl
        if one.at_ns < observed.mended_ns:
            continue
        if (one.dscp, one.ttl) != usual:
            at_ns = None
        elif at_ns is None:
            at_ns = one.at_ns
    return None if at_ns is None else round((at_ns - observed.mended_ns) / _MS, 3)
