"""Plain scalars by the core schema of YAML 1.2 (section 10.3.2), not by PyYAML's YAML 1.1.

So ``no``, ``on`` and ``12:30`` are texts, ``1e3`` is a number and ``0o17`` is octal.
"""

from __future__ import annotations

import re

from topology.scenario.node import Scalar

_NULL = re.compile(r"|null|Null|NULL|~")
_TRUE = re.compile(r"true|True|TRUE")
_FALSE = re.compile(r"false|False|FALSE")
_INTEGER = re.compile(r"[-+]?[0-9]+")
_OCTAL = re.compile(r"0o[0-7]+")
_HEXADECIMAL = re.compile(r"0x[0-9a-fA-F]+")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_INFINITE = re.compile(r"[-+]?\.(inf|Inf|INF)")
_NOT_A_NUMBER = re.compile(r"\.(nan|NaN|NAN)")

MAX_DIGITS = 300  # Python refuses to convert very long integers; beyond a double's range all are infinite


def core_scalar(text: str) -> Scalar:
    """The value of an unquoted scalar. Never raises: what is nothing else is a text."""
    if _NULL.fullmatch(text):
        return None
    if _TRUE.fullmatch(text):
        return True
    if _FALSE.fullmatch(text):
        return False
    if _INFINITE.fullmatch(text) or _NOT_A_NUMBER.fullmatch(text):
        return float(text.replace(".", ""))
    if _INTEGER.fullmatch(text):
        return int(text) if len(text) <= MAX_DIGITS else float(text)
    if _OCTAL.fullmatch(text):
        return int(text, 8) if len(text) <= MAX_DIGITS else float("inf")
    if _HEXADECIMAL.fullmatch(text):
        return int(text, 16) if len(text) <= MAX_DIGITS else float("inf")
    return float(text) if _FLOAT.fullmatch(text) else text
