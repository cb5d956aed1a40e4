"""The page: self-contained, the same bytes each time, safe from hostile names, complete in both languages."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import sys
from collections import Counter
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest

from experiments.report import write_report
from experiments.report.page import render
from experiments.results import ResultFolder
from tests.experiments.synthetic import HOST, manifest, write_folder
from topology.errors import InputError

REPOSITORY = Path(__file__).parents[2]
HOSTILE = "<script>alert(1)</script>\"'><img src=x onerror=alert(2)> $x^2$ & {{ 7*7 }}"
VOID = {"meta", "img", "br", "hr", "input", "link"}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> ResultFolder:
    return write_folder(tmp_path_factory.mktemp("report") / "run")


@pytest.fixture(scope="module")
def page(folder: ResultFolder) -> str:
    return write_report(folder).read_text(encoding="utf-8")


class Reader(HTMLParser):
    """Checks nesting and collects what the tests ask about."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: Counter[str] = Counter()
        self.ids: Counter[str] = Counter()
        self.loads: list[str] = []
        self.handlers: list[str] = []
        self.texts: list[tuple[str | None, str]] = []
        self._languages: list[str | None] = [None]
        self.feed(text)
        self.close()
        assert not self.open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        self.tags[tag] += 1
        self.ids.update([found["id"] or ""] if "id" in found else [])
        self.loads += [
            value or ""
            for name, value in attrs
            if name in ("src", "srcset", "poster", "data", "action") or (name.endswith("href") and tag != "a")
        ]
        self.handlers += [name for name, _ in attrs if name.startswith("on")]
        if tag not in VOID:
            self.open.append(tag)
            self._languages.append(found.get("lang", self._languages[-1]))

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self.handle_endtag(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag
        self._languages.pop()

    def handle_data(self, data: str) -> None:
        if data.strip() and self.open and self.open[-1] not in ("style", "script"):
            self.texts.append((self._languages[-1], data.strip()))


def test_the_page_is_well_formed_and_ids_are_unique(page: str) -> None:
    reader = Reader(page)
    assert reader.tags["svg"] == 2 * (5 + 9)  # map, two delay charts, throughput, links; nine panels
    assert [name for name, count in reader.ids.items() if count > 1] == []
    references = set(re.findall(r'(?:href="|url\()#([\w.-]+)', page))
    assert references
    assert references <= set(reader.ids)


def test_nothing_is_loaded_from_anywhere(page: str) -> None:
    reader = Reader(page)
    assert [load for load in reader.loads if not load.startswith("#")] == []
    assert "@import" not in page
    assert not re.search(r"url\((?!#)", page)
    assert "default-src 'none'" in page
    assert reader.tags["script"] == 1
    assert reader.handlers == []


def test_the_page_is_small_enough_to_mail(page: str) -> None:
    assert len(page.encode()) < 3_000_000


def test_the_same_folder_gives_the_same_bytes_in_another_process(folder: ResultFolder, page: str) -> None:
    script = f"""
from pathlib import Path
from experiments.report.page import render
from experiments.results import ResultFolder
import hashlib
print(hashlib.sha256(render(ResultFolder.open(Path({str(folder.path)!r}))).encode()).hexdigest())
"""
    digest = subprocess.run(
        [sys.executable, "-c", script],
        cwd=REPOSITORY,
        env={**os.environ, "PYTHONHASHSEED": "2", "TZ": "Asia/Shanghai", "LC_ALL": "C", "MPLBACKEND": "svg"},
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    assert digest.strip() == hashlib.sha256(page.encode()).hexdigest()
    assert render(folder) == page


def test_the_page_does_not_depend_on_how_numpy_writes_numbers(folder: ResultFolder, page: str) -> None:
    with np.printoptions(legacy="1.25"):  # as GNPy sets it when it is imported
        assert render(folder) == page


def test_hostile_names_stay_text(tmp_path: Path) -> None:
    folder = write_folder(tmp_path, samples=5, source_name=HOSTILE)
    summary = folder.summary
    pairs = [
        pair.model_copy(update={"destination_name": pair.source_name, "region": HOSTILE})
        for pair in summary.pairs
    ]
    assumption = summary.assumptions[0].model_copy(update={"text": HOSTILE, "part": HOSTILE})
    source = summary.sources[0].model_copy(update={"title": HOSTILE, "url": "javascript:alert(3)"})
    titles = {
        variant: scenario.model_copy(update={"title": pairs[0].source_name, "digest": HOSTILE})
        for variant, scenario in summary.scenarios.items()
    }
    host = summary.host.model_copy(update={"cpu_model": HOSTILE, "versions": {HOSTILE: HOSTILE}})
    folder.write_summary(
        summary.model_copy(
            update={
                "pairs": tuple(pairs),
                "assumptions": (assumption,),
                "sources": (source,),
                "scenarios": titles,
                "host": host,
            }
        )
    )
    folder.update_manifest(options={HOSTILE: HOSTILE}, created=HOSTILE)
    page = render(folder)
    reader = Reader(page)
    assert reader.tags["script"] == 1
    assert reader.tags["img"] == 0
    assert reader.handlers == []
    assert [load for load in reader.loads if not load.startswith("#")] == []
    shown = [text for _, text in reader.texts if "alert(1)" in text]
    assert len(shown) > 20
    assert any("$x^2$" in text for text in shown)  # not read as mathematics
    assert all("{{ 7*7 }}" in text or "49" not in text for text in shown)


def test_both_languages_say_as_much(page: str) -> None:
    spans = re.findall(
        r'<span class="en" lang="en">(.*?)</span><span class="zh" lang="zh">(.*?)</span>', page, re.DOTALL
    )
    assert len(spans) > 200
    assert page.count('<span class="en"') == len(spans)
    for english, chinese in spans:
        assert english.strip()
        assert chinese.strip()
        assert not re.search(r"[\u4e00-\u9fff]", english), english


# Names that Chinese text keeps.
LATIN = re.compile(
    r"Open vSwitch|OpenFlow|OneHop|onehop report|links\.json|STAMP|RFC|iperf3|netem|ping|TCP|UDP|UTC|Mbit/s|"
    r"Gbit/s|CDN|CPU|[Pp]9[59]|report|km|\b[0-9a-f]{12}\b"
)


def test_no_english_is_left_in_chinese(page: str) -> None:
    chinese = [text for language, text in Reader(page).texts if language == "zh"]
    assert len(chinese) > 300
    chinese = [text for text in chinese if HOST.cpu_model not in text]
    left = [text for text in chinese if re.search(r"[A-Za-z]{2,}", LATIN.sub("", text))]
    assert left == []


def test_texts_outside_a_language_are_only_figures_and_names(page: str) -> None:
    """What both languages show must need no translation."""
    neutral = [text for language, text in Reader(page).texts if language in (None, "en")]
    assert any("19" in text for text in neutral)
    words = [word for text in neutral if not text.isascii() for word in re.findall(r"[\u4e00-\u9fff]+", text)]
    assert words == []


def test_a_refused_run_offers_nothing_to_quote(tmp_path: Path) -> None:
    page = render(write_folder(tmp_path, samples=5, bad_link=True))
    assert 'class="keys"' not in page
    assert "No verdict" in page
    assert "carries half its rate" in page
    assert "不作结论" in page
    assert "<details open>" in page


def test_a_run_without_raw_samples_links_or_networks(tmp_path: Path) -> None:
    folder = write_folder(tmp_path, samples=5)
    for name in os.listdir(tmp_path):
        if name.endswith(".jsonl") or name.startswith(("network", "links")):
            (tmp_path / name).unlink()
    page = render(folder)
    assert "no raw samples" in page
    assert "before its links were checked" in page
    assert "no networks" in page
    Reader(page)


def test_a_pair_that_lost_everything(tmp_path: Path) -> None:
    folder = write_folder(tmp_path, samples=5)
    summary = folder.summary
    nothing = dict.fromkeys(("min", "median", "mean", "p95", "p99", "max"))
    first = summary.pairs[0]
    lost = first.base.model_copy(
        update={
            "rtt_ms": first.base.rtt_ms.model_copy(update={**nothing, "lost": 5}),
            "one_way_ms": first.base.one_way_ms.model_copy(update={**nothing, "lost": 5}),
            "stretch": None,
            "error_ms": None,
            "loaded": None,
            "ping_ms": None,
            "delay_variation_ms": None,
        }
    )
    pairs = (first.model_copy(update={"base": lost}), *summary.pairs[1:])
    folder.write_summary(summary.model_copy(update={"pairs": pairs}))
    Reader(render(folder))


def test_no_summary_is_said_clearly(tmp_path: Path) -> None:
    folder = ResultFolder.create(manifest("running"), path=tmp_path)
    with pytest.raises(InputError, match=r"no summary\.json"):
        write_report(folder)


CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")


@pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium")
def test_a_browser_shows_it_without_complaint(folder: ResultFolder, page: str, tmp_path: Path) -> None:
    assert CHROMIUM is not None
    picture = tmp_path / "page.png"
    options = [
        "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking",
        "--disable-component-update", "--disable-sync", "--disable-quic", "--enable-logging=stderr",
        f"--user-data-dir={tmp_path / 'profile'}", "--window-size=1200,3000", f"--screenshot={picture}",
    ]  # fmt: skip
    address = f"{(folder.path / 'report.html').as_uri()}?lang=zh"
    done = subprocess.run([CHROMIUM, *options, address], capture_output=True, text=True, timeout=90)
    assert done.returncode == 0
    # Chromium's own pages complain too (of a slow network, for instance); only ours counts.
    assert not [line for line in done.stderr.splitlines() if "CONSOLE" in line and "report.html" in line]
    from matplotlib.image import imread

    pixels = imread(picture)[..., :3]
    for colour in ("#D55E00", "#0072B2"):  # the routes and dots of both networks are really there
        wanted = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
        assert (abs(pixels - wanted).max(axis=-1) < 0.02).sum() > 2000


@pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium")
def test_the_language_is_chosen_by_the_address(folder: ResultFolder, page: str, tmp_path: Path) -> None:
    assert CHROMIUM is not None
    address = f"{(folder.path / 'report.html').as_uri()}?lang=zh"
    options = [
        "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking",
        "--disable-component-update", "--disable-sync", f"--user-data-dir={tmp_path}", "--dump-dom",
    ]  # fmt: skip
    done = subprocess.run([CHROMIUM, *options, address], capture_output=True, text=True, timeout=90)
    assert '<html lang="zh"' in done.stdout  # the content security policy let the script run
    assert "<title>OneHop 报告" in done.stdout
