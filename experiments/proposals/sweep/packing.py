"""Values as bytes, for workers and for the store: pickle, and from the store only what a result may be.

A folder of kept results may come from anywhere, and plain pickle runs what it is told to. What is read from
a store can therefore name nothing but the project's frozen values and enumerations and a few plain types.
"""

from __future__ import annotations

import io
import pickle
import sys
from dataclasses import is_dataclass
from enum import Enum
from types import MappingProxyType
from typing import Any

PROTOCOL = 5  # the same bytes from every Python that runs this
OURS = ("topology", "controller", "experiments")
PLAIN = frozenset(
    [
        ("builtins", "set"),
        ("builtins", "frozenset"),
        ("fractions", "Fraction"),
        ("collections", "OrderedDict"),
    ]
)


def _read_only(mapping: dict[Any, Any]) -> MappingProxyType[Any, Any]:
    return MappingProxyType(mapping)


class _Pickler(pickle.Pickler):
    """Pickle, and read-only mappings, which pickle leaves out."""

    def reducer_override(self, value: Any) -> Any:
        if isinstance(value, MappingProxyType):
            return _read_only, (dict(value),)
        return NotImplemented


class _Unpickler(pickle.Unpickler):
    """Reads data; calls nothing."""

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) == (__name__, _read_only.__name__):
            return _read_only
        if (module, name) in PLAIN:
            return super().find_class(module, name)
        if module.partition(".")[0] in OURS and module in sys.modules:
            found = super().find_class(module, name)
            if isinstance(found, type) and (is_dataclass(found) or issubclass(found, Enum)):
                return found
        raise pickle.UnpicklingError(f"{module}.{name} is no part of a result")


def pack(value: object) -> bytes:
    """As bytes. Raises ``TypeError`` or ``pickle.PicklingError`` for what cannot leave a process."""
    buffer = io.BytesIO()
    _Pickler(buffer, PROTOCOL).dump(value)
    return buffer.getvalue()


def unpack(data: bytes) -> Any:
    """What a process of ours packed."""
    return pickle.loads(data)


def unpack_kept(data: bytes) -> Any:
    """What a file holds: results only. Raises ``pickle.UnpicklingError`` for anything else."""
    return _Unpickler(io.BytesIO(data)).load()
