"""HiGHS says nothing: whatever it printed would stand in the midst of our JSON."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_a_solver_prints_nothing() -> None:
    program = (
        "from controller.highs import solver\n"
        "made = solver('a test')\n"
        "made.addVariable(0.0, 1.0)\n"
        "made.run()\n"
        "print('end')\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert (done.stdout, done.stderr) == ("end\n", "")
