"""Finished tasks in a folder, so that work that was interrupted, however, goes on where it stopped."""

from __future__ import annotations

import hashlib
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

from experiments.proposals.sweep.fingerprint import fingerprint, program
from experiments.proposals.sweep.packing import pack, unpack_kept
from topology.errors import MachineError
from topology.files import write_whole

ENDING = ".result"


class Store:
    """One file per task, named after a digest of the program, the function and the item.

    A file is either whole or not there: it is written beside and renamed, and begins with a checksum of the
    rest. What cannot be read, or was changed, counts as not there. Several runs may share a folder.

    Raises ``MachineError`` if the folder cannot be written.
    """

    def __init__(self, folder: Path, function: Callable[..., object]) -> None:
        self._folder = folder
        self._function = fingerprint((program(), function))
        self._checked = False
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise _cannot_write(folder, error) from error

    def key(self, item: object) -> str:
        """What the task of ``item`` is kept under."""
        return fingerprint((self._function, item))

    def find(self, key: str) -> tuple[Any] | None:
        """The result kept, in a tuple of one; or ``None``."""
        try:
            content = self._file(key).read_bytes()
        except OSError:
            return None
        checksum, packed = content[:32], content[32:]
        if hashlib.sha256(packed).digest() != checksum:
            return None
        try:
            return (unpack_kept(packed),)
        except (pickle.UnpicklingError, EOFError, AttributeError, ImportError, TypeError, ValueError):
            return None

    def keep(self, key: str, result: object) -> None:
        """Keep a result from now on. Raises ``TypeError`` if it holds what ``find`` would not read."""
        packed = pack(result)
        if not self._checked:
            try:
                unpack_kept(packed)
            except pickle.UnpicklingError as error:
                raise TypeError(f"results like this cannot be kept: {error}") from error
            self._checked = True
        try:
            write_whole(self._file(key), hashlib.sha256(packed).digest() + packed)
        except OSError as error:
            raise _cannot_write(self._folder, error) from error

    def _file(self, key: str) -> Path:
        return self._folder / (key + ENDING)


def _cannot_write(folder: Path, error: OSError) -> MachineError:
    return MachineError(
        f"cannot keep finished work: {error.strerror}", where=str(folder), hint="name another folder"
    )
