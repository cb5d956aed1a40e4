"""TLS for the connections of switches (OpenFlow 1.3.5, section 6.3.4): both ends show a certificate.

A connection is read by one thread and written by another, which OpenSSL does not permit on one session
(python/cpython issues 76714, 151508). ``TlsSocket`` therefore keeps the session in memory, under a lock that
is held only while bytes are turned into others; waiting for the network happens outside of it.
"""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from topology.errors import InputError

_READ_BYTES = 1 << 16
_WRITE_BYTES = 1 << 20
DPID_SCHEME = "dpid:"


@dataclass(frozen=True, slots=True)
class TlsFiles:
    """Where the controller's own key and certificate are, and the authority that signs the switches'.

    Attributes:
        bind_dpid: whether a certificate must name the datapath ids it speaks for.
    """

    key: Path
    certificate: Path
    authority: Path
    bind_dpid: bool = False

    def context(self) -> ssl.SSLContext:
        """TLS 1.2 or later, certificates demanded. Raises ``InputError`` for files that will not do."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.verify_mode = ssl.CERT_REQUIRED
        context.options |= ssl.OP_NO_RENEGOTIATION
        try:
            context.load_verify_locations(self.authority)
        except (OSError, ssl.SSLError) as error:
            raise InputError(f"cannot use {self.authority}: {_said(error)}", where="--tls-ca") from None
        try:
            # An empty password, so that OpenSSL does not ask for one on a terminal.
            context.load_cert_chain(self.certificate, self.key, password="")
        except (OSError, ssl.SSLError, ValueError) as error:
            raise InputError(
                f"cannot use {self.certificate} with {self.key}: {_said(error)}",
                where="--tls-cert, --tls-key",
                hint="PEM files that belong together, the key without a password",
            ) from None
        return context


class TlsSocket:
    """As much of a socket as a ``SwitchConnection`` needs: one thread reads, one writes, any may end it."""

    def __init__(self, sock: socket.socket, context: ssl.SSLContext, timeout_seconds: float) -> None:
        """Shake hands. Raises ``OSError`` (``ssl.SSLError`` is one) if that fails or takes too long."""
        self._socket = sock
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._session = context.wrap_bio(self._incoming, self._outgoing, server_side=True)
        self._lock = threading.Lock()
        deadline = time.monotonic() + timeout_seconds
        try:
            while not self._shaken():
                self._flush()
                self._feed(deadline)
            self._flush()
        except ssl.SSLError:
            with contextlib.suppress(OSError):
                self._flush()  # the alert that tells the other side why
            raise
        sock.settimeout(None)

    def certificate(self) -> dict[str, Any]:
        """What the other end showed, as ``ssl.SSLSocket.getpeercert`` has it."""
        return dict(self._session.getpeercert() or {})

    def recv(self, size: int) -> bytes:
        """Some bytes, or none at the end. Raises ``OSError``."""
        while True:
            with self._lock, contextlib.suppress(ssl.SSLWantReadError):
                try:
                    return self._session.read(size)
                except (ssl.SSLZeroReturnError, ssl.SSLEOFError):
                    return b""
            received = self._socket.recv(_READ_BYTES)
            with self._lock:
                if received:
                    self._incoming.write(received)
                else:
                    self._incoming.write_eof()

    def sendall(self, data: bytes) -> None:
        """Send everything. What TLS itself had to say goes first. Raises ``OSError``."""
        for start in range(0, len(data), _WRITE_BYTES):
            with self._lock:
                self._session.write(data[start : start + _WRITE_BYTES])
                sealed = self._outgoing.read()
            self._socket.sendall(sealed)

    def setsockopt(self, *option: Any) -> None:
        """As a socket's."""
        self._socket.setsockopt(*option)

    def settimeout(self, seconds: float | None) -> None:
        """As a socket's."""
        self._socket.settimeout(seconds)

    def shutdown(self, how: int) -> None:
        """As a socket's: whoever waits in it wakes up."""
        self._socket.shutdown(how)

    def close(self) -> None:
        """As a socket's."""
        self._socket.close()

    def _shaken(self) -> bool:
        with contextlib.suppress(ssl.SSLWantReadError):
            self._session.do_handshake()
            return True
        return False

    def _feed(self, deadline: float) -> None:
        """Hand over what has come in. Raises ``TimeoutError`` at the deadline: no trickle delays it."""
        left = deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError("timed out")
        self._socket.settimeout(left)
        received = self._socket.recv(_READ_BYTES)
        if not received:
            raise ConnectionResetError("left during the TLS handshake")
        self._incoming.write(received)

    def _flush(self) -> None:
        if self._outgoing.pending:
            self._socket.sendall(self._outgoing.read())


def datapath_ids(certificate: dict[str, Any]) -> frozenset[int]:
    """The datapath ids that a certificate names: URIs ``dpid:HEX`` among its alternative names (RFC 5280,
    section 4.2.1.6). Those that are no such number name none."""
    ids = set()
    for kind, name in certificate.get("subjectAltName", ()):
        if kind == "URI" and name.startswith(DPID_SCHEME):
            with contextlib.suppress(ValueError):
                ids.add(int(name.removeprefix(DPID_SCHEME), 16))
    return frozenset(ids)


def reason_of(error: OSError) -> str:
    """A TLS failure in few words."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"its certificate is not accepted: {error.verify_message}"
    if isinstance(error, TimeoutError):
        return "did not finish the TLS handshake"
    if isinstance(error, ssl.SSLError):
        return f"no TLS: {(error.reason or 'broken off').lower().replace('_', ' ')}"
    return error.strerror or str(error) or type(error).__name__


def _said(error: Exception) -> str:
    if isinstance(error, ssl.SSLError):
        return (error.reason or "no PEM file of the right kind").lower().replace("_", " ")
    return getattr(error, "strerror", None) or str(error)
