"""Every mistake a user makes, and the very words they get: golden messages in ``errors/``."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.golden import check_folder, check_message, mistakes_of
from topology.errors import InputError
from topology.scenario import check, load, load_many, load_pair

ERRORS = Path(__file__).parent / "errors"


@pytest.mark.parametrize("mistake", mistakes_of(ERRORS))
def test_message(mistake: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ERRORS)  # so that messages name the file alone
    check_message(ERRORS, mistake, check, load)


def test_there_are_many_golden_mistakes_and_no_orphans() -> None:
    check_folder(ERRORS, least=50)


def what(reference: str | Path) -> str:
    """The only problem's text."""
    (problem,) = check(str(reference))
    return str(problem)


def test_ten_megabytes_are_refused_unread(tmp_path: Path) -> None:
    big = tmp_path / "big.yaml"
    with big.open("wb") as file:
        file.truncate(10 * 1024 * 1024)
    assert "the file has more than 1024 KiB" in what(big)


def test_an_endless_file_is_refused() -> None:
    if not Path("/dev/zero").exists():
        pytest.skip("no /dev/zero")
    link = ERRORS.parent / "endless.yaml"
    link.symlink_to("/dev/zero")
    try:
        assert "the file has more than 1024 KiB" in what(link)
    finally:
        link.unlink()


def test_many_mistakes_end_early(tmp_path: Path) -> None:
    """Half a megabyte of unknown sites costs seconds, not minutes, and 101 problems, not 20,000."""
    many = tmp_path / "many.yaml"
    sites = "".join(
        f"  site-{i}: {{name: S, kind: pop, location: [1, 2], assumption: x}}\n" for i in range(4000)
    )
    links = "".join(f"  - stie-{i} -- stie-{i + 1}\n" for i in range(8000))
    many.write_text(f"onehop: 1\nid: many\nsites:\n{sites}links:\n{links}", encoding="utf-8")
    assert len(check(str(many))) == 101


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"\xff\xfeo\x00n\x00e\x00", ":1: the file is not UTF-8: byte 0xff at offset 0"),
        ("onehop: 1\ntitle: 庆阳\n".encode("gb18030"), ":2: the file is not UTF-8: byte 0xc7 at offset 17"),
        (b"onehop: 1\n\x00", ":2: the file contains a NUL byte"),
        (b"onehop: 1\n\x07", ":2: the character U+0007 is not allowed in YAML"),
        (b"", ":1:1: the file is empty"),
        (b'onehop: "\\ud800"', ":1:9 onehop: found half a character in '\\ud800'"),
    ],
)
def test_bytes_that_are_no_text(content: bytes, message: str, tmp_path: Path) -> None:
    file = tmp_path / "file.yaml"
    file.write_bytes(content)
    assert message in what(file)


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    (tmp_path / "folder.yaml").mkdir()
    assert "this is a directory" in what(tmp_path / "folder.yaml")
    (tmp_path / "right.yaml").touch()
    assert "did you mean 'right.yaml'?" in what(tmp_path / "rigth.yaml")
    assert "there is no such file" in what(tmp_path / ("x" * 300 + ".yaml"))


@pytest.mark.parametrize(
    ("reference", "hint"),
    [
        ("tinny", "did you mean 'tiny'?"),
        ("", "shipped scenarios: "),
        ("scenarios/tiny", "a file ends in .yaml, .yml or .graphml"),
        ("tiny.json", "a file ends in .yaml, .yml or .graphml"),
        ("a\0b.yaml", ""),
        ("topohub:topozoo/chinanet", "did you mean 'topozoo/Chinanet'?"),
        ("topohub:topozo/Cernet", "did you mean 'topozoo'?"),
        ("topohub:", "for example topohub:topozoo/Chinanet"),
        ("topohub:../../../etc/passwd", "for example topohub:topozoo/Chinanet"),
    ],
)
def test_references_that_mean_nothing(reference: str, hint: str) -> None:
    assert hint in what(reference)


def test_a_sound_scenario_has_no_problems() -> None:
    assert check("tiny") == []


def test_load_many_tells_the_problems_of_all(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ERRORS)
    with pytest.raises(InputError) as caught:
        load_many(["tiny", "version.yaml", "self-loop.yaml", "version.yaml"])
    assert [problem.where.split(":")[0] for problem in caught.value.problems] == [
        "version.yaml",
        "self-loop.yaml",
    ]
    assert [network.id for network in load_many(["tiny", "tiny"])] == ["tiny", "tiny"]


def test_a_pair_needs_an_overlay() -> None:
    with pytest.raises(InputError, match="this scenario is no overlay"):
        load_pair("tiny")
