"""Reservations survive a restart: to the byte, whenever the program died."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from controller.admission import JournaledAdmission
from controller.reservations import Reservation
from tests.controller.reserving import demand, reserving
from tests.controller.strategies import network_of
from topology.errors import InputError, MachineError
from topology.network import Network, Protection, Text


def square() -> Network:
    links = [("s", "a", 1, 100), ("a", "t", 1, 100), ("s", "b", 2, 100), ("b", "t", 2, 100)]
    return reserving(network_of("sabt", links), share=0.5)


def told(admission: JournaledAdmission) -> str:
    return json.dumps([reservation.to_dict() for reservation in admission.reservations.values()])


def asked(admission: JournaledAdmission, number: int) -> None:
    protection = list(Protection)[number % 3]
    ends = ("s", "t") if number % 2 else ("t", "s")
    admission.ask(demand(f"d{number}", *ends, 0.01, protection=protection, max_one_way_ms=30.1))


def test_a_restart_finds_what_was_reserved_to_the_byte(tmp_path: Path) -> None:
    file = tmp_path / "state" / "reservations.jsonl"
    admission = JournaledAdmission(square(), file)
    for number in range(9):
        asked(admission, number)
    admission.withdraw("d3")
    admission.withdraw("d0")
    asked(admission, 3)
    before, usage = told(admission), admission.usage
    admission.close()
    again = JournaledAdmission(square(), file)
    assert told(again) == before
    assert again.usage == usage
    assert list(again.reservations)[-1] == "d3"
    asked(again, 5 + 6)
    assert again.reservations["d11"].port == max(again.reservations[f"d{n}"].port for n in (1, 5, 7)) + 1


@settings(max_examples=40)
@given(lost=st.integers(0, 400))
def test_any_tear_of_the_end_loses_whole_records_from_the_end(
    lost: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    file = tmp_path_factory.mktemp("torn") / "reservations.jsonl"
    admission = JournaledAdmission(square(), file)
    states = [told(admission)]
    for number in range(3):
        asked(admission, number)
        states.append(told(admission))
    admission.close()
    os.truncate(file, max(file.stat().st_size - lost, 0))
    whole_lines = file.read_bytes().count(b"\n")
    again = JournaledAdmission(square(), file)
    assert told(again) == states[max(whole_lines - 1, 0)]
    asked(again, 7)
    after = told(again)
    again.close()
    assert told(JournaledAdmission(square(), file)) == after


def test_killed_while_it_writes(tmp_path: Path) -> None:
    """Whatever was answered before the kill is there; at most one more, which was not yet answered."""
    file = tmp_path / "reservations.jsonl"
    code = (
        "import sys; from tests.controller.test_journal import *\n"
        "admission = JournaledAdmission(square(), sys.argv[1])\n"
        "for number in range(100000):\n"
        "    asked(admission, number)\n"
        "    print(number, flush=True)\n"
        "    if number % 3 == 2: admission.withdraw(f'd{number}')\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code, str(file)], stdout=subprocess.PIPE, text=True
    ) as child:
        assert child.stdout is not None
        for _ in range(20):
            child.stdout.readline()
        time.sleep(0.01)
        child.send_signal(signal.SIGKILL)
        last = [19, *(int(line) for line in child.stdout.read().split("\n")[:-1])][-1]
    again = JournaledAdmission(square(), file)
    answered = {f"d{number}" for number in range(last) if number % 3 != 2}
    assert answered <= set(again.reservations) <= answered | {f"d{last}", f"d{last + 1}"}


def test_history_is_left_behind_when_it_outgrows_what_is_in_force(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("controller.admission.journal.LEAST_HISTORY", 10)
    file = tmp_path / "reservations.jsonl"
    admission = JournaledAdmission(square(), file)
    asked(admission, 0)
    for _ in range(40):
        asked(admission, 1)
        admission.withdraw("d1")
    asked(admission, 2)
    assert file.read_bytes().count(b"\n") < 20
    before = told(admission)
    with pytest.raises(MachineError, match="another program"):
        JournaledAdmission(square(), file)
    admission.close()
    assert told(JournaledAdmission(square(), file)) == before
    assert [path.name for path in tmp_path.iterdir()] == [file.name]


def test_promises_of_another_network_are_not_taken_over(tmp_path: Path) -> None:
    file = tmp_path / "reservations.jsonl"
    admission = JournaledAdmission(square(), file)
    asked(admission, 0)
    admission.close()
    renamed = replace(square(), title=Text("Another title", "另一个标题"))
    JournaledAdmission(renamed, file).close()
    narrower = reserving(square(), share=0.4)
    for network, scale in ((narrower, 1.0), (square(), 10.0)):
        with pytest.raises(InputError, match="another network"):
            JournaledAdmission(network, file, rate_scale=scale)


@pytest.mark.parametrize(
    ("content", "place"),
    [
        (b"hello\n", "reservations.jsonl"),
        (b'{"onehop_reservations": 99}\n', "reservations.jsonl"),
        (None, "reservations.jsonl:2"),
    ],
)
def test_what_is_no_journal_is_refused_and_left_alone(
    content: bytes | None, place: str, tmp_path: Path
) -> None:
    file = tmp_path / "reservations.jsonl"
    if content is None:
        admission = JournaledAdmission(square(), file)
        for number in range(3):
            asked(admission, number)
        admission.close()
        head, first, *rest = file.read_bytes().splitlines(keepends=True)
        content = head + first[: len(first) // 2] + b"\n" + b"".join(rest)
    file.write_bytes(content)
    with pytest.raises(InputError) as error:
        JournaledAdmission(square(), file)
    assert str(error.value.problems[0].where).endswith(place)
    assert file.read_bytes() == content


def test_an_answer_that_cannot_be_kept_is_not_given(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "reservations.jsonl"
    admission = JournaledAdmission(square(), file)
    asked(admission, 0)

    def full(_descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(MachineError, match="No space left"):
        asked(admission, 1)
    assert list(admission.reservations) == ["d0"]
    monkeypatch.undo()
    asked(admission, 2)
    admission.close()
    again = JournaledAdmission(square(), file)
    assert list(again.reservations) == ["d0", "d2"]
    assert isinstance(again.ask(demand("d1", "s", "t", 0.01)), Reservation)
