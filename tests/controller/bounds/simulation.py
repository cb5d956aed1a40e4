"""A packet network simulated event by event, in fractions: what bounds must never fall below.

Every server sends whole packets at ``rate``, one at a time, and hands each on when its last bit is out. When
it has been idle it first sleeps for ``nap``. It never idles otherwise, so it is a strict server: of any
backlogged time t it works at least ``t - nap``. In order of whole packets that is rate-latency with latency
``nap + packet / rate``.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import count


@dataclass(frozen=True)
class Packet:
    flow: str
    bits: Fraction
    born: Fraction
    number: int


@dataclass
class Queue:
    rate: Fraction
    nap: Fraction
    waiting: list[Packet] = field(default_factory=list)
    busy: bool = False
    inside: Fraction = Fraction(0)
    most_inside: Fraction = Fraction(0)


Pick = Callable[[str, Sequence[Packet]], int]
"""Server and waiting packets, oldest first: the index of the one to send. Packets of a flow stay in order."""


def run(
    queues: Mapping[str, Queue],
    paths: Mapping[str, Sequence[str]],
    packets: Sequence[Packet],
    pick: Pick,
) -> dict[str, Fraction]:
    """The longest end-to-end delay of each flow; ``queues`` then hold how full they were."""
    order = count()
    worst = dict.fromkeys(paths, Fraction(0))
    events: list[tuple[Fraction, int, Callable[[Fraction], None]]] = []

    def at(time: Fraction, action: Callable[[Fraction], None]) -> None:
        heapq.heappush(events, (time, next(order), action))

    def arrive(name: str, packet: Packet, now: Fraction) -> None:
        queue = queues[name]
        queue.waiting.append(packet)
        queue.inside += packet.bits
        queue.most_inside = max(queue.most_inside, queue.inside)
        if not queue.busy:
            queue.busy = True
            at(now + queue.nap, lambda later: send(name, later))

    def send(name: str, now: Fraction) -> None:
        queue = queues[name]
        packet = queue.waiting.pop(pick(name, queue.waiting))
        at(now + packet.bits / queue.rate, lambda later: leave(name, packet, later))

    def leave(name: str, packet: Packet, now: Fraction) -> None:
        queue = queues[name]
        queue.inside -= packet.bits
        path = paths[packet.flow]
        hop = path.index(name) + 1
        if hop < len(path):
            arrive(path[hop], packet, now)
        else:
            worst[packet.flow] = max(worst[packet.flow], now - packet.born)
        queue.busy = bool(queue.waiting)
        if queue.waiting:
            send(name, now)

    for packet in packets:
        at(packet.born, lambda now, packet=packet: arrive(paths[packet.flow][0], packet, now))  # type: ignore[misc]
    while events:
        now, _, action = heapq.heappop(events)
        action(now)
    return worst


def fifo(_server: str, _waiting: Sequence[Packet]) -> int:
    """The oldest first."""
    return 0


def by_priority(priorities: Mapping[str, int]) -> Pick:
    """The most urgent first (0 before 1), the oldest of these."""

    def pick(_server: str, waiting: Sequence[Packet]) -> int:
        return min(range(len(waiting)), key=lambda place: (priorities[waiting[place].flow], place))

    return pick


def greedy(
    flow: str, rate: Fraction, burst: int, packet: Fraction, start: Fraction, numbers: int, pause: Fraction
) -> list[Packet]:
    """Packets that use the token bucket up: a burst at once, then at the rate; again after a pause.

    ``burst`` counts packets. Conforms to ``rate * t + burst * packet``.
    """
    result = []
    tokens, last = Fraction(burst), start
    now = start
    for number in range(numbers):
        if number == numbers // 2:
            now += pause
        tokens = min(Fraction(burst), tokens + (now - last) * rate / packet)
        last = now
        if tokens < 1:
            now += (1 - tokens) * packet / rate
            tokens, last = Fraction(1), now
        tokens -= 1
        result.append(Packet(flow, packet, now, number))
    return result
