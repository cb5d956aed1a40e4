"""A digest of values, and of the program that works on them: what a finished task is kept under.

Equal values have equal digests in every process and under any hash seed, which pickled bytes do not promise:
they depend on which equal objects happen to be the same one.
"""

from __future__ import annotations

import functools
import hashlib
import sys
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from enum import Enum
from fractions import Fraction
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path, PurePath
from types import FunctionType
from typing import Any

import numpy as np

ROOT = Path(__file__).resolve().parents[3]
PACKAGES = ("topology", "controller", "experiments/proposals")  # what figures come from
# Libraries whose version may change a figure.
LIBRARIES = ("highspy", "numpy", "networkx", "scipy", "rustworkx", "igraph", "gnpy")


def fingerprint(value: object) -> str:
    """SHA-256 over type and content; mappings and sequences in their order, sets in none.

    Raises ``TypeError`` for values without a content of their own, such as open files.
    """
    return hashlib.sha256(_encode(value)).hexdigest()


@functools.cache
def program() -> str:
    """SHA-256 over this program: its source, Python's version and the libraries' that compute.

    A result of one program is not taken for another's: not from a store, and not from a cluster's worker.
    """
    digest = hashlib.sha256(f"{sys.version_info.major}.{sys.version_info.minor}".encode())
    for library in LIBRARIES:
        try:
            digest.update(f"{library} {version(library)}\n".encode())
        except PackageNotFoundError:
            digest.update(f"{library} -\n".encode())
    for package in PACKAGES:
        for file in sorted((ROOT / package).rglob("*.py")):
            digest.update(f"{file.relative_to(ROOT).as_posix()}\n".encode())
            digest.update(file.read_bytes())
    return digest.hexdigest()


def _encode(value: object) -> bytes:
    """One value, so that no two different ones are written the same."""
    if isinstance(value, Enum):
        return _framed(b"e", _name(type(value)), _encode(value.value))
    if value is None or isinstance(value, bool | int):
        return _framed(b"i", repr(value).encode())
    if isinstance(value, float):
        return _framed(b"f", float(value).hex().encode())
    if isinstance(value, str):
        return _framed(b"s", value.encode())
    if isinstance(value, bytes):
        return _framed(b"b", value)
    if isinstance(value, list | tuple):
        return _framed(b"l", *map(_encode, value))
    if isinstance(value, Mapping):
        return _framed(b"m", *(part for item in value.items() for part in map(_encode, item)))
    if isinstance(value, set | frozenset):
        return _framed(b"t", *sorted(map(_encode, value)))
    if isinstance(value, Fraction | PurePath):
        return _framed(b"p", _name(type(value)), str(value).encode())
    if isinstance(value, np.ndarray):
        return _framed(b"a", str((value.dtype.str, value.shape)).encode(), value.tobytes())
    if isinstance(value, type | FunctionType):
        return _framed(b"c", _name(value))
    if isinstance(value, functools.partial):
        return _framed(b"p", *map(_encode, (value.func, value.args, value.keywords)))
    if is_dataclass(value):
        members: list[Any] = [getattr(value, field.name) for field in fields(value)]
        return _framed(b"d", _name(type(value)), *map(_encode, members))
    raise TypeError(f"a {type(value).__qualname__} has no fingerprint")


def _framed(kind: bytes, *parts: bytes) -> bytes:
    return b"".join([kind, b"%d:" % len(parts), *(b"%d:%b" % (len(part), part) for part in parts)])


def _name(value: type | FunctionType) -> bytes:
    return f"{value.__module__}.{value.__qualname__}".encode()
