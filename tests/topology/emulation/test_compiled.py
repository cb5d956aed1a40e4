"""The compiled core against the one in Python: the same losses and the same times, for the same seed."""

from __future__ import annotations

import ctypes
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

if sys.platform != "linux":
    pytest.skip("the delay line is Linux's", allow_module_level=True)

from tests.topology.emulation.test_schedule import ARRIVALS, PROPERTIES
from topology.burstloss import GilbertElliott
from topology.emulation.links import LinkProperties, choosecore, compiledcore
from topology.emulation.links.compiledcore import CompiledQueue, library
from topology.emulation.links.schedule import ReorderingQueue, queue_of
from topology.errors import InputError, MachineError
from topology.variation import JitterDistribution

needs_core = pytest.mark.skipif(
    bool(compiledcore.missing()), reason=f"no compiled core: {compiledcore.missing()}"
)


HEAD_AT, HEAD_BYTES = 44, 2048  # queue.h: where a frame's bytes begin, and how many are not in its rest


class Twins:
    """One direction of a link in both cores, which must not differ."""

    def __init__(self, properties: LinkProperties, seed: str) -> None:
        self.python = queue_of(properties, seed)
        self.compiled = CompiledQueue(properties, seed)
        self._rest = ctypes.c_void_p(None)

    def push(self, frame: bytes, now_ns: int, stamp_ns: int | None = None) -> None:
        times = (now_ns, now_ns if stamp_ns is None else stamp_ns)
        library().queue_push(self.compiled.handle, frame, ctypes.byref(self._rest), len(frame), *times)
        self.python.push(frame, *times)

    def change(self, properties: LinkProperties) -> None:
        self.compiled.change(properties)
        self.python.change(properties)

    def next_due_ns(self) -> int | None:
        due_ns: int = library().queue_next_due_ns(self.compiled.handle)
        if isinstance(self.python, ReorderingQueue):
            expected = self.python._frames[0][0] if self.python._frames else None
        else:
            expected = self.python.next_due_ns()
        assert due_ns == (-1 if expected is None else expected)
        return expected

    def pop(self) -> None:
        frame = self.python.pop()
        popped = library().queue_pop(self.compiled.handle)
        head = ctypes.string_at(popped + HEAD_AT, min(len(frame), HEAD_BYTES))
        assert head == frame[:HEAD_BYTES]
        library().frame_free(popped)

    def close(self) -> None:
        while self.next_due_ns() is not None:
            self.pop()
        assert self.compiled.counters() == self.python.counters()
        library().queue_free(self.compiled.handle)


@needs_core
@given(PROPERTIES, ARRIVALS, st.booleans(), st.text("abc", max_size=3))
def test_both_cores_lose_the_same_and_give_the_same_times(
    properties: LinkProperties, arrivals: list[tuple[int, int]], reorders: bool, seed: str
) -> None:
    twins = Twins(replace(properties, reorders=reorders), seed)
    now_ns = 1_000_000_000
    for gap_ns, size in arrivals:
        now_ns += gap_ns
        twins.push(bytes(size % 2000 + 1), now_ns)
        while (due_ns := twins.next_due_ns()) is not None and due_ns <= now_ns:
            twins.pop()
    twins.close()


@needs_core
@given(PROPERTIES, st.lists(st.integers(0, 25_000_000), max_size=40))
def test_both_cores_put_frames_in_the_same_order(properties: LinkProperties, stamps_ns: list[int]) -> None:
    twins = Twins(replace(properties, reorders=False), "seed")
    for number, stamp_ns in enumerate(stamps_ns):
        twins.push(bytes([number]), 1_000_000_000 + stamp_ns, stamp_ns + number % 5)
        if number % 3 == 2 and twins.next_due_ns() is not None:
            twins.pop()
    twins.close()


@needs_core
@pytest.mark.parametrize("distribution", list(JitterDistribution))
def test_a_long_sequence_of_draws_is_the_same(distribution: JitterDistribution) -> None:
    """Far enough for the generators to be renewed, and for the tails of each distribution."""
    bursts = GilbertElliott(0.02, 0.2, 0.9, 0.01)
    first = LinkProperties(1000, 10, 2, 0.1, jitter_distribution=distribution, reorders=True)
    twins = Twins(first, "7/l/ab")
    for number in range(3000):
        if number in (1000, 2000):  # bursts that stay keep their state
            twins.change(replace(first, delay_ms=number / 200, burst_loss=bursts))
        twins.push(b"frame", number * 20_000_000)
        if twins.next_due_ns() is not None:
            twins.pop()
    assert twins.compiled.counters().lost > 100
    twins.close()


@needs_core
def test_what_both_hold_is_bounded_alike() -> None:
    twins = Twins(LinkProperties(rate_mbps=1, delay_ms=10), "seed")
    for number in range(400):
        twins.push(bytes(2000), number)
    assert twins.compiled.counters().overflow > 0
    twins.close()


@needs_core
def test_a_silent_direction_takes_nothing() -> None:
    twins = Twins(LinkProperties(rate_mbps=1, delay_ms=10), "seed")
    twins.compiled.silence(True)
    twins.python.silent = True
    twins.push(b"x", 0)
    assert twins.next_due_ns() is None
    assert twins.compiled.counters().silenced == 1
    twins.close()


def test_the_core_is_chosen_by_word_then_environment_then_what_is_there(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv(choosecore.VARIABLE, raising=False)
    monkeypatch.setattr(compiledcore, "missing", lambda: "")
    assert choosecore.core_named() == "compiled"
    monkeypatch.setenv(choosecore.VARIABLE, "python")
    assert choosecore.core_named() == "python"
    assert choosecore.core_named("auto") == "compiled"
    monkeypatch.setattr(compiledcore, "missing", lambda: "is not built")
    assert choosecore.core_named("auto") == "python"
    with pytest.raises(MachineError, match="is not built"):
        choosecore.core_named("compiled")
    with pytest.raises(InputError, match="rust"):
        choosecore.core_named("rust")


@needs_core
def test_a_core_built_from_other_sources_is_not_used(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    built = Path(library()._name)
    (tmp_path / built.name).write_bytes(built.read_bytes())
    (tmp_path / "compiled").mkdir()
    (tmp_path / "compiled/line.c").write_text("another")
    (tmp_path / "compiled/digest.py").write_text("def digest():\n    return 'another'\n")
    library.cache_clear()
    monkeypatch.setattr(compiledcore, "_FOLDER", tmp_path)
    assert compiledcore.missing() == "is built from other sources"
    (tmp_path / built.name).unlink()
    library.cache_clear()
    assert compiledcore.missing() == "is not built"
    library.cache_clear()
