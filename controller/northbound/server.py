"""The interface in a thread of its own: uvicorn, with patience for nobody."""

from __future__ import annotations

import asyncio
import logging
import socket
import threading
from typing import Any

import h11
import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from controller.northbound.application import application
from controller.northbound.backend import Backend
from controller.northbound.feed import EventFeed
from controller.northbound.problems import MEDIA_TYPE, body_of, problem
from controller.northbound.settings import Limits, Settings

LOG = logging.getLogger("onehop.northbound")
_STOP_SECONDS = 0.5


class Northbound:
    """Serves ``backend`` on ``listener`` from ``start`` to ``stop``."""

    def __init__(
        self, backend: Backend, feed: EventFeed, settings: Settings, listener: socket.socket
    ) -> None:
        logging.getLogger("uvicorn").setLevel(logging.CRITICAL)  # its words are for developers
        self._feed = feed
        self._listener = listener
        self.host, self.port = listener.getsockname()[:2]
        config = uvicorn.Config(
            application(backend, feed, settings),
            http=_protocol(settings.limits),
            loop="asyncio",
            ws="none",
            lifespan="off",
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=False,
            h11_max_incomplete_event_size=settings.limits.head_bytes,
            timeout_keep_alive=5,
            timeout_graceful_shutdown=1,
        )
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._serve, name="northbound", daemon=True)

    def start(self) -> None:
        """Begin to serve. Connections wait in the listener until it does."""
        self._thread.start()

    def stop(self) -> None:
        """End all streams and requests."""
        self._feed.close()
        self._server.should_exit = True
        self._thread.join(_STOP_SECONDS)
        self._server.force_exit = True
        self._thread.join(_STOP_SECONDS)
        self._listener.close()

    def _serve(self) -> None:
        try:
            self._server.run(sockets=[self._listener])
        except Exception:
            LOG.exception("the HTTP interface has ended")


def _protocol(limits: Limits) -> type[H11Protocol]:
    """uvicorn's protocol without its trust in clients: heads take so long, connections are so many."""

    class Protocol(H11Protocol):
        _head_timer: asyncio.TimerHandle | None = None

        def connection_made(self, transport: Any) -> None:
            super().connection_made(transport)
            if len(self.connections) > limits.connections:
                transport.abort()
                return
            self._watch_head()

        def connection_lost(self, exc: Exception | None) -> None:
            self._stop_watching()
            super().connection_lost(exc)

        def data_received(self, data: bytes) -> None:
            super().data_received(data)
            self._watch_head()

        def send_400_response(self, msg: str) -> None:
            """Not HTTP, or more head than may be."""
            body = body_of(problem(400, msg.rstrip(".")))
            headers = [
                (b"content-type", MEDIA_TYPE.encode()),
                (b"content-length", str(len(body)).encode()),
                (b"connection", b"close"),
            ]
            try:
                for event in (
                    h11.Response(status_code=400, headers=headers),
                    h11.Data(data=body),
                    h11.EndOfMessage(),
                ):
                    self.transport.write(self.conn.send(event) or b"")
            except h11.LocalProtocolError:
                pass  # an answer has begun already
            self.transport.close()

        def _watch_head(self) -> None:
            if self.conn.their_state is not h11.IDLE:
                self._stop_watching()
            elif self._head_timer is None:
                self._head_timer = self.loop.call_later(limits.header_seconds, self.transport.abort)

        def _stop_watching(self) -> None:
            if self._head_timer is not None:
                self._head_timer.cancel()
                self._head_timer = None

    return Protocol
