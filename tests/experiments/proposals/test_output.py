"""Files of an answer: whole, versioned, described by their schema, the same bytes each time and place."""

from __future__ import annotations

import csv
import io
import json
import os
import subprocess
import sys
import zipfile
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import jsonschema
import pytest

from experiments.proposals.findings import Answer
from experiments.proposals.model import Study
from experiments.proposals.output.document import ProposalDocument, document_schema, rounded
from experiments.proposals.output.files import csv_files, tables_of, workbook
from experiments.proposals.output.folder import read_document, read_study, write_answer, write_study
from tests.experiments.proposals import synthetic_answer
from topology.errors import InputError
from topology.network import Text

REPOSITORY = Path(__file__).parents[3]
SCHEMA = REPOSITORY / "docs" / "proposal.schema.json"
VERDICT = Text("Build it.", "建吧。")
_SPREADSHEET = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}"


@pytest.fixture(scope="module")
def study() -> Study:
    return synthetic_answer.study()


@pytest.fixture(scope="module")
def answer(study: Study) -> Answer:
    return synthetic_answer.answer(study)


@pytest.fixture(scope="module")
def document(study: Study, answer: Answer) -> ProposalDocument:
    return ProposalDocument.of(study, answer)


def test_the_file_is_read_back_as_it_was(document: ProposalDocument, study: Study) -> None:
    again = ProposalDocument.from_json(document.to_json(), where="here")
    assert again == document
    assert again.to_json() == document.to_json()
    assert again.is_whole()
    assert again.study.study().base.digest() == study.base.digest()
    assert list(again.study.study().candidates.values()) == list(study.candidates.values())


def test_the_schema_describes_the_file(document: ProposalDocument) -> None:
    data = json.loads(document.to_json())
    jsonschema.validate(data, document_schema(), cls=jsonschema.Draft202012Validator)
    data["answer"]["best"]["proof"] = "surely"
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(data, document_schema())


def test_the_schema_in_docs_is_the_present_one() -> None:
    assert json.loads(SCHEMA.read_text(encoding="utf-8")) == document_schema()


def test_host_and_place_are_no_part_of_it(study: Study, answer: Answer, document: ProposalDocument) -> None:
    elsewhere = ProposalDocument.of(
        replace(study, file="/elsewhere.yaml"), replace(answer, host={"seconds": {"alone": 9.0}})
    )
    assert elsewhere.to_json() == document.to_json()


def test_any_change_of_question_or_answer_changes_the_digest(
    study: Study, answer: Answer, document: ProposalDocument
) -> None:
    others = [
        ProposalDocument.of(replace(study, price_year=2023), answer),
        ProposalDocument.of(study, replace(answer, best=replace(answer.best, bound=7.0))),
    ]
    assert len({document.answer.digest, *(each.answer.digest for each in others)}) == 3


def test_floats_are_rounded_and_zero_has_no_sign() -> None:
    noisy = {"a": [0.1 + 0.2, -1e-9], "availability": {"x > y": 0.999999876543}}
    assert rounded(noisy) == {"a": [0.3, 0.0], "availability": {"x > y": 0.999999877}}
    assert str(rounded(-1e-9)) == "0.0"


def test_the_same_bytes_under_any_hash_seed(document: ProposalDocument) -> None:
    program = (
        "from tests.experiments.proposals import synthetic_answer as s\n"
        "from experiments.proposals.output.document import ProposalDocument\n"
        "from experiments.proposals.output.files import *\n"
        "from topology.network import Text\n"
        "import hashlib\n"
        "study = s.study(); answer = s.answer(study)\n"
        "tables = tables_of(study, answer)\n"
        "everything = [ProposalDocument.of(study, answer).to_json(), *csv_files(tables).values()]\n"
        "print(hashlib.sha256(''.join(everything).encode()).hexdigest())\n"
        "print(hashlib.sha256(workbook(study.title, Text('a', 'b'), tables)).hexdigest())\n"
    )
    found = {
        subprocess.run(
            [sys.executable, "-c", program],
            capture_output=True,
            text=True,
            check=True,
            cwd=REPOSITORY,
            env={**os.environ, "PYTHONHASHSEED": seed, "TZ": zone},
        ).stdout
        for seed, zone in (("0", "UTC"), ("4711", "Asia/Shanghai"))
    }
    assert len(found) == 1


def test_every_table_has_its_rows_in_csv(study: Study, answer: Answer) -> None:
    tables = tables_of(study, answer)
    files = csv_files(tables)
    assert len(files) == len(tables) == 18
    for table in tables:
        header, *rows = csv.reader(io.StringIO(files[f"{table.name}.csv"]))
        assert header == [column.key for column in table.columns]
        assert len(set(header)) == len(header)
        assert len(rows) == len(table.rows)
    ranking = list(csv.DictReader(io.StringIO(files["ranking.csv"])))
    assert [row["candidate"] for row in ranking] == [each.portfolio[0].candidate for each in answer.alone]
    assert {row["candidate"] for row in ranking if row["recommended"] == "yes"} == set(
        synthetic_answer.CHOSEN
    )
    assert float(ranking[0]["delay_saved"]) == answer.alone[0].delay_saved


def test_parts_not_asked_for_leave_no_empty_tables(study: Study, answer: Answer) -> None:
    bare = replace(answer, optics=(), sureness=None, evidence=(), interactions=())
    names = {table.name for table in tables_of(study, bare)}
    assert not names & {"optics", "intervals", "shares", "tornado", "evidence", "interactions"}
    assert all(table.rows for table in tables_of(study, bare))


def test_a_name_is_no_formula(study: Study, answer: Answer) -> None:
    first = next(iter(study.candidates.values()))
    hostile = replace(first, name=Text("=HYPERLINK(1)", "+1"))
    changed = replace(study, candidates={**study.candidates, first.id: hostile})
    tables = tables_of(changed, answer)
    assert "'=HYPERLINK(1)" in csv_files(tables)["ranking.csv"]
    with zipfile.ZipFile(io.BytesIO(workbook(changed.title, VERDICT, tables))) as book:
        assert not any(b"<f>" in book.read(name) for name in book.namelist())


def test_the_workbook_holds_every_table_and_the_verdict(study: Study, answer: Answer) -> None:
    tables = tables_of(study, answer)
    with zipfile.ZipFile(io.BytesIO(workbook(study.title, VERDICT, tables))) as book:
        sheets = ElementTree.fromstring(book.read("xl/workbook.xml")).iter(f"{_SPREADSHEET}sheet")
        assert [sheet.get("name") for sheet in sheets][1:] == [table.name for table in tables]
        words = "".join(ElementTree.fromstring(book.read("xl/sharedStrings.xml")).itertext())
        for expected in (VERDICT.en, VERDICT.zh, study.title.zh, "各候选链路单独建设"):
            assert expected in words
        assert {entry.date_time for entry in book.infolist()} == {(1980, 1, 1, 0, 0, 0)}


def test_a_folder_gives_back_question_and_answer(study: Study, answer: Answer, tmp_path: Path) -> None:
    write_study(tmp_path, study)
    written = write_answer(tmp_path, study, answer, VERDICT)
    assert read_document(tmp_path) == written
    assert read_study(tmp_path).candidates == dict(study.candidates)


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        ('"bound": ', '"bound": 1', "was changed"),
        ('"schema_version": 1', '"schema_version": 99', "schema version 99"),
        ('"proof": "optimal"', '"proof": "surely"', "proof"),
        ("{", "", "JSON"),
    ],
)
def test_a_damaged_file_is_said_to_be_one(
    study: Study, answer: Answer, tmp_path: Path, before: str, after: str, expected: str
) -> None:
    write_answer(tmp_path, study, answer, VERDICT)
    file = tmp_path / "proposal.json"
    file.write_text(file.read_text(encoding="utf-8").replace(before, after, 1), encoding="utf-8")
    with pytest.raises(InputError, match=expected):
        read_document(tmp_path)


def test_a_folder_without_an_answer_says_so(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"no proposal\.json"):
        read_document(tmp_path)
