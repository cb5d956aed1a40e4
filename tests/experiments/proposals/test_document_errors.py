"""Every mistake in a study, and the very words a user gets: golden messages in ``errors/``."""

from __future__ import annotations

from pathlib import Path

import pytest

from experiments.proposals.document import check_study, load_study
from tests.golden import check_folder, check_message, mistakes_of

ERRORS = Path(__file__).parent / "errors"


@pytest.mark.parametrize("mistake", mistakes_of(ERRORS))
def test_message(mistake: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ERRORS)  # so that messages name the file alone
    check_message(ERRORS, mistake, check_study, load_study)


def test_there_are_many_golden_mistakes_and_no_orphans() -> None:
    check_folder(ERRORS, least=30)


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
