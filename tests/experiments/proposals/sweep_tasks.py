"""Functions that workers of the sweep's tests are given: they must be able to import them."""

from __future__ import annotations

import os
import signal
import time
from dataclasses import dataclass
from pathlib import Path

from topology.errors import InputError


@dataclass(frozen=True, slots=True)
class Square:
    number: int
    square: float


def square(number: int) -> float:
    return number * number / 7


def shared(offset: dict[str, float], number: int) -> dict[str, float]:
    """A result whose order would show a hash seed, if one had a say."""
    return {key: value * number for key, value in offset.items()}


def fail_above_two(number: int) -> int:
    if number > 2:
        time.sleep(0.05 if number == 3 else 0)
        raise InputError(f"{number} is too many", where="here", hint="fewer")
    return number


def die_once(folder: Path, number: int) -> int:
    """The first worker to get an odd number dies of it, as when memory runs out."""
    log(folder, number)
    if number % 2 and _first(folder / f"died-{number}"):
        os.kill(os.getpid(), signal.SIGKILL)
    return number * 10


def die_always(number: int) -> int:
    if number == 1:
        os.kill(os.getpid(), signal.SIGKILL)
    return number


def slow(folder: Path, number: int) -> int:
    """Says which process works on it, and takes its time."""
    log(folder, number)
    time.sleep(0.15)
    return number * 10


def for_ever(folder: Path, number: int) -> int:
    log(folder, number)
    time.sleep(600)
    return number


def threads_of_libraries(_number: int) -> str | None:
    print("to nobody")
    return os.environ.get("OMP_NUM_THREADS")


def log(folder: Path, number: int) -> None:
    with (folder / "log").open("a") as file:
        file.write(f"{number} {os.getpid()}\n")


def logged(folder: Path) -> list[tuple[int, int]]:
    """(number, process id) of each task begun so far."""
    try:
        lines = (folder / "log").read_text().splitlines()
    except FileNotFoundError:
        return []
    return [(int(number), int(process)) for number, process in map(str.split, lines)]


def _first(marker: Path) -> bool:
    try:
        marker.touch(exist_ok=False)
    except FileExistsError:
        return False
    return True
