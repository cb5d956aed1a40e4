"""``docs/bounds.md`` shows the example as it is, with the answer it gets, and describes every key."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from controller.bounds.examples import EXAMPLES
from controller.bounds.schema import BoundFile, FlowIn, ServerIn, UnitsIn
from experiments.cli import guarded, onehop

PAGES = [Path(__file__).resolve().parents[3] / "docs" / name for name in ("bounds.md", "bounds.zh.md")]


def blocks(page: Path, kind: str) -> list[str]:
    return re.findall(rf"^```{kind}\n(.*?)^```", page.read_text(encoding="utf-8"), re.M | re.S)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_the_example_and_its_answer(
    page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (example,), (answer,) = blocks(page, "yaml"), blocks(page, "text")
    assert example == EXAMPLES["fifo"]
    monkeypatch.chdir(tmp_path)
    Path("two.yaml").write_text(example, encoding="utf-8")
    words = ["bound", "two.yaml", "--multiplexing", "fifo"]
    assert guarded(lambda: onehop.main(words, standalone_mode=False)) == 0
    told = [line.rstrip() for line in capsys.readouterr().out.strip().splitlines()]
    assert told == answer.strip().splitlines()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_the_python_example_runs(page: Path) -> None:
    (code,) = blocks(page, "python")
    exec(compile(code, str(page), "exec"), {})


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_key_is_described(page: Path) -> None:
    described = set(
        re.findall(r"[\w-]+", " ".join(re.findall(r"`([^`\n]+)`", page.read_text(encoding="utf-8"))))
    )
    keys = {key for model in (BoundFile, FlowIn, ServerIn, UnitsIn) for key in model.model_fields}
    assert keys <= described
