"""Where calibrations are kept: one file per machine and realisation, for every user to read."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from experiments.capability.machine import machine_now, realised_by, switched_by
from experiments.results.calibration import CALIBRATION_VERSION, Calibration
from topology.errors import InputError, MachineError
from topology.files import write_whole

STATE_VARIABLE = "ONEHOP_STATE"
_DEFAULT = Path("/var/lib/onehop")  # variable state of programs: Filesystem Hierarchy Standard 3.0, 5.8


@dataclass(frozen=True, slots=True)
class Kept:
    """What is known of this machine.

    Attributes:
        calibration: what holds now; ``None`` if nothing does.
        why_not: a phrase why, if a calibration is there but holds no more; empty if there is none at all.
    """

    calibration: Calibration | None
    why_not: str = ""


def state_directory() -> Path:
    """``$ONEHOP_STATE``, or ``/var/lib/onehop``."""
    named = os.environ.get(STATE_VARIABLE)
    return Path(named) if named else _DEFAULT


def path_for(pipe: str, datapath: str) -> Path:
    """Where the calibration of this machine is kept, with links and switches as a lab would take them."""
    return state_directory() / f"calibration-{realised_by(pipe)}-{switched_by(datapath)}.json"


def keep(calibration: Calibration) -> Path:
    """Write a calibration, atomically. Raises ``MachineError`` where that cannot be."""
    path = path_for(calibration.machine.pipe, calibration.machine.datapath)
    try:
        path.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
        write_whole(path, calibration.to_json())
    except OSError as error:
        raise MachineError(
            f"the calibration cannot be kept: {error.strerror or error}",
            where=str(path),
            hint=f"name another folder in {STATE_VARIABLE}",
        ) from None
    return path


def kept(pipe: str = "auto", datapath: str = "auto") -> Kept:
    """The calibration that holds for this machine now. Never raises: a damaged file holds nothing."""
    path = path_for(pipe, datapath)
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return Kept(None)
    try:
        calibration = Calibration.from_json(text, where=str(path))
    except InputError:
        return Kept(None, f"{path} cannot be read by this version")
    if calibration.calibration_version != CALIBRATION_VERSION:
        return Kept(None, "it was made by another version")
    differences = calibration.machine.differences(machine_now(pipe, datapath))
    return Kept(None, "; ".join(differences)) if differences else Kept(calibration)
