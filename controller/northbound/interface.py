"""The interface from the command line: its mistakes are told before anything starts, it is served after all.

Light to import; FastAPI and uvicorn come with ``serve``.
"""

from __future__ import annotations

import socket
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from controller.northbound.feed import EventFeed
from controller.northbound.settings import Settings, listening, token_from
from topology.errors import InputError

if TYPE_CHECKING:
    from controller.northbound.server import Northbound
    from controller.service import ControllerService


@dataclass(frozen=True, slots=True)
class Interface:
    """Ready to be served."""

    settings: Settings
    listener: socket.socket

    @classmethod
    def prepared(cls, host: str, port: int, *, anywhere: bool, token_file: Path | None) -> Interface:
        """Take the address and the token; what the user must know of it goes to stderr. Raises as
        ``listening`` and ``token_from``."""
        listener = listening(host, port, anywhere=anywhere)
        token, told = token_from(token_file)
        if told:
            print(told, file=sys.stderr)
        return cls(Settings(host, port, token, anywhere), listener)

    @classmethod
    def inherited(cls, descriptor: int, anywhere: bool, token_file: Path | None) -> Interface:
        """On a listening socket from whoever started us, perhaps of another network namespace. Raises
        ``InputError`` if it is none."""
        try:
            listener = socket.socket(fileno=descriptor)
            host, port = listener.getsockname()[:2]
        except (OSError, ValueError):
            raise InputError(f"{descriptor} is no listening socket", where="--http-fd") from None
        token, told = token_from(token_file)
        if told:
            print(told, file=sys.stderr)
        return cls(Settings(host, port, token, anywhere), listener)

    def serve(self, service: ControllerService, feed: EventFeed) -> Northbound:
        """Serve a controller that has started."""
        from controller.northbound.server import Northbound
        from controller.northbound.serving import ServiceBackend

        northbound = Northbound(ServiceBackend(service), feed, self.settings, self.listener)
        northbound.start()
        feed.emit("http", host=northbound.host, port=northbound.port)
        return northbound
