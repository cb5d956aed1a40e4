"""Every mistake in a file of machines, and the very words a user gets: golden messages in ``errors/``.

The layout is that of ``tiny``. After a wanted change of a message: ``ONEHOP_UPDATE_GOLDEN=1 pytest`` on this
file, then read the difference as if you were the user.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from topology.emulation.layout import Layout
from topology.errors import InputError
from topology.placement.document import load_fleet
from topology.scenario import load

ERRORS = Path(__file__).parent / "errors"
MISTAKES = sorted(path.stem for path in ERRORS.glob("*.yaml"))
TINY = Layout.of(load("tiny"))


@pytest.mark.parametrize("mistake", MISTAKES)
def test_message(mistake: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ERRORS)  # so that messages name the file alone
    with pytest.raises(InputError) as caught:
        load_fleet(f"{mistake}.yaml", TINY)
    told = f"{caught.value}\n"
    golden = ERRORS / f"{mistake}.txt"
    if os.environ.get("ONEHOP_UPDATE_GOLDEN"):
        golden.write_text(told, encoding="utf-8")
    assert told == golden.read_text(encoding="utf-8")


def test_there_are_many_golden_mistakes_and_no_orphans() -> None:
    assert len(MISTAKES) >= 20
    assert sorted(path.stem for path in ERRORS.glob("*.txt")) == MISTAKES


@pytest.mark.parametrize(
    ("reference", "told"), [("nowhere.yaml", "there is no such file"), ("a\0b.yaml", "is no usable path")]
)
def test_files_that_are_none(reference: str, told: str) -> None:
    with pytest.raises(InputError, match=told):
        load_fleet(reference, TINY)
