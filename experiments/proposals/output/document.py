"""``proposal.json``: the question and the answer in one versioned file, the same bytes for the same input.

Floats of the answer are rounded to 6 decimals, availabilities to 9: more is noise of solvers. What the answer
was computed on, and how long it took, is no part of it and stands in ``host.json`` and ``manifest.json``.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import fields, replace
from typing import Any, Self

from pydantic import Field, JsonValue, TypeAdapter

from experiments.proposals.findings import Answer
from experiments.proposals.model import (
    UNSOURCED,
    Budget,
    Candidate,
    Figure,
    Study,
    StudyDemand,
    Target,
)
from experiments.results.model import SCHEMA_VERSION, ResultModel
from topology.network import Provenance, Source, Text
from topology.resolved import network_from_dict

DECIMALS = 6
AVAILABILITY_DECIMALS = 9

_ANSWER: TypeAdapter[Answer] = TypeAdapter(Answer)


class StudyRecord(ResultModel):
    """A study as it was read; ``base`` is the network as in ``network-base.json`` of other results."""

    id: str
    title: Text
    description: Text
    base: dict[str, JsonValue]
    candidates: dict[str, Candidate]
    demands: tuple[StudyDemand, ...]
    targets: tuple[Target, ...]
    budget: Budget
    figures: dict[str, Figure]
    first_year: int
    years: int
    price_year: int
    sources: dict[str, Source]
    provenance: Provenance = UNSOURCED

    @classmethod
    def of(cls, study: Study) -> StudyRecord:
        """The record of a study. Where its file lay is left out: it differs between machines."""
        values = {field.name: getattr(study, field.name) for field in fields(study) if field.name != "file"}
        plain: dict[str, JsonValue] = json.loads(json.dumps(study.base.to_dict()))
        record = cls.model_validate(values | {"base": plain})
        # Once more from plain data, which makes floats of whole numbers, as reading the file does.
        return cls.model_validate(record.model_dump(mode="json"))

    def study(self) -> Study:
        """The study again. Raises ``ValueError``, ``KeyError`` or ``TypeError`` if ``base`` is damaged."""
        values = {name: getattr(self, name) for name in type(self).model_fields}
        return Study(**values | {"base": network_from_dict(self.base)})

    def digest(self) -> str:
        """SHA-256 of the canonical JSON form: equal studies have equal digests on any machine."""
        return _sha256(self.model_dump(mode="json"))


class ProposalDocument(ResultModel):
    """All of ``proposal.json``. ``answer.digest`` is the SHA-256 of everything else."""

    schema_version: int = Field(default=SCHEMA_VERSION, ge=1)
    experiment: str = "propose"
    study: StudyRecord
    answer: Answer

    @classmethod
    def of(cls, study: Study, answer: Answer) -> Self:
        """The document: rounded, with its digest, without the host."""
        plain = rounded(_ANSWER.dump_python(replace(answer, digest="", host={}), mode="json"))
        made = cls(study=StudyRecord.of(study), answer=_ANSWER.validate_python(plain))
        return made.model_copy(update={"answer": replace(made.answer, digest=made.digest())})

    def digest(self) -> str:
        """SHA-256 of the canonical JSON form of all but the digest itself and the host."""
        data = self.model_dump(mode="json")
        for key in ("digest", "host"):
            del data["answer"][key]
        return _sha256(data)

    def to_json(self) -> str:
        """Indented JSON in the order of the fields, ending in a newline."""
        data = self.model_dump(mode="json")
        del data["answer"]["host"]
        return json.dumps(data, ensure_ascii=False, indent=1, allow_nan=False) + "\n"

    def is_whole(self) -> bool:
        """Whether the digest is that of the content."""
        return self.digest() == self.answer.digest


def rounded(value: Any, decimals: int = DECIMALS) -> Any:
    """Every float in plain data rounded; minus zero becomes zero."""
    match value:
        case float():
            return round(value, decimals) + 0.0
        case dict():
            return {
                key: rounded(each, AVAILABILITY_DECIMALS if key == "availability" else decimals)
                for key, each in value.items()
            }
        case list():
            return [rounded(each, decimals) for each in value]
        case _:
            return value


def document_schema() -> dict[str, Any]:
    """JSON Schema (draft 2020-12) of ``proposal.json``."""
    schema = ProposalDocument.model_json_schema(mode="serialization")
    # The host is no part of the file.
    schema["$defs"]["Answer"]["properties"].pop("host", None)
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "proposal.json",
        **{key: value for key, value in schema.items() if key != "title"},
    }


def _sha256(plain: Mapping[str, Any]) -> str:
    text = json.dumps(plain, ensure_ascii=False, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()
