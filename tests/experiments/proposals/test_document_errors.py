"""Every mistake in a study, and the very words a user gets: golden messages in ``errors/``.

After a wanted change of a message: ``ONEHOP_UPDATE_GOLDEN=1 pytest`` on this file, then read the difference
as if you were the user.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from experiments.proposals.document import check_study, load_study
from topology.errors import InputError

ERRORS = Path(__file__).parent / "errors"
MISTAKES = sorted(path.stem for path in ERRORS.glob("*.yaml"))


@pytest.mark.parametrize("mistake", MISTAKES)
def test_message(mistake: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ERRORS)  # so that messages name the file alone
    problems = check_study(f"{mistake}.yaml")
    told = "".join(f"{problem}\n" for problem in problems)
    golden = ERRORS / f"{mistake}.txt"
    if os.environ.get("ONEHOP_UPDATE_GOLDEN"):
        golden.write_text(told, encoding="utf-8")
    assert told == golden.read_text(encoding="utf-8")
    assert problems, "this file was meant to have a mistake"
    with pytest.raises(InputError) as caught:
        load_study(f"{mistake}.yaml")
    assert caught.value.exit_code == 2
    assert list(caught.value.problems) == problems


def test_there_are_many_golden_mistakes_and_no_orphans() -> None:
    assert len(MISTAKES) >= 30
    assert sorted(path.stem for path in ERRORS.glob("*.txt")) == MISTAKES


@pytest.mark.parametrize(
    ("reference", "told"),
    [
        ("tiny-candidate", "did you mean 'tiny-candidates'"),
        ("", "shipped studies: qingyang-candidates, tiny-candidates"),
        ("studies/tiny", "a file of candidates ends in .yaml or .yml"),
        ("nowhere.yaml", "there is no such file"),
        ("a\0b.yaml", "is no usable path"),
    ],
)
def test_references_that_mean_nothing(reference: str, told: str) -> None:
    (problem,) = check_study(reference)
    assert told in str(problem)
