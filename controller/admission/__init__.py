"""Admission: which demands get a promise, what the promise takes, and what remains of it when links fail."""

from __future__ import annotations

from controller.admission.admission import Admission, Usage
from controller.admission.contract import contract
from controller.admission.journal import Journal, JournaledAdmission
from controller.admission.standing import Held, Standing, State, standing

__all__ = [
    "Admission",
    "Held",
    "Journal",
    "JournaledAdmission",
    "Standing",
    "State",
    "Usage",
    "contract",
    "standing",
]
