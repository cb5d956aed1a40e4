"""Where the interface listens, who may change something, and how much anybody may ask."""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import ipaddress
import os
import re
import secrets
import socket
import stat
from dataclasses import dataclass, field
from pathlib import Path

from topology.errors import EmulationError, InputError

LEAST_TOKEN_CHARACTERS = 16
_MOST_TOKEN_BYTES = 4096
_TOKEN = re.compile(rf"[!-~]{{{LEAST_TOKEN_CHARACTERS},{_MOST_TOKEN_BYTES}}}")


@dataclass(frozen=True, slots=True)
class Limits:
    """What the interface grants.

    Attributes:
        requests_per_second, burst: token bucket of each client address.
        head_bytes, body_bytes: largest head (path, query and headers) and body of a request.
        header_seconds, body_seconds, answer_seconds: longest to send the head, to send the body, to answer.
        connections: most at once, of all clients together.
        streams: most event streams at once.
        demands: most reservations that may stand when one more is asked for.
    """

    requests_per_second: float = 50
    burst: float = 100
    head_bytes: int = 16_384
    body_bytes: int = 65_536
    header_seconds: float = 10
    body_seconds: float = 10
    answer_seconds: float = 30
    connections: int = 256
    streams: int = 16
    demands: int = 10_000


class Token:
    """What a client must show to change something. Kept as a digest and compared in constant time."""

    def __init__(self, text: str) -> None:
        self._digest = hashlib.sha256(text.encode()).digest()

    def fits(self, shown: bytes) -> bool:
        """Whether ``shown`` is the token."""
        return hmac.compare_digest(hashlib.sha256(shown).digest(), self._digest)


@dataclass(frozen=True, slots=True)
class Settings:
    """How the interface is served."""

    host: str
    port: int
    token: Token
    anywhere: bool = False
    limits: Limits = field(default_factory=Limits)


def listening(host: str, port: int, *, anywhere: bool) -> socket.socket:
    """A listening socket. Raises ``InputError`` for an address that others can reach, unless ``anywhere``;
    ``EmulationError`` if the address cannot be had."""
    try:
        address = ipaddress.ip_address("127.0.0.1" if host == "localhost" else host)
    except ValueError:
        raise InputError(f"{host!r} is no IP address", where="--http") from None
    if not address.is_loopback and not anywhere:
        raise InputError(
            f"{host} can be reached by others; the interface has no encryption of its own",
            where="--http",
            hint="use 127.0.0.1 and a reverse proxy or an SSH tunnel; or add --http-anywhere",
        )
    family = socket.AF_INET6 if address.version == 6 else socket.AF_INET
    try:
        return socket.create_server((str(address), port), family=family, backlog=128)
    except OSError as error:
        reason = os.strerror(error.errno) if error.errno and error.errno > 0 else error.strerror
        raise EmulationError(
            f"the HTTP interface cannot listen on {host}:{port}: {reason}",
            hint="another program has it; --http takes another address, port 0 any free one",
        ) from None


def token_from(file: Path | None) -> tuple[Token, str]:
    """The token of ``file``, or a new one; with what the user must be told about it, if anything.

    A file that does not exist is made, readable by its owner only. Raises ``InputError`` for one that others
    may read, or that holds no token.
    """
    if file is None:
        text = secrets.token_urlsafe(32)
        return Token(text), f"token for whatever changes something: {text}"
    try:
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    except FileExistsError:
        return Token(_read(file)), ""
    except OSError as error:
        raise InputError(f"cannot write {file}: {error.strerror}", where="--http-token-file") from None
    text = secrets.token_urlsafe(32)
    with os.fdopen(descriptor, "w") as stream:
        stream.write(text + "\n")
    return Token(text), f"token for whatever changes something: written to {file}"


def _read(file: Path) -> str:
    try:
        descriptor = os.open(file, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
        with contextlib.closing(os.fdopen(descriptor, "rb")) as stream:
            status = os.fstat(descriptor)
            data = stream.read(_MOST_TOKEN_BYTES + 1) if stat.S_ISREG(status.st_mode) else b""
    except OSError as error:
        raise InputError(f"cannot read {file}: {error.strerror}", where="--http-token-file") from None
    if status.st_mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise InputError(
            f"others may read or change {file}", where="--http-token-file", hint=f"chmod 600 {file}"
        )
    text = data.decode("latin-1").strip()
    if not _TOKEN.fullmatch(text):
        raise InputError(
            f"{file} holds no token: expected a line of {LEAST_TOKEN_CHARACTERS} letters and digits or more",
            where="--http-token-file",
            hint="name a file that does not exist yet, and a token is written to it",
        )
    return text
