"""Addresses and tokens: what is taken, what is refused, what is written where."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from controller.northbound.settings import Token, listening, token_from
from topology.errors import EmulationError, InputError


def test_a_new_token_is_written_for_its_owner_only(tmp_path: Path) -> None:
    file = tmp_path / "token"
    umask = os.umask(0)
    try:
        token, told = token_from(file)
    finally:
        os.umask(umask)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    text = file.read_text().strip()
    assert len(text) >= 40
    assert text not in told
    assert str(file) in told
    assert token.fits(text.encode())
    again, told = token_from(file)
    assert again.fits(text.encode())
    assert told == ""


def test_without_a_file_the_token_is_told_once() -> None:
    token, told = token_from(None)
    text = told.rsplit(" ", 1)[1]
    assert token.fits(text.encode())
    assert not token_from(None)[0].fits(text.encode())


@pytest.mark.parametrize(
    ("text", "mode", "reason"),
    [
        ("a-token-that-is-long-enough", 0o644, "others may read"),
        ("a-token-that-is-long-enough", 0o620, "others may read"),
        ("short", 0o600, "holds no token"),
        ("", 0o600, "holds no token"),
        ("two words that are long enough", 0o600, "holds no token"),
        ("a-token-that-is-long-enough\nand-another-one-of-them", 0o600, "holds no token"),
        ("x" * 5000, 0o600, "holds no token"),
        ("密码密码密码密码密码密码密码密码", 0o600, "holds no token"),
    ],
)
def test_files_that_will_not_do_are_refused(tmp_path: Path, text: str, mode: int, reason: str) -> None:
    file = tmp_path / "token"
    file.write_text(text)
    file.chmod(mode)
    with pytest.raises(InputError, match=reason):
        token_from(file)


def test_folders_pipes_and_missing_folders_are_refused(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe", 0o600)
    for place in (tmp_path, tmp_path / "pipe", tmp_path / "none" / "token"):
        with pytest.raises(InputError):
            token_from(place)


def test_only_the_token_itself_fits() -> None:
    token = Token("secret-enough-for-a-test")
    assert token.fits(b"secret-enough-for-a-test")
    for shown in (b"", b"secret-enough-for-a-tes", b"secret-enough-for-a-test\x00", "é".encode("latin-1")):
        assert not token.fits(shown)


def test_addresses_that_others_reach_need_a_word_more() -> None:
    for host in ("0.0.0.0", "::", "192.0.2.1"):
        with pytest.raises(InputError, match="reached by others"):
            listening(host, 0, anywhere=False)
    for host in ("127.0.0.1", "localhost", "127.0.0.2"):
        listening(host, 0, anywhere=False).close()
    listening("0.0.0.0", 0, anywhere=True).close()
    with pytest.raises(InputError, match="no IP address"):
        listening("controller.example", 0, anywhere=True)


def test_an_address_in_use_is_an_error_of_ours() -> None:
    with (
        listening("127.0.0.1", 0, anywhere=False) as taken,
        pytest.raises(EmulationError, match="cannot listen"),
    ):
        listening("127.0.0.1", taken.getsockname()[1], anywhere=False)
