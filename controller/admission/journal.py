"""Reservations that survive a restart: a file to which every admission and withdrawal is appended.

JSON lines: a head that says for which network the promises were made, then ``{"admitted": reservation}`` and
``{"withdrawn": id}``. Each line is on the disk (fsync) before its answer is given, so what a user was told
holds. A program that dies while it writes leaves a torn last line, which nobody was told of; it is dropped.
When most of the file is history it is written anew beside the old one and takes its place at once (rename).
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
from collections.abc import Collection, Mapping
from contextlib import suppress
from io import FileIO
from pathlib import Path
from typing import Any

from controller.admission.admission import Admission
from controller.link_service import link_services
from controller.reservations import Answer, Reservation, ReservedPath
from topology.errors import InputError, MachineError
from topology.network import Demand, Network
from topology.resolved import demand_from_dict

VERSION = 1
LEAST_HISTORY = 1000  # lines; smaller files are not worth writing anew


def promised_on(network: Network, rate_scale: float) -> str:
    """SHA-256 of what promises depend on: which sites carry transit, and what each link direction offers.

    Titles, sources and demands may change without touching a promise.
    """
    offered = [
        (
            tail,
            head,
            service.link,
            *(service.rate_bps, service.burst_limit_bits),
            *(service.queueing_ns, service.propagation_ns),
        )
        for (tail, head), service in link_services(network, rate_scale=rate_scale).items()
    ]
    transit = [[site.id, site.carries_transit] for site in network.sites.values()]
    return hashlib.sha256(_line([transit, offered])).hexdigest()


class Journal:
    """The file. Locked while open, so that no two controllers write to it."""

    def __init__(self, path: Path | str) -> None:
        self.path = Path(path)
        self._file: FileIO | None = None
        self._head: dict[str, Any] = {}
        self._lines = 0

    def open(self, network: Network, rate_scale: float) -> list[Reservation]:
        """What is reserved according to the file, in the order of admission; a new file if there is none.

        Raises ``InputError`` if it belongs to another network or is no journal, ``MachineError`` if it
        cannot be read or written or another program has it open.
        """
        self._head = {
            "onehop_reservations": VERSION,
            "scenario": network.id,
            "rate_scale": float(rate_scale),
            "promised_on": promised_on(network, rate_scale),
        }
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._file = self._locked(self.path)
            content = self._file.read()
        except OSError as error:
            raise self._unusable(error) from None
        whole = content[: content.rfind(b"\n") + 1]
        reservations = self._replayed(whole.splitlines())
        try:
            if len(whole) < len(content):
                self._file.truncate(len(whole))
            self._file.seek(len(whole))
            if not whole:
                self._append(self._head)
                _sync_folder(self.path)
        except OSError as error:
            raise self._unusable(error) from None
        return reservations

    def admitted(self, reservation: Reservation) -> None:
        """Keep one reservation. Returns when it is on the disk; raises ``MachineError`` if that fails."""
        self._kept({"admitted": reservation.to_dict()})

    def withdrawn(self, demand_id: str) -> None:
        """Keep that a reservation was withdrawn, as ``admitted`` does."""
        self._kept({"withdrawn": demand_id})

    def compact(self, reservations: Collection[Reservation], *, always: bool = False) -> bool:
        """Write the file anew if most of it is history; ``reservations`` are those in force, in order."""
        if not always and self._lines < LEAST_HISTORY + 2 * len(reservations):
            return False
        beside = self.path.with_name(self.path.name + ".new")
        try:
            file = self._locked(beside)
            file.truncate(0)
            records = [self._head, *({"admitted": reservation.to_dict()} for reservation in reservations)]
            _write(file, b"".join(_line(record) for record in records))
            os.replace(beside, self.path)
            _sync_folder(self.path)
        except OSError as error:
            raise self._unusable(error) from None
        self.close()
        self._file, self._lines = file, len(reservations)
        return True

    def close(self) -> None:
        """Let go of the file."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def _locked(self, path: Path) -> FileIO:
        file = FileIO(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600), "r+")
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.close()
            raise MachineError(
                "another program has the reservations open",
                where=str(path),
                hint="is a controller running with the same --state file?",
            ) from None
        return file

    def _kept(self, record: Mapping[str, Any]) -> None:
        try:
            self._append(record)
        except OSError as error:
            raise self._unusable(error) from None
        self._lines += 1

    def _append(self, record: Mapping[str, Any]) -> None:
        """All or nothing: a line that could not be written whole is cut off, so the file stays readable."""
        if self._file is None:
            raise MachineError("the reservations are not open", where=str(self.path))
        begin = self._file.tell()
        try:
            _write(self._file, _line(record))
        except OSError:
            self._cut_back(self._file, begin)
            raise

    def _cut_back(self, file: FileIO, length: int) -> None:
        try:
            file.truncate(length)
            file.seek(length)
        except OSError:  # then nothing more may follow the torn line
            self.close()
            raise

    def _replayed(self, lines: list[bytes]) -> list[Reservation]:
        if not lines:
            return []
        self._check_head(_parsed(lines[0]))
        reserved: dict[str, Reservation] = {}
        for number, line in enumerate(lines[1:], start=2):
            record = _parsed(line)
            try:
                if "admitted" in record:
                    reservation = reservation_from_dict(record["admitted"])
                    reserved[reservation.id] = reservation
                else:
                    del reserved[record["withdrawn"]]
            except (KeyError, TypeError, ValueError, AttributeError):
                raise InputError(
                    "this line is no record of a reservation; the file has been damaged",
                    where=f"{self.path}:{number}",
                    hint="restore the file from a copy, or remove it and ask for the demands again",
                ) from None
        self._lines = len(lines) - 1
        return list(reserved.values())

    def _check_head(self, head: Mapping[str, Any]) -> None:
        if head.get("onehop_reservations") != VERSION:
            raise InputError(
                "this is no file of reservations, or one of another version of OneHop",
                where=str(self.path),
                hint="name another file",
            )
        if head != self._head:
            raise InputError(
                f"these reservations were made on another network ({head.get('scenario')} at 1:"
                f"{head.get('rate_scale')}) than {self._head['scenario']} at 1:{self._head['rate_scale']}, "
                "or its sites, links or shares have changed since",
                where=str(self.path),
                hint="name another file, or remove this one and ask for the demands again",
            )

    def _unusable(self, error: OSError) -> MachineError:
        return MachineError(
            f"the reservations cannot be kept: {error.strerror or error}", where=str(self.path)
        )


class JournaledAdmission(Admission):
    """Admission that keeps what it answers in a journal: an answer is given when it is on the disk."""

    def __init__(self, network: Network, path: Path | str, *, rate_scale: float = 1.0) -> None:
        """Takes up what the file at ``path`` says is reserved; raises as ``Journal.open`` and ``restore``."""
        super().__init__(network, rate_scale=rate_scale)
        self.journal = Journal(path)
        try:
            for reservation in self.journal.open(network, rate_scale):
                self.restore(reservation)
        except BaseException:
            self.journal.close()
            raise

    def ask(self, demand: Demand) -> Answer:
        """As ``Admission.ask``; if the answer cannot be kept, ``MachineError``, and nothing is reserved."""
        answer = super().ask(demand)
        if isinstance(answer, Reservation):
            try:
                self.journal.admitted(answer)
            except MachineError:
                super().withdraw(answer.id)
                raise
        return answer

    def withdraw(self, demand_id: str) -> Reservation:
        """As ``Admission.withdraw``; if that cannot be kept, ``MachineError``, and all stays reserved."""
        if demand_id in self.reservations:
            self.journal.withdrawn(demand_id)
        reservation = super().withdraw(demand_id)
        with suppress(MachineError):  # the old file is whole and stays in use
            self.journal.compact(self.reservations.values())
        return reservation

    def close(self) -> None:
        """Let go of the file; what is reserved stays in it."""
        self.journal.close()


def reservation_from_dict(entry: Mapping[str, Any]) -> Reservation:
    """The reservation whose ``to_dict`` is ``entry``.

    Raises ``KeyError``, ``TypeError`` or ``ValueError`` where it is no such value.
    """
    return Reservation(
        **{
            **entry,
            "demand": demand_from_dict(entry["demand"]),
            "primary": _path(entry["primary"]),
            "backup": None if entry["backup"] is None else _path(entry["backup"]),
        }
    )


def _path(entry: Mapping[str, Any]) -> ReservedPath:
    return ReservedPath(**{**entry, "sites": tuple(entry["sites"])})


def _line(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"


def _parsed(line: bytes) -> dict[str, Any]:
    try:
        value = json.loads(line)
    except ValueError:
        value = None
    return value if isinstance(value, dict) else {}


def _write(file: FileIO, content: bytes) -> None:
    """All of it, and onto the disk."""
    left = memoryview(content)
    while left:
        left = left[file.write(left) :]
    os.fsync(file.fileno())


def _sync_folder(path: Path) -> None:
    """A new name is safe only once its folder is on the disk."""
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
