"""A result is a folder that outlives the program: written as the run goes on, readable whenever it stops.

::

    manifest.json          what was run, on what; status "running" until the run ends
    network-base.json      the networks as measured (``Network.to_dict``): no other file is needed
    network-proposal.json
    links.json             declared against achieved, per link and direction
    base-idle.jsonl        raw samples, one probe a line (``experiments.measurement.samples``); likewise
                           base-loaded, proposal-idle, proposal-loaded; base-idle-2 has the pairs that were
                           measured again
    summary.json           what was found
    report.html            the page made from all of it

Whole files appear at once or not at all (written beside, then renamed); sample files grow line by line.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any, TypeVar

from experiments.results.links import LinkChecks
from experiments.results.manifest import Manifest
from experiments.results.model import LoadState, ResultModel, Variant
from experiments.results.samples import RoundTrips, read_round_trips
from experiments.results.summary import Summary
from topology.errors import InputError
from topology.files import write_whole
from topology.network import Network
from topology.resolved import network_from_dict

RESULTS_DIRECTORY = Path("results")
COMPARISONS = ("one-hop",)
"""Experiments whose summary is a ``Summary``; others have summaries of their own."""

Summarised = TypeVar("Summarised", bound=ResultModel)


class ResultFolder:
    """One result folder. Make it with ``create`` or ``open``."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __repr__(self) -> str:
        return f"ResultFolder({str(self.path)!r})"

    @classmethod
    def create(
        cls,
        manifest: Manifest,
        *,
        parent: Path = RESULTS_DIRECTORY,
        path: Path | None = None,
        subject: str = "",
    ) -> ResultFolder:
        """Make a new folder and write its manifest.

        The folder is ``path``, or ``<parent>/<created>-<experiment>`` with ``-<subject>`` behind it if one is
        given and a number if that exists. Nothing is ever overwritten. Raises ``InputError`` if ``path``
        exists and is not an empty directory, or cannot be made.
        """
        about = f"{manifest.experiment}-{subject}" if subject else manifest.experiment
        wanted = path or parent / f"{re.sub('[-:]', '', manifest.created)}-{about}"
        try:
            folder = cls(_claim(wanted) if path is None else _claim_exactly(wanted))
            folder.write_manifest(manifest)
        except OSError as error:
            raise InputError(
                f"cannot make the result folder: {error.strerror or error}",
                where=str(wanted),
                hint="choose another folder with --output",
            ) from None
        return folder

    @classmethod
    def open(cls, path: Path) -> ResultFolder:
        """An existing folder. Raises ``InputError`` if it is missing, damaged or of a newer version."""
        folder = cls(Path(path))
        if not folder.path.is_dir():
            raise InputError(
                "there is no such result folder",
                where=str(path),
                hint="results lie below results/; 'onehop run' makes a new one",
            )
        _ = folder.manifest
        return folder

    @property
    def manifest(self) -> Manifest:
        """The manifest as it is on disk now."""
        return Manifest.from_json(self._read("manifest.json"), where=self._where("manifest.json"))

    @property
    def summary(self) -> Summary:
        """The summary. Raises ``InputError`` if the run ended before it was written, or is no comparison."""
        if self.manifest.experiment not in COMPARISONS:
            self._read("summary.json")
            raise InputError(
                f"the experiment {self.manifest.experiment!r} has a summary of its own, and no report",
                where=str(self.path),
                hint="read its summary.json",
            )
        return self.summary_as(Summary)

    def summary_as(self, kind: type[Summarised]) -> Summarised:
        """The summary as the experiment's own kind. Raises ``InputError`` if it is missing or no such."""
        return kind.from_json(self._read("summary.json"), where=self._where("summary.json"))

    @property
    def links(self) -> LinkChecks | None:
        """Declared against achieved; ``None`` if the run ended before the links were checked."""
        if not (self.path / "links.json").exists():
            return None
        return LinkChecks.from_json(self._read("links.json"), where=self._where("links.json"))

    def network(self, variant: Variant) -> Network | None:
        """The network as it was measured; ``None`` if the folder has none."""
        name = f"network-{variant}.json"
        if not (self.path / name).exists():
            return None
        text = self._read(name)
        try:
            return network_from_dict(json.loads(text))
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise _damaged(self._where(name), f"no network ({error})") from None

    def round_trips(self, variant: Variant, state: LoadState) -> RoundTrips:
        """The raw round trips by pair, of its last attempt; none if none kept. See ``read_round_trips``."""
        found: RoundTrips = {}
        attempt = 1
        while (path := self.samples_path(variant, state, attempt)).exists():
            found |= read_round_trips(path)
            attempt += 1
        return found

    def samples_path(self, variant: Variant, state: LoadState, attempt: int = 1) -> Path:
        """Where the raw samples of one network and state lie: of all pairs, or of those measured again."""
        return self.path / f"{variant}-{state}{'' if attempt == 1 else f'-{attempt}'}.jsonl"

    def write_manifest(self, manifest: Manifest) -> None:
        """Replace the manifest."""
        self._write("manifest.json", manifest.to_json())

    def update_manifest(self, **changes: Any) -> Manifest:
        """Change fields of the manifest, for instance ``status="complete", finished=utc_now()``."""
        values = self.manifest.model_dump() | changes
        manifest = Manifest.model_validate(values)
        self.write_manifest(manifest)
        return manifest

    def write_network(self, variant: Variant, network: Network) -> None:
        """Keep the network itself, so that the folder can be read without its scenario file."""
        self._write(
            f"network-{variant}.json", json.dumps(network.to_dict(), ensure_ascii=False, indent=1) + "\n"
        )

    def write_links(self, links: LinkChecks) -> None:
        """Replace ``links.json``."""
        self._write("links.json", links.to_json())

    def write_summary(self, summary: ResultModel) -> None:
        """Replace ``summary.json``."""
        self._write("summary.json", summary.to_json())

    def write_report(self, html: str) -> Path:
        """Replace ``report.html``; returns where it is."""
        return self._write("report.html", html)

    def _where(self, name: str) -> str:
        return str(self.path / name)

    def _read(self, name: str) -> str:
        try:
            return (self.path / name).read_text(encoding="utf-8")
        except FileNotFoundError:
            hint = (
                "the run ended before it was written"
                if name == "summary.json"
                else "this is no result folder"
            )
            raise InputError(f"the result folder has no {name}", where=str(self.path), hint=hint) from None
        except (OSError, UnicodeDecodeError) as error:
            raise _damaged(self._where(name), error) from None

    def _write(self, name: str, text: str) -> Path:
        target = self.path / name
        write_whole(target, text, durable=True)
        return target


def _claim(wanted: Path) -> Path:
    """Make ``wanted``, or the first of ``wanted-2``, ``wanted-3``, ... that does not exist."""
    wanted.parent.mkdir(parents=True, exist_ok=True)
    path, number = wanted, 1
    while True:
        try:
            path.mkdir()
            return path
        except FileExistsError:
            number += 1
            path = wanted.with_name(f"{wanted.name}-{number}")


def _claim_exactly(wanted: Path) -> Path:
    wanted.mkdir(parents=True, exist_ok=True)
    if any(wanted.iterdir()):
        raise InputError(
            "the folder is not empty; results are never overwritten",
            where=str(wanted),
            hint="choose another folder with --output, or remove this one",
        )
    return wanted


def _damaged(where: str, why: object) -> InputError:
    return InputError(f"cannot be read: {why}", where=where, hint="the file is damaged; repeat the run")
