"""The core of the delay line in C (``compiled/``), called through ctypes: many frames to a system call.

It is built where there is a compiler when OneHop is installed (``setup.py``), and nothing needs it: the core
in Python does the same. For one seed both lose the same frames and give each the same time. A library that
was built from other sources than those beside it is not used.
"""

from __future__ import annotations

import ctypes
import importlib.machinery
import os
import socket
from functools import cache
from random import Random

from topology.emulation.links import LinkProperties
from topology.emulation.links.core import Wanted
from topology.emulation.links.schedule import Counters, limit_bytes
from topology.variation import JitterDistribution

_FOLDER = os.path.dirname(__file__)
_DISTRIBUTIONS = {JitterDistribution.UNIFORM: 0, JitterDistribution.NORMAL: 1, JitterDistribution.PARETO: 2}
_NOTHING, _EACH_BY_ITSELF, _IN_BURSTS = range(3)
_State = ctypes.c_uint32 * 625
CURE = "apt-get install gcc libc6-dev, then python setup.py build_ext --inplace in OneHop's folder"


class _Properties(ctypes.Structure):
    """``struct properties`` of queue.h."""

    _fields_ = (
        ("delay_ns", ctypes.c_int64),
        ("jitter_ns", ctypes.c_int64),
        ("limit_bytes", ctypes.c_int64),
        ("loss_ratio", ctypes.c_double),
        ("leaves", ctypes.c_double * 2),
        ("loses", ctypes.c_double * 2),
        ("distribution", ctypes.c_int32),
        ("losing", ctypes.c_int32),
    )


class _Counters(ctypes.Structure):
    """``struct counters`` of queue.h."""

    _fields_ = (
        ("frames", ctypes.c_uint64),
        ("size_bytes", ctypes.c_uint64),
        ("lost", ctypes.c_uint64),
        ("silenced", ctypes.c_uint64),
        ("overflow", ctypes.c_uint64),
        ("late_sum_ns", ctypes.c_int64),
        ("late_max_ns", ctypes.c_int64),
    )


class CompiledQueue:
    """One direction of a link, as ``schedule.DelayQueue``; kept until the process ends."""

    def __init__(self, properties: LinkProperties, seed: str) -> None:
        self._library = library()
        states = [_state(f"{seed}/{kind}") for kind in ("loss", "jitter")]
        self.handle = self._library.queue_new(int(properties.reorders), *states)
        if not self.handle:
            raise MemoryError
        self.change(properties)

    def change(self, properties: LinkProperties) -> None:
        """Give the frames that arrive from now on other properties."""
        bursts = properties.burst_loss
        losing = _IN_BURSTS if bursts else _EACH_BY_ITSELF if properties.loss_ratio else _NOTHING
        described = _Properties(
            delay_ns=round(properties.delay_ms * 1e6),
            jitter_ns=round(properties.achievable_jitter_ms * 1e6),
            limit_bytes=limit_bytes(properties),
            loss_ratio=properties.loss_ratio,
            distribution=_DISTRIBUTIONS[properties.jitter_distribution],
            losing=losing,
        )
        if bursts:
            described.leaves[:] = bursts.good_to_bad, bursts.bad_to_good
            described.loses[:] = bursts.loss_in_good, bursts.loss_in_bad
        self._library.queue_change(self.handle, ctypes.byref(described))

    def silence(self, silent: bool) -> None:
        """Lose every frame; or no more."""
        self._library.queue_silence(self.handle, int(silent))

    def counters(self) -> Counters:
        """The counters so far."""
        return Counters.of(self._library.queue_counters(self.handle).contents)


class CompiledCore:
    """A ``Core`` in C; see there. Raises ``OSError`` where the library is missing or resources are."""

    def __init__(self, control: socket.socket) -> None:
        self._library = library()
        self._queues: list[CompiledQueue] = []
        self._line = self._library.line_new(control.fileno())
        if not self._line:
            raise OSError(ctypes.get_errno(), "the compiled core cannot start")

    def add(self, source: socket.socket, sink: socket.socket, properties: LinkProperties, seed: str) -> None:
        """See ``Core.add``."""
        queue = CompiledQueue(properties, seed)
        error = self._library.line_add(self._line, source.fileno(), sink.fileno(), queue.handle)
        if error:
            raise OSError(error, "the compiled core cannot take the link")
        self._queues.append(queue)

    def change(self, lane: int, properties: LinkProperties) -> None:
        """See ``Core.change``."""
        self._queues[lane].change(properties)

    def silence(self, lane: int, silent: bool) -> None:
        """See ``Core.silence``."""
        self._queues[lane].silence(silent)

    def set_nap(self, nap_ns: int) -> None:
        """See ``Core.set_nap``."""
        self._library.line_set_nap(self._line, nap_ns)

    def set_joins(self, joins: bool) -> None:
        """See ``Core.set_joins``."""
        self._library.line_set_joins(self._line, joins)

    def gives_way(self) -> bool:
        """See ``Core.gives_way``."""
        return bool(self._library.line_gives_way(self._line))

    def counters(self, lane: int) -> Counters:
        """See ``Core.counters``."""
        return self._queues[lane].counters()

    def lead_ns(self) -> int:
        """See ``Core.lead_ns``."""
        return int(self._library.line_lead_ns(self._line))

    def carry(self) -> Wanted:
        """See ``Core.carry``. The lock of the interpreter is released meanwhile."""
        return Wanted(self._library.line_carry(self._line))


def missing() -> str:
    """Why there is no compiled core to use, as what it is or lacks; empty if there is one."""
    try:
        loaded = library()
    except OSError as error:
        return str(error)
    return "" if _is_of_its_sources(loaded) else "is built from other sources"


@cache
def library() -> ctypes.CDLL:
    """The library, loaded; whether it is of the sources beside it, ``missing`` tells.

    Raises ``OSError`` with the reason where there is none.
    """
    names = [f"{_FOLDER}/_core{suffix}" for suffix in importlib.machinery.EXTENSION_SUFFIXES]
    found = next(filter(os.path.exists, names), None)
    if found is None:
        raise OSError("is not built")
    loaded = ctypes.CDLL(found, use_errno=True)
    pointer, i64, i32 = ctypes.c_void_p, ctypes.c_int64, ctypes.c_int
    signatures: dict[str, tuple[type | None, list[type]]] = {
        "queue_new": (pointer, [i32, _State, _State]),
        "queue_free": (None, [pointer]),
        "queue_change": (None, [pointer, ctypes.POINTER(_Properties)]),
        "queue_silence": (None, [pointer, i32]),
        "queue_counters": (ctypes.POINTER(_Counters), [pointer]),
        "queue_push": (i64, [pointer, ctypes.c_char_p, ctypes.POINTER(pointer), ctypes.c_uint32, i64, i64]),
        "queue_next_due_ns": (i64, [pointer]),
        "queue_pop": (pointer, [pointer]),
        "frame_free": (None, [pointer]),
        "join": (i32, [pointer, i32, i32, ctypes.c_char_p, pointer]),
        "line_new": (pointer, [i32]),
        "line_add": (i32, [pointer, i32, i32, pointer]),
        "line_set_joins": (None, [pointer, i32]),
        "line_set_nap": (None, [pointer, i64]),
        "line_gives_way": (i32, [pointer]),
        "line_lead_ns": (i64, [pointer]),
        "line_carry": (i32, [pointer]),
    }
    for name, (result, arguments) in signatures.items():
        function = getattr(loaded, name, None)
        if function is None:
            raise OSError("is built from other sources")
        function.restype, function.argtypes = result, arguments
    return loaded


@cache
def _is_of_its_sources(loaded: ctypes.CDLL) -> bool:
    """Whether a library was built from the sources beside it; also where they were not delivered."""
    import glob  # here: a delay line, whose core has been chosen for it, starts faster without
    import runpy

    sources = f"{_FOLDER}/compiled"
    if not glob.glob(f"{glob.escape(sources)}/*.c"):
        return True
    loaded.core_sources.restype = ctypes.c_char_p
    return bool(loaded.core_sources() == runpy.run_path(f"{sources}/digest.py")["digest"]().encode())


def _state(seed: str) -> ctypes.Array[ctypes.c_uint32]:
    """A generator of Python's in the state that ``seed`` gives: ``struct twister`` of draws.h."""
    return _State(*Random(seed).getstate()[1])
