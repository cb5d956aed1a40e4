"""The documentation keeps its word: examples are sound, commands and links exist, figures hold."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from experiments.calibration import MOST_MS
from experiments.cli import onehop
from experiments.hosts import MAX_BUSY_RATIO, MIN_ACHIEVED_RATIO
from experiments.queueing import md1_mean_wait_ms
from experiments.results.summary import TOLERANCE_MS, TOLERANCE_RATIO
from experiments.run import FULL, QUICK
from topology.emulation.links.buckets import burst_bytes
from topology.emulation.reading import DEFAULT_TOLERANCE
from topology.placement.document import json_schema as machines_schema
from topology.scenario import check, json_schema

ROOT = Path(__file__).resolve().parents[1]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
COUNTERPARTS = [page for page in PAGES if page.name.endswith(".zh.md")]

_BLOCK = re.compile(r"^```([^\n]*)\n(.*?)^```", re.M | re.S)
_INLINE = re.compile(r"`([^`\n]+)`")
_LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)")
_COMMAND = re.compile(r"(?:^|[\s;|&$(])(?:sudo )?(?:\./)?onehop(?= |$)")
_PLACEHOLDER = re.compile(r"[A-Z\u4e00-\u9fff.]{1,}$")


def text_of(page: Path) -> str:
    return page.read_text(encoding="utf-8")


def named(page: Path) -> str:
    return str(page.relative_to(ROOT))


def blocks(page: Path, kind: str) -> list[str]:
    return [body for info, body in _BLOCK.findall(text_of(page)) if info.strip() == kind]


def commands(page: Path) -> Iterator[str]:
    """Every command line that begins with ``onehop``, in plain blocks and between backticks."""
    text = text_of(page)
    plain = [body for info, body in _BLOCK.findall(text) if info.strip() in ("", "sh")]
    lines = [line for body in plain for line in body.splitlines()]
    lines += _INLINE.findall(_BLOCK.sub("", text))
    for line in lines:
        for found in _COMMAND.finditer(line):
            command = re.split(r"\s{2,}|[;|&>)]| #|$", line[found.end() :].strip(), maxsplit=1)[0]
            yield command.strip()


SCENARIOS = [(page, number) for page in PAGES for number in range(len(blocks(page, "yaml scenario")))]


@pytest.mark.parametrize(("page", "number"), SCENARIOS, ids=lambda value: str(getattr(value, "stem", value)))
def test_example_scenarios_are_sound(page: Path, number: int, tmp_path: Path) -> None:
    file = tmp_path / "example.yaml"
    file.write_text(blocks(page, "yaml scenario")[number], encoding="utf-8")
    assert check(str(file)) == []


@pytest.mark.parametrize("page", [page for page in PAGES if blocks(page, "yaml mistakes")], ids=named)
def test_shown_errors_are_the_real_ones(page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (mistakes,), (shown, *_) = blocks(page, "yaml mistakes"), blocks(page, "text")
    Path("my-proposal.yaml").write_text(mistakes, encoding="utf-8")
    assert "\n".join(map(str, check("my-proposal.yaml"))) + "\n" == shown


@pytest.mark.parametrize("page", [page for page in PAGES if page.name.startswith("scenarios.")], ids=named)
def test_every_key_of_the_format_is_described(page: Path) -> None:
    definitions = json_schema()["$defs"]
    keys = {key for definition in definitions.values() for key in definition.get("properties", {})}
    keys -= {"en", "zh", "value"}
    described = set(re.findall(r"[\w-]+", " ".join(_INLINE.findall(_BLOCK.sub("", text_of(page))))))
    assert keys - described == set()


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_every_command_line_exists(page: Path) -> None:
    wrong = [f"onehop {line}: {why}" for line in commands(page) if (why := complaint(line))]
    assert wrong == []


def complaint(line: str) -> str:
    """Why ``onehop LINE`` is no command; empty if its verb and all its options exist."""
    words = shlex.split(line)
    command: click.Command = onehop
    context = click.Context(onehop, info_name="onehop")
    while isinstance(command, click.Group) and words and not words[0].startswith("-"):
        word = words.pop(0)
        if _PLACEHOLDER.match(word) and not word.islower():
            return ""
        found = command.get_command(context, word)
        if found is None:
            return f"no verb {word!r}"
        command, context = found, click.Context(found, parent=context, info_name=word)
    if context.info_name in ("exec", "test"):  # what follows is another program's
        return ""
    known = {"-h", "--help", "--version"}
    for parameter in command.params:
        known |= {*parameter.opts, *parameter.secondary_opts}
    options = [word.partition("=")[0] for word in words if word.startswith("-")]
    unknown = [option for option in options if option not in known]
    return f"no option {unknown[0]}" if unknown else ""


@pytest.mark.parametrize("line", ["rum --quick", "run --slow", "scenario draw tiny", "plan tiny --digset"])
def test_a_mistaken_command_line_is_found(line: str) -> None:
    assert complaint(line)


def test_commands_are_found_in_the_pages() -> None:
    assert {line.split()[0] for page in PAGES for line in commands(page) if line} >= {
        *("run", "plan", "scenario", "up", "exec", "status", "down", "report", "compare", "doctor", "test")
    }


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_relative_links_lead_somewhere(page: Path) -> None:
    dead = []
    for target in _LINK.findall(_INLINE.sub("", _BLOCK.sub("", text_of(page)))):
        file, _, fragment = target.partition("#")
        if "://" in target or target.startswith("mailto:"):
            continue
        place = (page.parent / file).resolve() if file else page
        if not place.exists() or (fragment and fragment not in anchors(place)):
            dead.append(target)
    assert dead == []


def anchors(page: Path) -> set[str]:
    """Anchors of a page's headings, made as GitHub makes them."""
    headings = re.findall(r"^#+ (.+)$", _BLOCK.sub("", text_of(page)), re.M)
    plain = (re.sub(r"[^\w\s-]", "", heading.lower()) for heading in headings)
    return {heading.strip().replace(" ", "-") for heading in plain}


@pytest.mark.parametrize("page", COUNTERPARTS, ids=named)
def test_chinese_pages_follow_the_english(page: Path) -> None:
    english = page.with_name(page.name.replace(".zh.md", ".md"))
    assert [len(mark) for mark in headings(page)] == [len(mark) for mark in headings(english)]
    code = [info for info, _ in _BLOCK.findall(text_of(page))]
    assert code == [info for info, _ in _BLOCK.findall(text_of(english))]


def headings(page: Path) -> list[str]:
    return re.findall(r"^(#+) ", _BLOCK.sub("", text_of(page)), re.M)


@pytest.mark.parametrize("name", ["machines.md", "machines.zh.md"])
def test_the_example_of_machines_is_shown_as_it_is(name: str, capfd: pytest.CaptureFixture[str]) -> None:
    page, file = ROOT / "docs" / name, ROOT / "docs" / "examples" / "three-machines.yaml"
    assert blocks(page, "yaml") == [text_of(file)]
    onehop.main(["place", "qingyang-direct", "--machines", str(file)], standalone_mode=False)
    shown = "".join(f"{line.rstrip()}\n" for line in capfd.readouterr().out.splitlines())
    assert blocks(page, "text")[0] == shown
    keys = {key for part in machines_schema()["$defs"].values() for key in part.get("properties", {})}
    described = set(re.findall(r"[\w-]+", " ".join(_INLINE.findall(_BLOCK.sub("", text_of(page))))))
    assert keys - described == set()


@pytest.mark.parametrize("name", ["experiments.md", "experiments.zh.md"])
def test_the_example_experiment_is_shown_as_it_is(name: str) -> None:
    file = ROOT / "docs" / "examples" / "ping_pair.py"
    assert blocks(ROOT / "docs" / name, "python") == [text_of(file)]


@pytest.mark.parametrize("name", ["experiments.md", "experiments.zh.md"])
def test_the_depths_are_those_of_the_code(name: str) -> None:
    text = text_of(ROOT / "docs" / name)
    for rows in (f"| {FULL.samples} | {QUICK.samples} |", f"| {FULL.pings} | {QUICK.pings} |"):
        assert rows in text
    assert all(f"{depth.throughput_s} s" in text for depth in (FULL, QUICK))
    assert f"| {FULL.utilisation:g}" in text


def percent(ratio: float) -> str:
    return f"{ratio * 100:g} %"


@pytest.mark.parametrize("name", ["model.md", "model.zh.md"])
def test_figures_of_the_model_page_are_those_of_the_code(name: str) -> None:
    text = text_of(ROOT / "docs" / name)
    expected = [
        percent(MAX_BUSY_RATIO),
        percent(MIN_ACHIEVED_RATIO),
        percent(TOLERANCE_RATIO),
        f"{TOLERANCE_MS:g} ms",
        percent(DEFAULT_TOLERANCE.delay_ratio),
        f"{DEFAULT_TOLERANCE.delay_ms:g} ms",
        f"| {percent(DEFAULT_TOLERANCE.rate_ratio)} |",
        f"{MOST_MS:g} ms",
        f" {FULL.probes_per_s:g} ",
    ]
    for rate, load in ((20, 0.16), (20, 0.6), (20, 0.9), (100, 0.9)):
        strict = md1_mean_wait_ms(rate, load, 1250)
        relieved = md1_mean_wait_ms(rate, load, 1250, burst_bytes(rate))
        shown = f"{relieved:.4f}" if relieved < 0.001 else f"{relieved:.3f}"
        expected.append(f"| {rate} Mbit/s | {load:g} | {strict:.3f} | {shown} |")
    assert [figure for figure in expected if figure not in text] == []
