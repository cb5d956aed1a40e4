"""The YAML that scenarios are written in: values, places, and only ``InputError`` for any text at all."""

from __future__ import annotations

import math
import tempfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from topology.errors import InputError, Problem
from topology.scenario import check
from topology.scenario.document import parse
from topology.scenario.scalars import core_scalar


@pytest.mark.parametrize(
    ("text", "value"),
    [
        *[("", None), ("~", None), ("null", None), ("Null", None)],
        *[("true", True), ("FALSE", False), ("yes", "yes"), ("no", "no"), ("on", "on"), ("y", "y")],
        *[("1", 1), ("-17", -17), ("+5", 5), ("010", 10), ("0o17", 15), ("0x1F", 31), ("1_000", "1_000")],
        *[("1.5", 1.5), (".5", 0.5), ("5.", 5.0), ("1e3", 1000.0), ("-1.5E-2", -0.015), ("1e999", math.inf)],
        *[(".inf", math.inf), ("-.Inf", -math.inf), ("inf", "inf"), ("nan", "nan")],
        *[("12:30", "12:30"), ("2024-06-20", "2024-06-20"), ("=", "="), ("<<", "<<"), ("１", "１")],
        *[("9" * 400, math.inf), ("0x" + "f" * 300, math.inf), ("-" + "9" * 400, -math.inf)],
    ],
)
def test_scalars_of_the_core_schema(text: str, value: object) -> None:
    found = core_scalar(text)
    assert found == value
    assert type(found) is type(value)


def test_not_a_number() -> None:
    assert math.isnan(core_scalar(".NaN"))  # type: ignore[arg-type]


def test_quotes_make_a_text() -> None:
    tree = parse("a: '1'\nb: \"true\"\nc: ''\nd: |\n  2\n", "f")
    assert tree.plain() == {"a": "1", "b": "true", "c": "", "d": "2\n"}


def test_every_node_knows_its_place() -> None:
    tree = parse("\ufeff# 庆阳\nsites:\n  庆阳: {kind: hub,\n    at: [1, 2]}\n'a b': 3\n", "file.yaml")
    places = [
        str(tree.at(path).place)
        for path in (
            ["sites"],
            ["sites", "庆阳", "kind"],
            ["sites", "庆阳", "at", 1],
            ["a b"],
            ["sites", "none"],
        )
    ]
    assert places == [
        "file.yaml:2:1 sites",
        "file.yaml:3:8 sites.庆阳.kind",
        "file.yaml:4:13 sites.庆阳.at[1]",
        "file.yaml:5:1 'a b'",
        "file.yaml:2:1 sites",  # the nearest above what does not exist
    ]


def test_keys_are_texts() -> None:
    assert parse("{1: a, true: b, null: c, no: d}", "f").plain() == {
        "1": "a",
        "true": "b",
        "null": "c",
        "no": "d",
    }


yaml_like = st.text(alphabet=st.sampled_from("ab1.-:, []{}#&*!|>'\"%@`\n\t?~<é庆\\"), max_size=60)


@given(st.one_of(st.text(max_size=80), yaml_like))
def test_any_text_parses_or_is_bad_input(text: str) -> None:
    problems: tuple[Problem, ...] = ()
    try:
        assert isinstance(parse(text, "file.yaml").plain(), dict)
    except InputError as error:
        problems = error.problems
    for problem in problems:
        assert problem.what
        assert problem.where.startswith("file.yaml")
        assert str(problem).replace("\n", "").isprintable()


@given(st.one_of(st.binary(max_size=200), yaml_like.map(str.encode)))
def test_any_bytes_in_a_file_are_sound_or_bad_input(content: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "file.yaml"
        file.write_bytes(content)
        assert check(str(file))  # no such bytes are a scenario


@given(st.text(max_size=40))
def test_any_reference_is_known_or_bad_input(reference: str) -> None:
    check(reference)
