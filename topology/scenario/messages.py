"""The schema's verdicts in the reader's words: what was found, what was expected, what was probably meant."""

from __future__ import annotations

import re
from collections.abc import Callable
from types import UnionType
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from topology.hints import did_you_mean
from topology.scenario.findings import MAX_FINDINGS, Findings
from topology.scenario.node import Node, Step, show

_UNITS = {
    "_us_per_km": "µs/km",
    "_million_per_km": "million CNY/km",
    "_gbps_year": "million CNY per Gbit/s and year",
    "_gbps": "Gbit/s",
    "_ms": "ms",
    "_km": "km",
    "_million": "million CNY",
    "_hours": "hours",
}
_VERSIONS = (
    "onehop",
    "proposal",
    "placement",
)  # keys that files of ours begin with: the version of their format
_PATTERNS = {
    "{0,30}": "an id: a small letter, then up to 30 small letters, digits and hyphens",
    "{0,63}": "a link id: a small letter, then up to 63 small letters, digits and hyphens",
    "[A-D]": "A (official or peer-reviewed), B (press), C (vendor or mirror) or D (unclear)",
    "https?": "an address that begins with http:// or https://",
}
_LISTS = {
    "location": "[latitude, longitude]",
    "ends": "two sites, [a, b]",
    "between": "two machines, [a, b]",
    "reach": "a command",
    "program": "a command",
}
_NUMBER_WITH_UNIT = re.compile(r"\s*[-+]?[0-9.]+\s*[^\s0-9.]{1,12}\s*")


def explain(error: ValidationError, root: Node, model: type[BaseModel], findings: Findings) -> None:
    """Add every verdict of ``error``, which ``model`` gave on ``root``, to ``findings``."""
    for details in error.errors(include_url=False, include_context=True)[:MAX_FINDINGS]:
        path = details["loc"]
        if path and path[-1] == "[key]":
            node = root.at(path[:-1])
            findings.add(
                node, f"found {show(str(path[-2]))}; expected {_pattern(details)}", _slug(str(path[-2]))
            )
            continue
        node = root.at(path)
        what, hint = _EXPLAIN.get(details["type"], _otherwise)(details, node, model)
        findings.add(node, what, hint)


_Explained = tuple[str, str]


def _otherwise(details: ErrorDetails, node: Node, model: type[BaseModel]) -> _Explained:
    expected = details["msg"].removeprefix("Input should be ").rstrip(".")
    return f"found {show(node)}; expected {expected}", ""


def _unknown_key(details: ErrorDetails, node: Node, model: type[BaseModel]) -> _Explained:
    key = str(details["loc"][-1])
    known = known_keys(model, details["loc"][:-1])
    if len(details["loc"]) == 1 and "add" in known and key in known_keys(model, ("add",)):
        return f"unknown key {show(key)} in an overlay", "put it under add, change or remove"
    return f"unknown key {show(key)}", did_you_mean(key, known, otherwise="known keys")


def _missing(details: ErrorDetails, node: Node, model: type[BaseModel]) -> _Explained:
    key = str(details["loc"][-1])
    if key in _VERSIONS:
        return f"the key '{key}' is missing", f"begin with '{key}: 1', the version of the format"
    if key in ("en", "zh"):
        return f"the key '{key}' is missing", "write both languages {en: ..., zh: ...}, or one text for both"
    return f"the key '{key}' is missing", ""


def _choice(details: ErrorDetails, node: Node, model: type[BaseModel]) -> _Explained:
    choices = re.findall(r"'([^']*)'", details["ctx"]["expected"]) or [details["ctx"]["expected"]]
    if (key := details["loc"][-1]) in _VERSIONS:
        return f"found version {show(node)} of the format; expected 1", f"write '{key}: 1'"
    hint = did_you_mean(node.value, choices) if isinstance(node.value, str) else ""
    return f"found {show(node)}; expected one of {', '.join(choices)}", hint if "mean" in hint else ""


def _wrong_pattern(details: ErrorDetails, node: Node, model: type[BaseModel]) -> _Explained:
    found = str(details["input"])
    return f"found {show(found)}; expected {_pattern(details)}", _slug(found) if "{0," in _of(details) else ""


def _no_number(details: ErrorDetails, node: Node, model: type[BaseModel]) -> _Explained:
    kind = "whole number" if details["type"] == "int_type" else "number"
    hint = ""
    if isinstance(node.value, str):
        if re.fullmatch(r"\s*[-+]?[0-9.]+\s*", node.value):
            hint = "remove the quotes"
        elif _NUMBER_WITH_UNIT.fullmatch(node.value):
            hint = "write the number alone; the unit stands in the name of the key"
    unit = _unit(details)
    return f"found {show(node)}; expected a {kind}{' in' if unit else ''}{unit}", hint


def _out_of_bounds(details: ErrorDetails, node: Node, model: type[BaseModel]) -> _Explained:
    words = {"ge": "at least", "gt": "more than", "le": "at most", "lt": "less than"}
    name, bound = next((words[key], value) for key, value in details["ctx"].items() if key in words)
    return f"found {show(node)}; expected {name} {bound:.15g}{_unit(details)}", ""


def _not_finite(details: ErrorDetails, node: Node, model: type[BaseModel]) -> _Explained:
    return f"found {show(node)}; expected a finite number", ""


def _no_mapping(details: ErrorDetails, node: Node, model: type[BaseModel]) -> _Explained:
    known = known_keys(model, details["loc"])
    if known == ["en", "zh"]:
        hint = "put it in quotes" if isinstance(node.value, (int, float)) else ""
        return f"found {show(node)}; expected a text, or {{en: ..., zh: ...}}", hint
    if known[:1] == ["value"] or known[-1:] == ["value"]:
        return (
            f"found {show(node)}; expected a figure",
            "write {value: NUMBER, assumption: WHY}, or source: ID",
        )
    if {"ends", "medium"} <= set(known):
        return _short_link(details, node, model)
    hint = f"keys: {', '.join(known)}" if known else "write 'id: {...}' for each"
    return f"found {show(node)}; expected a mapping", hint


def _no_list(details: ErrorDetails, node: Node, model: type[BaseModel]) -> _Explained:
    if (expected := _LISTS.get(str(details["loc"][-1]))) is not None:
        return f"found {show(node)}; expected {expected}", ""
    return f"found {show(node)}; expected a list", "write [a, b], or one entry a line, each after '- '"


def _no_text(details: ErrorDetails, node: Node, model: type[BaseModel]) -> _Explained:
    number = isinstance(node.value, (int, float))
    return f"found {show(node)}; expected a text", "put it in quotes" if number else ""


def _no_truth(details: ErrorDetails, node: Node, model: type[BaseModel]) -> _Explained:
    hint = "'yes' and 'no' are texts" if node.value in ("yes", "no", "on", "off") else ""
    return f"found {show(node)}; expected true or false", hint


def _wrong_length(details: ErrorDetails, node: Node, model: type[BaseModel]) -> _Explained:
    context, key = details["ctx"], details["loc"][-1]
    wanted = context.get("min_length", context.get("max_length"))
    if details["type"].startswith("string"):
        bound = "some text" if wanted == 1 else f"at most {wanted} characters"
        return f"found {len(str(details['input']))} characters; expected {bound}", ""
    count = context["actual_length"]
    expected = _LISTS.get(str(key), f"at least {wanted}")
    return f"found {count} {'entry' if count == 1 else 'entries'}; expected {expected}", ""


def _short_link(details: ErrorDetails, node: Node, model: type[BaseModel]) -> _Explained:
    return f"found {show(node)}; expected a link", "write 'site -- site', with spaces, or {ends: [a, b], ...}"


_EXPLAIN: dict[str, Callable[[ErrorDetails, Node, type[BaseModel]], _Explained]] = {
    "extra_forbidden": _unknown_key,
    "missing": _missing,
    "enum": _choice,
    "literal_error": _choice,
    "string_pattern_mismatch": _wrong_pattern,
    "float_type": _no_number,
    "int_type": _no_number,
    "greater_than": _out_of_bounds,
    "greater_than_equal": _out_of_bounds,
    "less_than": _out_of_bounds,
    "less_than_equal": _out_of_bounds,
    "finite_number": _not_finite,
    "model_type": _no_mapping,
    "dict_type": _no_mapping,
    "list_type": _no_list,
    "string_type": _no_text,
    "bool_type": _no_truth,
    "too_short": _wrong_length,
    "too_long": _wrong_length,
    "string_too_short": _wrong_length,
    "string_too_long": _wrong_length,
    "short_link": _short_link,
}


def _of(details: ErrorDetails) -> str:
    return str(details.get("ctx", {}).get("pattern", ""))


def _pattern(details: ErrorDetails) -> str:
    return next((words for part, words in _PATTERNS.items() if part in _of(details)), "a text")


def _slug(text: str) -> str:
    words = re.sub(r"[^a-z0-9]+", "-", text.casefold()).strip("-")[:31]
    return f"for example '{words}'" if re.fullmatch(r"[a-z][a-z0-9-]*", words) else ""


def _unit(details: ErrorDetails) -> str:
    path = [step for step in details["loc"] if isinstance(step, str)]
    name = path[-2] if len(path) > 1 and path[-1] in ("value", "low", "high") else path[-1]
    if name.startswith("transit_ms_"):
        return " ms"
    return next((f" {unit}" for ending, unit in _UNITS.items() if name.endswith(ending)), "")


def known_keys(model: type[BaseModel], path: tuple[Step, ...]) -> list[str]:
    """The keys that the mapping at ``path`` may have, by the schema; empty where they are ids."""
    here: Any = model
    for step in path:
        if isinstance(here, type) and issubclass(here, BaseModel):
            fields = {field.alias or name: field for name, field in here.model_fields.items()}
            here = fields[step].annotation if step in fields else None
        else:  # a mapping of ids to parts, or a list of parts
            here = (get_args(here) or (None,))[-1]
        here = _bare(here)
    if isinstance(here, type) and issubclass(here, BaseModel):
        return [field.alias or name for name, field in here.model_fields.items()]
    return []


def _bare(annotation: Any) -> Any:
    """Without ``Annotated`` and ``| None``."""
    while True:
        origin = get_origin(annotation)
        if origin is Annotated:
            annotation = get_args(annotation)[0]
        elif origin in (Union, UnionType):
            annotation = next((kind for kind in get_args(annotation) if kind is not type(None)), None)
        else:
            return annotation
