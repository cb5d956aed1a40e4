"""What all models share."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class Out(BaseModel):
    """Common to all: frozen, documented by the strings below the fields."""

    model_config = ConfigDict(frozen=True, use_attribute_docstrings=True, populate_by_name=True)


class TextOut(Out):
    """A text in both languages."""

    en: str
    zh: str
