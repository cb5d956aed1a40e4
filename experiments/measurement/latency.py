"""Latency of many pairs at once by STAMP (RFC 8762): one session sender here, one reflector per machine.

Each pair is a periodic stream (RFC 3432) with a turn of its own in every interval, and each packet leaves at
a random moment of its turn: no two pairs ever send together, and nothing that beats in time with the
interval can hide (RFC 2330 section 11.1). All of it follows from the seed.

T1 and T4 are the kernel's stamps of the sender, T2 the kernel's stamp of the reflector, which the answer
carries. For T3 the answer carries the time at which the program sends; the kernel's later stamp of the same
packet comes by the reflector's record and is preferred. So RTT = (T4 - T1) - (T3 - T2), one way there
= T2 - T1, one way back = T4 - T3. Loss on the way there and back are told apart by the reflector's record.

The sender sleeps between packets and looks at its sockets only after each: as the kernel takes the time, it
need not be awake when an answer comes. If somebody sets the machine's clock, the packets under way have
stamps of two times: they are forgotten, and as many are sent again at the end. The samples file is described
in ``samples``.
"""

from __future__ import annotations

import json
import random
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path

from experiments.measurement import stamp
from experiments.measurement.endpoint import Endpoint
from experiments.measurement.samples import LatencyResult, Pair, Sample, summarise, write_header
from experiments.measurement.sender import SessionSender
from experiments.measurement.timestamps import sharpen_timer
from experiments.measurement.worker import Worker
from topology.emulation.parts.reach import Reach
from topology.errors import InputError, MeasurementError

MAX_PAIRS = 1000  # open sockets, and turns of an interval, are not endless
_REFLECTOR = "experiments.measurement.reflector"
_MAX_SLEEP_S = 0.02
_PROGRESS_S = 0.1
_WARM_UP_S = 0.3
_DUPLICATES_S = 0.05  # how long to wait for a second copy when every packet has come back
_MOST_CLOCK_STEPS = 10

Progress = Callable[[int, int], None]


def measure_latency(
    pairs: Sequence[tuple[Endpoint, Endpoint]],
    *,
    samples: int,
    interval_ms: float,
    dscp: int,
    seed: int,
    samples_file: Path,
    progress: Progress | None = None,
    payload_bytes: int = stamp.BASE_BYTES,
    port: int = stamp.PORT,
    wait_ms: float = 1000.0,
) -> dict[Pair, LatencyResult]:
    """Send ``samples`` test packets to and fro for each pair, all pairs concurrently.

    Takes about ``samples * interval_ms`` plus at most ``wait_ms``. ``payload_bytes`` is the UDP payload (44,
    or 48 to 1472); ``progress`` hears packets sent and packets to send. Results are keyed by (source,
    destination).

    Raises ``InputError`` for parameters that make no sense, ``MeasurementError`` when a host cannot be
    reached by its namespace, a reflector cannot start, or the machine's clock is set again and again.
    """
    names = _check(pairs, samples, interval_ms, dscp, wait_ms)
    stamp.check_payload_bytes(payload_bytes)
    settings = {
        "samples": samples,
        "interval_ms": interval_ms,
        "dscp": dscp,
        "payload_bytes": payload_bytes,
        "seed": seed,
        "wait_ms": wait_ms,
    }
    reflecting: dict[Reach | None, dict[str, dict[str, str]]] = {}  # by machine, by address
    for _, destination in pairs:
        reflecting.setdefault(destination.reach, {})[destination.ip] = destination.for_worker()
    finished: list[list[Sample]] = [[] for _ in pairs]
    samples_file.parent.mkdir(parents=True, exist_ok=True)
    with samples_file.open("w", encoding="utf-8", buffering=1) as file, ExitStack() as stack:
        reflectors = [
            stack.enter_context(
                Worker(_REFLECTOR, {"endpoints": list(endpoints.values()), "port": port}, reach)
            )
            for reach, endpoints in reflecting.items()
        ]
        sender = stack.enter_context(
            SessionSender(pairs, reflectors, dscp=dscp, port=port, payload_bytes=payload_bytes)
        )
        write_header(file, names, settings)

        def keep(sample: Sample) -> None:
            file.write(sample.to_json() + "\n")
            finished[sample.pair].append(sample)

        sender.warm_up(_WARM_UP_S)
        _send_all(sender, schedule(len(pairs), samples, interval_ms, seed), wait_ms, keep, progress)
        stray = sender.stray()
        file.write(json.dumps({"stray": stray}) + "\n")
    return {name: summarise(name, finished[number], stray=stray[number]) for number, name in enumerate(names)}


def schedule(
    pair_count: int, samples: int, interval_ms: float, seed: int
) -> Iterator[tuple[float, int, int]]:
    """When to send what: ``(ms after the start, pair, sequence number)``, in order of time."""
    chance = random.Random(seed)
    turns = list(range(pair_count))
    chance.shuffle(turns)
    turn_ms = interval_ms / pair_count
    for sequence in range(samples):
        for turn, pair in enumerate(turns):
            yield sequence * interval_ms + (turn + chance.random()) * turn_ms, pair, sequence


def _send_all(
    sender: SessionSender,
    planned: Iterator[tuple[float, int, int]],
    wait_ms: float,
    keep: Callable[[Sample], None],
    progress: Progress | None,
) -> None:
    sharpen_timer()
    wait_ns = round(wait_ms * 1e6)
    plan = _Plan(list(planned))
    next_progress = 0.0
    while plan.left():
        while plan.left():
            due_ns, pair, sequence = plan.next()
            _sleep_until(due_ns, sender)
            sender.send(pair, sequence, due_ns)
            sender.collect()
            plan.repeat(*sender.spoiled())
            for sample in sender.take_finished(older_than_ns=wait_ns):
                keep(sample)
            if progress is not None and time.monotonic() >= next_progress:
                progress(plan.sent, plan.asked)
                next_progress = time.monotonic() + _PROGRESS_S
        _wait_for_answers(sender, wait_ns)
        plan.repeat(*sender.spoiled())
    for sample in sender.take_finished(older_than_ns=0):
        keep(sample)
    if progress is not None:
        progress(plan.asked, plan.asked)


class _Plan:
    """What is still to be sent, and when: the schedule, then what a clock that was set has spoiled."""

    def __init__(self, schedule: list[tuple[float, int, int]]) -> None:
        self._schedule = schedule
        self._start_ns = time.monotonic_ns() + 1_000_000
        self._every_ms = (schedule[-1][0] or 1.0) / len(schedule)
        self._next = 0
        self._steps = 0
        self.asked = len(schedule)

    @property
    def sent(self) -> int:
        """Packets that have been sent and not spoiled."""
        return self.asked - len(self._schedule) + self._next

    def left(self) -> bool:
        """Whether there is anything to send."""
        return self._next < len(self._schedule)

    def next(self) -> tuple[int, int, int]:
        """When (ns of CLOCK_MONOTONIC), on which pair and with which sequence number."""
        due_ms, pair, sequence = self._schedule[self._next]
        self._next += 1
        return self._start_ns + round(due_ms * 1e6), pair, sequence

    def repeat(self, step_ns: int, pairs: Sequence[int]) -> None:
        """Send one more packet on each of these pairs, with new numbers. Raises ``MeasurementError``."""
        if not step_ns:
            return
        self._steps += 1
        if self._steps > _MOST_CLOCK_STEPS:
            raise MeasurementError(
                f"the machine's clock was set {self._steps} times while delays were measured, "
                f"by {step_ns / 1e6:.3f} ms last",
                hint="stop the service that sets the clock, and measure again",
            )
        now_ms = (time.monotonic_ns() - self._start_ns) / 1e6
        due_ms = max(self._schedule[-1][0], now_ms)
        highest = max(sequence for _, _, sequence in self._schedule)
        for number, pair in enumerate(pairs, start=1):
            self._schedule.append((due_ms + number * self._every_ms, pair, highest + number))


def _wait_for_answers(sender: SessionSender, wait_ns: int) -> None:
    deadline_ns = time.monotonic_ns() + wait_ns
    while time.monotonic_ns() < deadline_ns and not sender.complete():
        time.sleep(_MAX_SLEEP_S)
        sender.collect()
    time.sleep(_DUPLICATES_S)
    sender.collect()


def _sleep_until(due_ns: int, sender: SessionSender) -> None:
    while (left_s := (due_ns - time.monotonic_ns()) / 1e9) > 0:
        time.sleep(min(left_s, _MAX_SLEEP_S))
        if left_s > _MAX_SLEEP_S:
            sender.collect()


def _check(
    pairs: Sequence[tuple[Endpoint, Endpoint]], samples: int, interval_ms: float, dscp: int, wait_ms: float
) -> list[Pair]:
    names = [(source.site, destination.site) for source, destination in pairs]
    if not names or len(set(names)) != len(names) or len(names) > MAX_PAIRS:
        raise InputError(f"latency needs 1 to {MAX_PAIRS} pairs, each named once")
    if samples < 1 or interval_ms <= 0 or wait_ms <= 0:
        raise InputError("samples, interval and waiting time must be positive", where="latency")
    if not 0 <= dscp <= 63:
        raise InputError(f"{dscp} is no DSCP; it has 6 bits, 0 to 63", where="latency")
    return names
