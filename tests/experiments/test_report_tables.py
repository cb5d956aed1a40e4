"""Tables for the terminal, and two runs side by side."""

from __future__ import annotations

import io
import json
import random
import re
from pathlib import Path

import pytest
from rich.cells import cell_len
from rich.console import Console

from experiments.report.compare import compare, comparison_table, median_difference
from experiments.report.table import print_summary
from experiments.report.text import number, percent, signed
from experiments.report.words import WORDS
from experiments.results import ResultFolder, Summary
from tests.experiments.synthetic import write_folder


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> ResultFolder:
    return write_folder(tmp_path_factory.mktemp("tables") / "run")


def printed(summary: Summary, language: str, width: int = 100) -> list[str]:
    file = io.StringIO()
    print_summary(summary, console=Console(file=file, width=width), language=language)
    return file.getvalue().splitlines()


FILES = (".js", ".css", ".j2", ".toml")


@pytest.mark.parametrize("language", ["en", "zh"])
def test_the_table_fits_and_hides_nothing(folder: ResultFolder, language: str) -> None:
    lines = printed(folder.summary, language)
    text = "\n".join(lines)
    assert max(cell_len(line.rstrip()) for line in lines) <= 100
    assert "…" not in text
    for pair in folder.summary.pairs:
        row = next(
            line for line in lines if line.startswith(pair.destination_name.in_language(language) + " ")
        )
        assert number(pair.base.rtt_ms.median) in row
        assert number(pair.proposal.rtt_ms.median) in row
        assert signed(-(pair.saving_ms or 0)) in row
    assert folder.summary.verdict.text.in_language(language)[:20] in text


def test_marks_do_not_rest_on_colour(folder: ResultFolder) -> None:
    first, *rest = folder.summary.pairs
    wrong = first.base.model_copy(update={"path_proven": False, "within_tolerance": False})
    summary = folder.summary.model_copy(update={"pairs": (first.model_copy(update={"base": wrong}), *rest)})
    row = next(line for line in printed(summary, "en") if line.startswith("Beijing "))
    assert f"{wrong.hops}!" in row
    assert f"{number(wrong.rtt_ms.median)}*" in row


def test_what_was_measured_again_is_told(folder: ResultFolder) -> None:
    first, *rest = folder.summary.pairs
    assert not any("measured again" in line for line in printed(folder.summary, "en"))
    again = first.model_copy(update={"base": first.base.model_copy(update={"attempts": 3})})
    lines = printed(folder.summary.model_copy(update={"pairs": (again, *rest)}), "en")
    assert any("measured again (times): Beijing, Base (3)" in line for line in lines)


def test_names_are_not_markup(folder: ResultFolder) -> None:
    first, *rest = folder.summary.pairs
    name = first.destination_name.__class__("[red]x[/red]", "[bold]")
    summary = folder.summary.model_copy(
        update={"pairs": (first.model_copy(update={"destination_name": name}), *rest)}
    )
    assert any(line.startswith("[red]x[/red]") for line in printed(summary, "en", 120))


def test_two_runs_of_the_same_network_do_not_differ(folder: ResultFolder, tmp_path: Path) -> None:
    other = write_folder(tmp_path / "other", seed=7)
    found = compare(folder, other)
    json.dumps(found)
    assert found["warnings"] == []
    assert len(found["pairs"]) == 18
    differing = [row for row in found["pairs"] if row["differs"]]
    assert len(differing) <= 2  # at 99%, chance alone gives one in a hundred
    assert compare(folder, other) == found
    same = compare(folder, folder)
    assert all(row["difference_ms"] == 0 and not row["differs"] for row in same["pairs"])
    file = io.StringIO()
    Console(file=file, width=110).print(comparison_table(found))
    assert "qingyang - shenzhen" in file.getvalue()


def test_a_slower_network_differs(folder: ResultFolder, tmp_path: Path) -> None:
    other = write_folder(tmp_path / "other", seed=7)
    path = other.samples_path("base", "idle")
    header, *lines = path.read_text().splitlines()
    slower = []
    for line in lines:
        sample = json.loads(line)
        sample["t4"] += 500_000
        slower.append(json.dumps(sample))
    path.write_text("\n".join([header, *slower, ""]))
    rows = [row for row in compare(folder, other)["pairs"] if row["network"] == "base"]
    assert all(row["differs"] for row in rows)
    assert all(row["interval_ms"][0] > 0.4 for row in rows)


def test_what_makes_runs_incomparable_is_said(folder: ResultFolder, tmp_path: Path) -> None:
    other = write_folder(tmp_path / "other", samples=20, bad_link=True)
    summary = other.summary
    scenarios = dict(summary.scenarios)
    scenarios["base"] = scenarios["base"].model_copy(update={"digest": "0" * 64, "id": "another"})
    other.write_summary(
        summary.model_copy(
            update={
                "scenarios": scenarios,
                "rate_scale": 500.0,
                "backend": summary.backend.model_copy(update={"pipe": "netem"}),
                "pairs": summary.pairs[1:],
            }
        )
    )
    other.update_manifest(status="interrupted")
    warnings = " / ".join(compare(folder, other)["warnings"])
    for expected in ("another", "userspace/netem", "1:500", "run b is interrupted", "no verdict", "1 pairs"):
        assert expected in warnings


def test_the_interval_of_a_difference_covers_it() -> None:
    chance = random.Random(3)
    covered = 0
    for _ in range(40):
        a = [chance.expovariate(1.0) for _ in range(150)]
        b = [chance.expovariate(1.0) + 0.5 for _ in range(150)]
        low, high = median_difference(a, b) or (0.0, 0.0)
        covered += low <= 0.5 <= high
    assert covered >= 37
    assert median_difference([1.0], [1.0, 2.0]) is None


def test_numbers() -> None:
    assert (number(None), number(-0.04), number(-1.25, 2), number(3.14159)) == ("–", "0.0", "−1.25", "3.1")
    assert (signed(2), signed(-2), signed(0), signed(None)) == ("+2.0", "−2.0", "0.0", "–")
    assert (percent(0.5), percent(0.0002), percent(0), percent(None)) == ("50%", "0.02%", "0%", "–")


def test_every_text_has_the_same_fields_in_both_languages() -> None:
    for key, text in WORDS.items():
        fields = [sorted(re.findall(r"\{(\w*)\}", one)) for one in (text.en, text.zh)]
        assert fields[0] == fields[1], key
        assert text.en.strip(), key
        assert text.zh.strip(), key


def test_every_text_is_used_and_every_text_used_exists() -> None:
    report = Path(__file__).parents[2] / "experiments" / "report"
    sources = "\n".join(path.read_text() for path in [*report.glob("*.py"), *report.glob("templates/*.j2")])
    named = set(re.findall(r'"([a-z0-9_]+(?:\.[a-z0-9_]+)+)"', sources))
    built = r'"([a-z0-9_.]+\.)" ?~|["\'\[]([a-z0-9_.]+\.)\{'
    prefixes = {one or other for one, other in re.findall(built, sources)}
    unused = [key for key in WORDS if key not in named and not any(key.startswith(p) for p in prefixes)]
    assert unused == []
    roots = {key.split(".")[0] for key in WORDS}
    # Pages of one experiment name their texts without the first part, which is the experiment.
    known = {*WORDS, *(key.partition(".")[2] for key in WORDS)}
    missing = [k for k in named if k.split(".")[0] in roots and k not in known and not k.endswith(FILES)]
    assert missing == []
