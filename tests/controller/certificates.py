"""A certificate authority for tests, made with the openssl program."""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

from controller.tls import TlsFiles


@dataclass(frozen=True)
class Identity:
    """A private key and its certificate."""

    key: Path
    certificate: Path


class Authority:
    """Signs certificates. Skips the test where there is no openssl."""

    def __init__(self, folder: Path, name: str = "authority") -> None:
        if shutil.which("openssl") is None:
            pytest.skip("needs openssl")
        self._folder = folder
        self.own = self._made(name, [])
        self.certificate = self.own.certificate

    def issue(self, name: str, *dpids: int, days: int = 2) -> Identity:
        """A certificate, which names datapath ids if there are any."""
        names = ",".join(f"URI:dpid:{dpid:016x}" for dpid in dpids)
        extensions = ["-addext", f"subjectAltName={names}"] if names else []
        signed = ["-CA", str(self.own.certificate), "-CAkey", str(self.own.key), "-days", str(days)]
        return self._made(name, [*signed, "-addext", "basicConstraints=critical,CA:FALSE", *extensions])

    def files(self, *, bind_dpid: bool = False) -> TlsFiles:
        """What a controller needs that trusts this authority."""
        own = self.issue("controller")
        return TlsFiles(own.key, own.certificate, self.certificate, bind_dpid)

    def _made(self, name: str, options: list[str]) -> Identity:
        made = Identity(self._folder / f"{name}.key", self._folder / f"{name}.pem")
        subprocess.run(
            [
                *(
                    "openssl",
                    "req",
                    "-x509",
                    "-newkey",
                    "ec",
                    "-pkeyopt",
                    "ec_paramgen_curve:P-256",
                    "-nodes",
                ),
                *("-keyout", str(made.key), "-out", str(made.certificate), "-subj", f"/CN={name}", *options),
            ],
            check=True,
            capture_output=True,
        )
        return made
