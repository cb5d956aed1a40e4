"""Models of files as JSON Schema, for editors."""

from __future__ import annotations

from typing import Any

from pydantic.json_schema import models_json_schema

from topology.scenario.parts import Part


def definitions_of(*files: type[Part]) -> tuple[dict[type[Part], dict[str, Any]], dict[str, Any]]:
    """A reference to each file's schema, and the definitions (``$defs``) that they refer to."""
    found, schema = models_json_schema([(file, "validation") for file in files], by_alias=True)
    references = {file: found[file, "validation"] for file in files}
    definitions: dict[str, Any] = schema["$defs"]
    for definition in definitions.values():
        for field in definition.get("properties", {}).values():
            if "patternProperties" in field:  # a mapping of ids: other keys are no ids
                field["additionalProperties"] = False
    return references, definitions
