"""The result folder of a proposal: what it holds and how it is written.

::

    manifest.json       what was asked, on what; status "running" until the end
    study.json          the study as it was read, base network included: no other file is needed
    work/               finished tasks, while it runs: interrupted work resumes from there
    proposal.json       question and answer; the same bytes for the same input
    ranking.csv ...     every table
    proposal.xlsx       all tables in one workbook
    host.json           what it ran on, how long each part took
    report.html         the page made from all of it
"""

from __future__ import annotations

import json
from pathlib import Path

from experiments.proposals.findings import Answer
from experiments.proposals.model import Study
from experiments.proposals.output.document import ProposalDocument, StudyRecord
from experiments.proposals.output.files import csv_files, tables_of, workbook
from topology.errors import InputError
from topology.files import write_whole
from topology.network import Text

DOCUMENT_FILE = "proposal.json"
HOST_FILE = "host.json"
STUDY_FILE = "study.json"
WORK_DIRECTORY = "work"
WORKBOOK_FILE = "proposal.xlsx"


def write_study(path: Path, study: Study) -> None:
    """Keep the question, so that interrupted work can go on without its file."""
    write_whole(path / STUDY_FILE, StudyRecord.of(study).to_json())


def read_study(path: Path) -> Study:
    """The study of a folder. Raises ``InputError`` if it has none or it is damaged."""
    record = StudyRecord.from_json(_read(path / STUDY_FILE), where=str(path / STUDY_FILE))
    return _sound(record, path / STUDY_FILE)


def write_answer(path: Path, study: Study, answer: Answer, verdict: Text) -> ProposalDocument:
    """Write everything but the page; ``verdict`` opens the workbook. Returns the document as written."""
    document = ProposalDocument.of(study, answer)
    tables = tables_of(study, document.answer)
    write_whole(path / DOCUMENT_FILE, document.to_json())
    for name, text in csv_files(tables).items():
        write_whole(path / name, text)
    write_whole(path / WORKBOOK_FILE, workbook(study.title, verdict, tables))
    write_whole(path / HOST_FILE, json.dumps(dict(answer.host), ensure_ascii=False, indent=1) + "\n")
    return document


def read_document(path: Path) -> ProposalDocument:
    """The question and the answer of a folder.

    Raises ``InputError`` if the folder has none, or if it was changed by hand or damaged.
    """
    file = path / DOCUMENT_FILE
    document = ProposalDocument.from_json(_read(file), where=str(file))
    _sound(document.study, file)
    if not document.is_whole():
        raise InputError(
            "its content is not that of its digest: it was changed after it was written",
            where=str(file),
            hint="run 'onehop propose' again",
        )
    return document


def _sound(record: StudyRecord, file: Path) -> Study:
    try:
        return record.study()
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise InputError(f"cannot be read: its base is no network ({error})", where=str(file)) from None


def _read(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise InputError(
            f"the folder has no {file.name}",
            where=str(file.parent),
            hint="give a folder that 'onehop propose' wrote; 'onehop propose --resume' finishes one",
        ) from None
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"cannot be read: {error}", where=str(file)) from None
