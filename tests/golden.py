"""Golden messages: a folder of files with a mistake each, and beside each the very words a user gets.

After a wanted change of a message run the tests with ``ONEHOP_UPDATE_GOLDEN=1``, then read the difference as
if you were the user.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from topology.errors import InputError, Problem


def mistakes_of(folder: Path) -> list[str]:
    """The names of the mistakes, without the files' endings."""
    return sorted(path.stem for path in folder.glob("*.yaml"))


def check_message(
    folder: Path, mistake: str, check: Callable[[str], list[Problem]], load: Callable[[str], object]
) -> None:
    """What ``check`` finds is told in the golden words, and ``load`` raises the same. For the folder itself
    as working directory, so that messages name the file alone.
    """
    problems = check(f"{mistake}.yaml")
    told = "".join(f"{problem}\n" for problem in problems)
    golden = folder / f"{mistake}.txt"
    if os.environ.get("ONEHOP_UPDATE_GOLDEN"):
        golden.write_text(told, encoding="utf-8")
    assert told == golden.read_text(encoding="utf-8")
    assert problems, "this file was meant to have a mistake"
    with pytest.raises(InputError) as caught:
        load(f"{mistake}.yaml")
    assert caught.value.exit_code == 2
    assert list(caught.value.problems) == problems


def check_folder(folder: Path, *, least: int) -> None:
    """There are many mistakes, and no words without one."""
    mistakes = mistakes_of(folder)
    assert len(mistakes) >= least
    assert sorted(path.stem for path in folder.glob("*.txt")) == mistakes
