"""What every value of a result folder has in common: frozen, strict, the same bytes for the same value."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, ValidationError

from topology.errors import InputError, Problem

SCHEMA_VERSION = 1
"""Version of the files in a result folder. Raised whenever a field comes, goes or changes its meaning."""

Variant = Literal["base", "proposal"]
"""The two networks an experiment compares."""

LoadState = Literal["idle", "loaded"]
"""Without and with background traffic."""

VARIANTS: tuple[Variant, ...] = ("base", "proposal")
LOAD_STATES: tuple[LoadState, ...] = ("idle", "loaded")


class ResultModel(BaseModel):
    """Base of every value in a result folder.

    Frozen; an unknown key, a wrong type or a number that is not finite is refused, so that a file is either
    understood completely or not at all.
    """

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        allow_inf_nan=False,
        use_attribute_docstrings=True,
        protected_namespaces=(),  # a field may begin with model_
    )

    def to_json(self) -> str:
        """Indented JSON in the order of the fields, ending in a newline."""
        return json.dumps(self.model_dump(mode="json"), ensure_ascii=False, indent=2, allow_nan=False) + "\n"

    @classmethod
    def from_json(cls, text: str, *, where: str) -> Self:
        """Read back what ``to_json`` wrote.

        Raises ``InputError`` naming ``where`` and every field that is wrong: not JSON, another schema
        version, a field missing or of the wrong type.
        """
        try:
            data = json.loads(text)
        except ValueError as error:
            raise InputError(
                f"is not valid JSON ({error})", where=where, hint="the file is damaged; repeat the run"
            ) from None
        if "schema_version" in cls.model_fields:
            _check_version(data, where)
        try:
            return cls.model_validate(data)
        except ValidationError as error:
            raise InputError.of(
                [
                    Problem(f"{item['msg']}", where=f"{where} {'.'.join(map(str, item['loc']))}".rstrip())
                    for item in error.errors(include_url=False, include_context=False, include_input=False)
                ]
            ) from None


def utc_now() -> str:
    """The present moment as a result states it: ``2024-06-01T08:00:00Z``."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _check_version(data: object, where: str) -> None:
    version = data.get("schema_version") if isinstance(data, dict) else None
    if not isinstance(version, int) or isinstance(version, bool) or version < 1:
        raise InputError(
            "has no schema_version: it is not a result of onehop",
            where=where,
            hint="give the folder that 'onehop run' wrote, for instance results/20240601T080000Z-one-hop",
        )
    if version > SCHEMA_VERSION:
        raise InputError(
            f"has schema version {version}; this onehop reads up to version {SCHEMA_VERSION}",
            where=where,
            hint="read it with the newer onehop that wrote it",
        )
