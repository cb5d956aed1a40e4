"""The page on the interface says what there is: resources, events, metrics, limits."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from controller import events
from controller.northbound.feed import KEPT_EVENTS
from controller.northbound.settings import Limits
from controller.tls import TlsFiles
from tests.controller.northbound.stage import TOKEN, Stage
from tests.controller.northbound.test_metrics import scrape
from tests.controller.northbound.test_schema import NEVER_ENDS, OPERATIONS

FOLDER = Path(__file__).resolve().parents[3] / "docs"
PAGES = ["northbound.md", "northbound.zh.md"]


def shell(page: str, word: str) -> str:
    """All shell examples with this word, as one script."""
    text = (FOLDER / page).read_text(encoding="utf-8")
    return "\n".join(block for block in re.findall(r"^```sh\n(.*?)^```", text, re.M | re.S) if word in block)


def rows(page: str) -> list[str]:
    """The first cells of all tables."""
    lines = (FOLDER / page).read_text(encoding="utf-8").splitlines()
    return [line.split("|")[1] for line in lines if line.startswith("|")]


@pytest.mark.parametrize("page", PAGES)
def test_resources_events_and_metrics_are_all_there(stage: Stage, page: str) -> None:
    named = {name for cell in rows(page) for name in re.findall(r"`([^`]+)`", cell)}
    assert {name for name in named if "/" in name} == {*OPERATIONS, NEVER_ENDS}
    counters = {name for name, family in scrape(stage).items() if family.type == "counter"}
    metrics = {f"{name}_total" if name in counters else name for name in scrape(stage)}
    assert {name for name in named if name.startswith("onehop_")} == metrics
    documented = set(re.findall(r"^([a-z]+(?:-[a-z]+)*) +(?:``|no|the)", events.__doc__ or "", re.M))
    assert {name for name in named if re.fullmatch(r"[a-z-]+", name)} == documented


@pytest.mark.parametrize("page", PAGES)
def test_figures_are_those_of_the_code(page: str) -> None:
    text = (FOLDER / page).read_text(encoding="utf-8")
    limits = Limits()
    for figure in (
        f"{limits.body_bytes // 1024} KiB",
        f"{limits.head_bytes // 1024} KiB",
        f"{limits.body_seconds:g} s",
        f"{limits.answer_seconds:g} s",
        f"{limits.demands:,}",
        f"{limits.burst:g} ",
        f"{limits.requests_per_second:g} ",
        f"{limits.streams} ",
        f"{KEPT_EVENTS} ",
    ):
        assert figure in text, figure


@pytest.mark.parametrize("page", PAGES)
def test_the_requests_work_as_they_stand(stage: Stage, page: str, tmp_path: Path) -> None:
    if shutil.which("curl") is None:
        pytest.skip("needs curl")
    (tmp_path / "token").write_text(TOKEN)
    script = (
        shell(page, "curl").replace("8653", str(stage.port)).replace("curl -sN", "curl -sN --max-time 0.3")
    )
    done = subprocess.run(["bash", "-c", script], cwd=tmp_path, capture_output=True, text=True, timeout=60)
    assert done.stderr == ""
    answers = done.stdout
    assert answers.count('{"id":"night-copy"') == 3  # asked for, looked at, given back
    assert '"urn:onehop:problem:refused"' in answers
    assert answers.count("event: state") == 3
    assert "event: counters" in answers
    problems = re.findall(r'"status": (\d+)', answers)
    assert problems == ["409"]


@pytest.mark.parametrize("page", PAGES)
def test_the_certificates_are_made_as_it_says(page: str, tmp_path: Path) -> None:
    if shutil.which("openssl") is None:
        pytest.skip("needs openssl")
    subprocess.run(["bash", "-ec", shell(page, "openssl")], cwd=tmp_path, capture_output=True, check=True)
    files = TlsFiles(tmp_path / "controller.key", tmp_path / "controller.pem", tmp_path / "ca.pem", True)
    files.context()
    verify = ["openssl", "verify", "-CAfile", "ca.pem", "s1.pem"]
    subprocess.run(verify, cwd=tmp_path, capture_output=True, check=True)
    shown = subprocess.run(
        ["openssl", "x509", "-in", "s1.pem", "-noout", "-ext", "subjectAltName"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    assert "URI:dpid:0000000000000001" in shown.stdout
