"""The application: resources, errors and description, behind the guard; every answer is counted."""

from __future__ import annotations

import functools
import time
from importlib.metadata import PackageNotFoundError, version

from fastapi import FastAPI
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from controller.northbound import problems
from controller.northbound.backend import Backend
from controller.northbound.description import describe
from controller.northbound.feed import EventFeed
from controller.northbound.guard import Guard
from controller.northbound.metrics import Metrics
from controller.northbound.routes import routes
from controller.northbound.settings import Settings
from controller.northbound.stream import Streams

_ABOUT = """
The controller of an emulated network: its topology, its routing plan, the demands it has made promises to,
and what happens as it happens. Reading is free; whatever changes something needs the controller's token.
"""


def application(backend: Backend, feed: EventFeed, settings: Settings) -> ASGIApp:
    """The whole interface as an ASGI application."""
    streams = Streams(feed, settings.limits.streams)
    metrics = Metrics(backend, feed, streams)
    app = FastAPI(
        title="OneHop controller",
        version=_version(),
        description=_ABOUT.strip(),
        docs_url=None,  # these pages fetch scripts from elsewhere
        redoc_url=None,
        redirect_slashes=False,
        openapi_tags=[
            {"name": "network", "description": "What is there, what works, what is where routed."},
            {"name": "demands", "description": "Promises: ask, look, withdraw."},
            {"name": "events", "description": "What happens, as it happens."},
            {"name": "operation", "description": "For those who watch over the controller."},
        ],
    )
    app.include_router(routes(backend, streams, metrics, settings.limits))
    app.openapi = functools.cache(functools.partial(describe, app))  # type: ignore[method-assign]
    problems.install(app)
    return _Counted(Guard(app, settings), metrics)


class _Counted:
    """Counts answers by method, route and status; unknown paths are one, or anyone could fill memory."""

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self._app = app
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        began = time.monotonic()

        async def counting(message: Message) -> None:
            if message["type"] == "http.response.start":
                route = getattr(scope.get("route"), "path", "other")
                method = scope["method"] if scope["method"] in _METHODS else "other"
                self._metrics.requests.labels(method, route, str(message["status"])).inc()
                self._metrics.answer_seconds.labels(route).observe(time.monotonic() - began)
            await send(message)

        await self._app(scope, receive, counting)


_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


def _version() -> str:
    try:
        return version("onehop")
    except PackageNotFoundError:  # run from a folder, not installed
        return "0"
