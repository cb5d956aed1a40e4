"""The event stream: server-sent events (WHATWG HTML, section 9.2) of what the controller tells the world.

A stream begins with ``state``, then what was missed (``Last-Event-ID``) or asked for (``replay``), then every
event as it happens. A client holds no queue of ours, only its place in the feed: one that reads too slowly is
told how many events it ``missed``, and one that does not read at all is cut off.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Collection
from dataclasses import dataclass
from typing import Any

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from controller.northbound.feed import EventFeed
from controller.northbound.problems import answer, problem

KEEP_ALIVE_SECONDS = 15.0
COUNTERS_SECONDS = 1.0
_STUCK_SECONDS = 30.0
RETRY_MS = 2000

Snapshot = Callable[[], Awaitable[dict[str, Any]]]


@dataclass(frozen=True, slots=True)
class Wish:
    """What a client wants to hear.

    Attributes:
        after: number of the event it has last seen.
        names: only events of these names; empty: all.
        counters: whether to send the counters every second.
    """

    after: int
    names: Collection[str] = ()
    counters: bool = False


class Streams:
    """The open streams: counted, limited, and ended together."""

    def __init__(self, feed: EventFeed, most: int) -> None:
        self.feed = feed
        self.most = most
        self.open = 0


class EventStreamResponse(Response):
    """Sends events until the client leaves or the controller stops."""

    media_type = "text/event-stream"

    def __init__(self, streams: Streams, wish: Wish, state: Snapshot, counters: Snapshot) -> None:
        super().__init__(headers={"cache-control": "no-store", "x-accel-buffering": "no"})
        del self.headers["content-length"]
        self._streams = streams
        self._wish = wish
        self._state = state
        self._counters = counters

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve the stream, if there is room for one more."""
        if self._streams.open >= self._streams.most:
            full = problem(503, f"{self._streams.most} event streams are open", name="too-many-streams")
            await answer(full, {"Retry-After": "5"})(scope, receive, send)
            return
        self._streams.open += 1
        try:
            start = {"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers}
            await send(start)
            leaving = asyncio.ensure_future(_left(receive))
            sending = asyncio.ensure_future(self._send_all(send))
            done, pending = await asyncio.wait({leaving, sending}, return_when=asyncio.FIRST_COMPLETED)
            for task in pending:
                task.cancel()
            await asyncio.gather(*pending, return_exceptions=True)
            for task in done:
                task.result()
        finally:
            self._streams.open -= 1

    async def _send_all(self, send: Send) -> None:
        async for part in self._parts():
            try:
                async with asyncio.timeout(_STUCK_SECONDS):
                    await send({"type": "http.response.body", "body": part.encode(), "more_body": True})
            except TimeoutError:
                return
        await send({"type": "http.response.body", "body": b"", "more_body": False})

    async def _parts(self) -> AsyncIterator[str]:
        feed, loop = self._streams.feed, asyncio.get_running_loop()
        news = asyncio.Event()

        def wake() -> None:
            with contextlib.suppress(RuntimeError):  # the loop has ended
                loop.call_soon_threadsafe(news.set)

        unsubscribe = feed.subscribe(wake)
        try:
            seen = self._wish.after
            yield f"retry: {RETRY_MS}\n\n"
            yield _part("state", json.dumps(await self._state()))
            count_at, said_at = loop.time(), loop.time()
            while not feed.closed:
                news.clear()
                events, dropped = feed.after(seen)
                if dropped:
                    yield _part("missed", json.dumps({"event": "missed", "events": dropped}))
                for event in events:
                    seen = event.number
                    if not self._wish.names or event.name in self._wish.names:
                        said_at = loop.time()
                        yield _part(event.name, event.data, event.id)
                if self._wish.counters and loop.time() >= count_at:
                    count_at = loop.time() + COUNTERS_SECONDS
                    said_at = loop.time()
                    yield _part("counters", json.dumps(await self._counters()))
                if loop.time() - said_at >= KEEP_ALIVE_SECONDS:
                    said_at = loop.time()
                    yield ": still here\n\n"
                until = said_at + KEEP_ALIVE_SECONDS
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout_at(min(until, count_at) if self._wish.counters else until):
                        await news.wait()
        finally:
            unsubscribe()


async def _left(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


def _part(name: str, data: str, event_id: str = "") -> str:
    """One event; JSON of ours has no line breaks."""
    number = f"id: {event_id}\n" if event_id else ""
    return f"{number}event: {name}\ndata: {data}\n\n"
