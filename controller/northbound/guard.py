"""What every request must pass before anybody looks at it: address, rate, token, size, time.

One ASGI middleware around the application. A token is asked for whatever is not plainly reading, so a route
added later is guarded without anyone having to think of it.
"""

from __future__ import annotations

import asyncio
import ipaddress
import logging
import math
from collections import OrderedDict
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from controller.allowance import Allowance
from controller.northbound.models.problems import Problem
from controller.northbound.problems import MEDIA_TYPE, body_of, problem, unforeseen
from controller.northbound.settings import Settings

LOG = logging.getLogger("onehop.northbound")

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[Message, Receive, Send], Awaitable[None]]

_READING = frozenset({"GET", "HEAD"})
_REMEMBERED_CLIENTS = 4096
STREAMS = frozenset({"/v1/events"})  # these may take as long as they like


class _RefusedError(Exception):
    """The request goes no further."""

    def __init__(self, reason: Problem, headers: dict[str, str] | None = None) -> None:
        super().__init__(reason.detail)
        self.problem = reason
        self.headers = headers or {}


class Guard:
    """Wraps an ASGI application."""

    def __init__(self, app: Application, settings: Settings) -> None:
        self._app = app
        self._settings = settings
        self._limits = settings.limits
        self._clients: OrderedDict[str, Allowance] = OrderedDict()
        self._late: set[asyncio.Task[None]] = set()

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            return
        answering = _Answering(send)
        try:
            headers = dict(scope["headers"])
            self._check_head(scope)
            self._check_host(headers)
            self._check_rate(scope)
            self._check_token(scope, headers)
            body = await self._body(headers, receive)
            if scope["path"] in STREAMS:
                await self._app(scope, _replayed(body, receive), answering.send)
            else:
                await self._answered(scope, _replayed(body, receive), answering)
        except _RefusedError as refused:
            await answering.instead(refused.problem, refused.headers)
        except Exception:
            LOG.exception("cannot answer %s", scope["path"])
            await answering.instead(unforeseen(), {})

    async def _answered(self, scope: Message, receive: Receive, answering: _Answering) -> None:
        """The application's answer, if it comes in time. What it does in a thread goes on without us."""
        task = asyncio.ensure_future(self._app(scope, receive, answering.send))
        await asyncio.wait({task}, timeout=self._limits.answer_seconds)
        if task.done():
            await task
            return
        self._late.add(task)
        task.add_done_callback(self._late.discard)
        task.add_done_callback(lambda done: done.cancelled() or done.exception())
        await answering.instead(problem(503, "this takes longer than an answer may"), {"Retry-After": "1"})

    def _check_head(self, scope: Message) -> None:
        """uvicorn limits heads only as long as they are incomplete."""
        size = len(scope["raw_path"]) + len(scope["query_string"])
        size += sum(len(name) + len(value) for name, value in scope["headers"])
        if size > self._limits.head_bytes:
            raise _RefusedError(problem(431, f"a head of more than {self._limits.head_bytes} bytes"))

    def _check_host(self, headers: dict[bytes, bytes]) -> None:
        """A page in a browser must not reach the interface under a name of its own (DNS rebinding)."""
        if self._settings.anywhere:
            return
        host = headers.get(b"host", b"").decode("latin-1").lower()
        name = host[: host.rindex(":")] if host.rfind(":") > host.rfind("]") else host
        if name == "localhost":
            return
        try:
            ipaddress.ip_address(name.strip("[]"))
        except ValueError:
            raise _RefusedError(problem(421, "asked for under a name that is not this machine's")) from None

    def _check_rate(self, scope: Message) -> None:
        client = scope["client"][0] if scope.get("client") else ""
        allowance = self._clients.get(client)
        if allowance is None:
            allowance = Allowance(self._limits.requests_per_second, self._limits.burst)
            self._clients[client] = allowance
        self._clients.move_to_end(client)
        if len(self._clients) > _REMEMBERED_CLIENTS:
            self._clients.popitem(last=False)
        if not allowance.take():
            seconds = max(1, math.ceil(allowance.seconds_until()))
            raise _RefusedError(problem(429, "too many requests"), {"Retry-After": str(seconds)})

    def _check_token(self, scope: Message, headers: dict[bytes, bytes]) -> None:
        if scope["method"] in _READING:
            return
        scheme, _, shown = headers.get(b"authorization", b"").partition(b" ")
        if scheme.lower() == b"bearer" and self._settings.token.fits(shown.strip()):
            return
        error = ', error="invalid_token"' if shown else ""
        raise _RefusedError(
            problem(401, "changes need the token: 'Authorization: Bearer TOKEN'"),
            {"WWW-Authenticate": f'Bearer realm="onehop"{error}'},
        )

    async def _body(self, headers: dict[bytes, bytes], receive: Receive) -> bytes:
        """The whole body, if it is neither too large nor too slow."""
        most = self._limits.body_bytes
        too_large = _RefusedError(problem(413, f"a body of more than {most} bytes"), {"Connection": "close"})
        stated = headers.get(b"content-length", b"0")
        if not stated.isdigit() or len(stated) > 20 or int(stated) > most:
            raise too_large
        body = bytearray()
        try:
            async with asyncio.timeout(self._limits.body_seconds):
                while True:
                    message = await receive()
                    body += message.get("body", b"")
                    if len(body) > most:
                        raise too_large
                    if not message.get("more_body", False):
                        return bytes(body)
        except TimeoutError:
            raise _RefusedError(problem(408, "the body takes too long"), {"Connection": "close"}) from None


class _Answering:
    """Sends an answer, or another in its place as long as none has begun."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self._begun = self._over = False

    async def send(self, message: Message) -> None:
        """What the application sends."""
        if not self._over:
            self._begun = True
            await self._send(message)

    async def instead(self, value: Problem, headers: dict[str, str]) -> None:
        """Send a problem, unless the application has begun to answer; either way it has no more to say."""
        self._over = True
        if self._begun:
            return
        body = body_of(value)
        lines = {
            "content-type": MEDIA_TYPE,
            "content-length": str(len(body)),
            "cache-control": "no-store",
            **headers,
        }
        encoded = [(name.lower().encode(), text.encode()) for name, text in lines.items()]
        await self._send({"type": "http.response.start", "status": value.status, "headers": encoded})
        await self._send({"type": "http.response.body", "body": body})


def _replayed(body: bytes, receive: Receive) -> Receive:
    """``receive`` that hands out a body already read, and after it waits for the client to leave."""
    waiting = [body]

    async def replay() -> Message:
        if waiting:
            return {"type": "http.request", "body": waiting.pop(), "more_body": False}
        return await receive()

    return replay
