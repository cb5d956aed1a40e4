"""Whatever goes wrong is answered as ``application/problem+json`` (RFC 9457), never with a traceback."""

from __future__ import annotations

import json
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from pydantic import ValidationError
from starlette.exceptions import HTTPException

from controller.northbound.models.problems import MistakeOut, Problem
from topology.errors import InputError, OneHopError
from topology.scenario.asking import AskedDemand
from topology.scenario.findings import Findings
from topology.scenario.messages import explain
from topology.scenario.node import Node

MEDIA_TYPE = "application/problem+json"

_PLAIN = {
    "Not Found": "there is no such resource; /openapi.json describes those there are",
    "Method Not Allowed": "the resource is not asked in this way; 'Allow' says how",
}


def problem(status: int, detail: str, *, name: str = "", mistakes: tuple[MistakeOut, ...] = ()) -> Problem:
    """A problem; with a ``name`` one of our own, else what HTTP has."""
    kind = f"urn:onehop:problem:{name}" if name else "about:blank"
    title = HTTPStatus(status).phrase if not name else name.replace("-", " ").capitalize()
    return Problem(type=kind, title=title, status=status, detail=detail, mistakes=mistakes)


def body_of(value: Problem) -> bytes:
    """The JSON of a problem, pure ASCII: what a client sent may hold what no encoding has."""
    return json.dumps(value.model_dump(mode="json")).encode("ascii")


def answer(value: Problem, headers: Mapping[str, str] | None = None) -> Response:
    """The response of a problem."""
    return Response(body_of(value), value.status, dict(headers or {}), media_type=MEDIA_TYPE)


def of_error(error: OneHopError, status: int = 422) -> Problem:
    """The problem of an error of ours, with all its mistakes."""
    mistakes = tuple(MistakeOut(where=p.where, what=p.what, hint=p.hint) for p in error.problems)
    detail = error.problems[0].what if len(mistakes) == 1 else f"{len(mistakes)} mistakes"
    return problem(status, detail, name="bad-demand" if status == 422 else "", mistakes=mistakes)


def install(app: FastAPI) -> None:
    """Have every error of the application answered as a problem."""
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(OneHopError, _ours)
    app.add_exception_handler(Exception, _unforeseen)


def unforeseen() -> Problem:
    """What a client is told of an error that nobody foresaw; the guard has it logged."""
    return problem(500, "an error of the controller's own; its log has more")


async def _http(_request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    detail = _PLAIN.get(str(error.detail), str(error.detail))
    return answer(problem(error.status_code, detail), error.headers)


async def _ours(_request: Request, error: Exception) -> Response:
    assert isinstance(error, OneHopError)
    return answer(of_error(error, 422 if isinstance(error, InputError) else 503))


async def _unforeseen(_request: Request, _error: Exception) -> Response:
    return answer(unforeseen())


async def _invalid(_request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    if any(details["type"] == "json_invalid" for details in error.errors()):
        return answer(problem(400, "the body is no JSON"))
    if all(details["loc"][:1] == ("body",) for details in error.errors()):
        return answer(_of_demand(error.body))
    mistakes = tuple(
        MistakeOut(where=".".join(map(str, details["loc"])), what=str(details["msg"]), hint="")
        for details in error.errors()
    )
    return answer(problem(422, mistakes[0].what, name="bad-parameter", mistakes=mistakes))


def _of_demand(body: Any) -> Problem:
    """The mistakes of a demand in the words in which they are told of a scenario file."""
    findings = Findings()
    try:
        AskedDemand.model_validate(body)
    except ValidationError as error:
        explain(error, Node.of(body, "demand"), AskedDemand, findings)
    mistakes = tuple(MistakeOut(where=p.where, what=p.what, hint=p.hint) for p in findings.problems())
    detail = mistakes[0].what if len(mistakes) == 1 else f"{len(mistakes)} mistakes"
    return problem(422, detail, name="bad-demand", mistakes=mistakes)
