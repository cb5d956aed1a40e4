"""Whole files: what is written is there to the byte; what fails leaves the old file and nothing else."""

from __future__ import annotations

import errno
import os
import signal
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from topology.files import HALF_WRITTEN, write_whole


@pytest.mark.parametrize("content", ["庆阳\r\n\n", b"\x00\xff\r\n", ""])
@pytest.mark.parametrize("durable", [False, True])
def test_what_is_written_is_there_to_the_byte(tmp_path: Path, content: str | bytes, durable: bool) -> None:
    target = tmp_path / "file.json"
    target.write_text("something longer that was there before")
    old = os.umask(0o077)
    try:
        write_whole(target, content, durable=durable)
    finally:
        os.umask(old)
    assert target.read_bytes() == (content.encode() if isinstance(content, str) else content)
    assert stat.S_IMODE(target.stat().st_mode) == 0o644
    assert [path.name for path in tmp_path.iterdir()] == [target.name]


@pytest.mark.parametrize("step", ["fsync", "chmod", "replace"])
@pytest.mark.parametrize("error", [OSError(errno.ENOSPC, "No space left on device"), KeyboardInterrupt()])
def test_a_write_that_fails_leaves_the_old_file_and_no_scrap(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str, error: BaseException
) -> None:
    target = tmp_path / "file.json"
    write_whole(target, "old")

    def fail(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr(os, step, fail)
    with pytest.raises(type(error)):
        write_whole(target, "new", durable=True)
    monkeypatch.undo()
    assert target.read_text() == "old"
    assert [path.name for path in tmp_path.iterdir()] == [target.name]


def test_a_killed_writer_leaves_the_old_file_and_scrap_that_can_be_told(tmp_path: Path) -> None:
    target = tmp_path / "file.json"
    write_whole(target, "old")
    script = """
import os, signal, sys
from pathlib import Path
from topology.files import write_whole
os.replace = lambda *_: os.kill(os.getpid(), signal.SIGKILL)
write_whole(Path(sys.argv[1]), "new")
"""
    done = subprocess.run([sys.executable, "-c", script, str(target)], check=False)
    assert done.returncode == -signal.SIGKILL
    assert target.read_text() == "old"
    (scrap,) = set(tmp_path.iterdir()) - {target}
    assert scrap.name.startswith(f".{target.name}.")
    assert scrap.name.endswith(HALF_WRITTEN)


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="nowhere"):
        write_whole(tmp_path / "nowhere" / "file.json", "new")
