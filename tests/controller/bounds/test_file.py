"""The file of ``onehop bound``: exact numbers, units, and every mistake at once with its place."""

from __future__ import annotations

import json
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from controller.bounds import Method, Multiplexing, analyse
from controller.bounds.examples import EXAMPLES
from controller.bounds.file import load, read
from controller.bounds.quantities import Kind, factor, written
from topology.errors import InputError

F = Fraction


def mistakes(text: str) -> list[str]:
    with pytest.raises(InputError) as caught:
        read(text, "f.yaml")
    assert caught.value.exit_code == 2
    return [f"{problem.where}: {problem.what}" for problem in caught.value.problems]


@pytest.mark.parametrize(
    ("text", "number", "unit"),
    [
        ("10", F(10), ""),
        ("0.1", F(1, 10), ""),
        ("1e-3 s", F(1, 1000), "s"),
        ("8/3 Mbit/s", F(8, 3), "Mbit/s"),
        ("1500B", F(1500), "B"),
        ("2.5 Gbit / s", F(5, 2), "Gbit/s"),
        (".5 ms", F(1, 2), "ms"),
    ],
)
def test_quantities_are_exact(text: str, number: Fraction, unit: str) -> None:
    found = written(text)
    assert found is not None
    assert (found.number, found.unit) == (number, unit)


@pytest.mark.parametrize("text", ["", "-1", "1/0", "ms", "1..2", "1 m s", "0x10", "1e999", "nan", "1 1", "²"])
def test_what_is_no_quantity(text: str) -> None:
    assert written(text) is None


def test_units() -> None:
    assert factor("kB", Kind.DATA) == 8000
    assert factor("µs", Kind.TIME) == F(1, 10**6)
    assert factor("kB/ms", Kind.RATE) == 8_000_000
    assert factor("Mbps", Kind.RATE) is None
    assert factor("ms", Kind.DATA) is None


@pytest.mark.parametrize("name", list(EXAMPLES))
def test_every_example_can_be_analysed(name: str) -> None:
    question = read(EXAMPLES[name], name)
    analysis = analyse(
        question.system.servers.values(), question.system.flows.values(), question.multiplexing
    )
    assert not any(result.refused for result in analysis.results)


def test_yaml_and_json_say_the_same() -> None:
    text = EXAMPLES["tandem"]
    assert read(json.dumps(yaml.safe_load(text)), "f.json").system == read(text, "f.yaml").system


def test_units_of_bare_numbers() -> None:
    bare = """\
units: {data: kB, time: ms}
servers: {s: {rate: 10, latency: 2}}
flows: {f: {rate: 1 Mbit/s, burst: 3, path: [s]}}
"""
    question = read(bare, "f.yaml")
    assert question.system.servers["s"].service.rate == 80_000_000
    assert question.system.servers["s"].service.latency == F(2, 1000)
    assert question.system.flows["f"].arrivals.burst == 24_000
    assert (question.data_unit, question.time_unit) == ("kB", "ms")


def test_every_mistake_at_once() -> None:
    text = """\
multiplexing: [fifo, lifo]
units: {data: bits}
servers:
  a: {rate: 10 Mbps, latency: -1}
  b: {rate: 0, latency: 1 ms, speed: 3}
  c: {latency: 1 parsec}
  d: {rate: 5, link_rate: 4}
flows:
  f 1: {rate: 1 Mbit/s, burst: [3], path: [a, bb, a]}
  g: {rate: 1e30, burst: 3, path: []}
  h: {rate: 1, burst: 3 bit, max_packet: 4 bit, path: [a], priority: high}
"""
    assert mistakes(text) == [
        "f.yaml:1:22 multiplexing[1]: found 'lifo'; expected one of fifo, arbitrary, priority",
        "f.yaml:2:9 units.data: found 'bits'; expected one of bit, kbit, Mbit, Gbit, Tbit, B, kB, MB, GB",
        "f.yaml:4:7 servers.a.rate: found '10 Mbps'; expected a rate in bit/s, kbit/s, Mbit/s, Gbit/s, B/s, "
        "or any unit of data by any of time",
        "f.yaml:4:22 servers.a.latency: found -1; expected a time, 0 or more, such as 10, 2.5, 8/3 or 1.5 ms",
        "f.yaml:5:7 servers.b.rate: found 0; expected more than 0",
        "f.yaml:5:31 servers.b.speed: unknown key 'speed'",
        "f.yaml:6:3 servers.c: the key 'rate' is missing",
        "f.yaml:6:7 servers.c.latency: found '1 parsec'; expected a time in s, ms, us, µs, ns",
        "f.yaml:7:16 servers.d.link_rate: the link_rate 4 is below the rate 5",
        "f.yaml:9:3 flows.'f 1': found 'f 1'; expected a name: a letter or digit, then up to 39 letters, "
        "digits, '-', '_' and '.'",
        "f.yaml:9:25 flows.'f 1'.burst: found a list; expected an amount of data, 0 or more, such as 10, "
        "2.5, 8/3 or 1500 B",
        "f.yaml:9:47 flows.'f 1'.path[1]: found 'bb'; expected the name of a server",
        "f.yaml:9:51 flows.'f 1'.path[2]: the path crosses 'a' twice; expected each server once",
        "f.yaml:10:7 flows.g.rate: found 1e30; expected 0, or from 1e-18 to 1e24",
        "f.yaml:10:29 flows.g.path: found 0 entries; expected at least 1",
        "f.yaml:11:30 flows.h.max_packet: the max_packet '4 bit' is above the burst '3 bit'",
        "f.yaml:11:60 flows.h.priority: found 'high'; expected a whole number",
    ]


def test_units_here_and_none_there() -> None:
    text = "servers: {s: {rate: 10 Mbit/s, latency: 0}}\nflows: {f: {rate: 1, burst: 3 kB, path: [s]}}"
    assert mistakes(text) == ["f.yaml:2:13 flows.f.rate: found 1 without a unit, while others have one"]


def test_overload_is_told_at_the_server() -> None:
    text = "servers: {s: {rate: 10}}\nflows: {f: {rate: 11, burst: 3, path: [s]}}"
    assert mistakes(text) == [
        "f.yaml:1:11 servers.s: its flows send at 11, more than its rate of 10; no bound exists"
    ]


@pytest.mark.parametrize(
    "text", ["", "  \n", "[]", "3", "servers: 3\nflows: []", "servers: {}\nflows: {}", "a: [", "\0"]
)
def test_what_is_no_description_at_all(text: str) -> None:
    assert mistakes(text)


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    for content in (b"\xff\xfe", b"x" * (2**20 + 1)):
        (tmp_path / "f.yaml").write_bytes(content)
        with pytest.raises(InputError):
            load(tmp_path / "f.yaml")
    with pytest.raises(InputError):
        load(tmp_path / "missing.yaml")


SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-5, 50),
    st.floats(),
    st.sampled_from(["10 Mbit/s", "1 ms", "8/3", "1500 B", "x", "1/0", "a", "b", "fifo", "priority"]),
    st.text(max_size=5),
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
)
KEYS = ("rate", "latency", "link_rate", "max_packet", "burst", "priority", "path", "x")
PARTS = st.fixed_dictionaries(
    {},
    optional=dict.fromkeys(KEYS, VALUES),
)
SERVERS = st.dictionaries(st.sampled_from(["a", "b", "c d"]), PARTS | VALUES, max_size=3)
FILES = st.fixed_dictionaries(
    {"servers": SERVERS | VALUES, "flows": st.dictionaries(st.sampled_from("fgh"), PARTS | VALUES) | VALUES},
    optional={"units": VALUES, "multiplexing": VALUES, "title": VALUES, "y": VALUES},
)


@settings(max_examples=150)
@given(FILES)
def test_whatever_is_written_is_read_or_refused(content: Any) -> None:
    try:
        read(yaml.safe_dump(content, allow_unicode=True), "f.yaml")
    except InputError as error:
        problems = error.problems
    else:
        problems = ()
    assert all(problem.where.startswith("f.yaml") for problem in problems)


@st.composite
def sound(draw: st.DrawFn) -> str:
    servers = {n: {"rate": draw(st.integers(1, 9)), "latency": draw(st.integers(0, 3))} for n in "abc"}
    flows = {
        n: {
            "rate": draw(st.sampled_from(["0", "0.5", "1/3", "2"])),
            "burst": draw(st.integers(0, 9)),
            "path": draw(st.permutations("abc"))[: draw(st.integers(1, 3))],
            "priority": draw(st.integers(0, 2)),
        }
        for n in "fgh"
    }
    return json.dumps({"servers": servers, "flows": flows})


@settings(max_examples=80)
@given(sound(), st.sampled_from(list(Multiplexing)))
def test_whatever_is_read_is_bounded_or_refused(text: str, multiplexing: Multiplexing) -> None:
    try:
        system = read(text, "f.json").system
        analysis = analyse(system.servers.values(), system.flows.values(), multiplexing, list(Method))
    except InputError:
        return
    again = analyse(system.servers.values(), system.flows.values(), multiplexing, list(Method))
    assert json.dumps(analysis.to_dict()) == json.dumps(again.to_dict())
