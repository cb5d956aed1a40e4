"""The OpenAPI description, with the errors as they are: ``application/problem+json``, where they can come."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from controller.northbound.models.problems import Problem, RefusalProblem
from controller.northbound.problems import MEDIA_TYPE

_REFERENCE = "#/components/schemas/"
_ANYWHERE = {
    "421": "Asked for under a name that is not this machine's.",
    "431": "The head of the request is too large.",
    "429": "Too many requests from this address; `Retry-After` says when there may be more.",
    "503": "Not in time, or too many at once.",
}
_WITH_PARAMETERS = {"422": "What was asked for makes no sense; every mistake is named."}
_CHANGING = {
    "400": "The body is no JSON.",
    "401": "The token is missing or wrong.",
    "408": "The body took too long.",
    "413": "The body is too large.",
}
_NOT_FOUND = {"404": "No demand of this id is admitted."}
_REFUSED = "Refused: what failed, on which link, by how much, and what would have been possible."


def describe(app: FastAPI) -> dict[str, Any]:
    """The description of ``app``."""
    document = get_openapi(
        title=app.title,
        version=app.version,
        description=app.description,
        routes=app.routes,
        tags=app.openapi_tags,
    )
    schemas = document.setdefault("components", {}).setdefault("schemas", {})
    for name in ("HTTPValidationError", "ValidationError"):
        schemas.pop(name, None)
    for model in (Problem, RefusalProblem):
        schema = model.model_json_schema(ref_template=_REFERENCE + "{model}")
        schemas |= schema.pop("$defs", {})
        schemas[model.__name__] = schema
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            _add_errors(operation, path, method)
    stream = document["paths"]["/v1/events"]["get"]["responses"]["200"]
    stream["content"] = {"text/event-stream": {"schema": {"type": "string"}}}
    exposition = document["paths"]["/metrics"]["get"]["responses"]["200"]
    exposition["content"] = {
        kind: {"schema": {"type": "string"}} for kind in ("text/plain", "application/openmetrics-text")
    }
    return document


def _add_errors(operation: dict[str, Any], path: str, method: str) -> None:
    errors = dict(_ANYWHERE)
    if operation.get("parameters") or method == "post":
        errors |= _WITH_PARAMETERS
    if method in ("post", "delete"):
        errors |= _CHANGING
    if "{id}" in path:
        errors |= _NOT_FOUND
    responses = operation["responses"]
    for status, description in errors.items():
        responses[status] = _response(description, {"$ref": _REFERENCE + "Problem"})
    if method == "post":
        either = [{"$ref": _REFERENCE + name} for name in ("RefusalProblem", "Problem")]
        responses["409"] = _response(_REFUSED, {"anyOf": either})
    operation["responses"] = dict(sorted(responses.items()))


def _response(description: str, schema: dict[str, Any]) -> dict[str, Any]:
    return {"description": description, "content": {MEDIA_TYPE: {"schema": schema}}}
