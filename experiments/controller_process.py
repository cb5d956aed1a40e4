"""The controller as a process beside the lab.

It is an ordinary OpenFlow 1.3 controller; the lab only reads the events it writes (``controller.events``).
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from experiments.event_process import EventProcess


class ControllerProcess(EventProcess):
    """``python -m controller`` in the current network namespace. Use as a context manager.

    Args:
        network: JSON file of the resolved network.
        log: where its log goes; the last lines are quoted when it fails.
        address: IPv4 address on which it listens for switches.
        options: further options.
        descriptors: open files it inherits.
    """

    def __init__(
        self,
        network: Path,
        log: Path,
        *,
        address: str = "127.0.0.1",
        port: int = 6653,
        options: Sequence[str] = (),
        descriptors: Sequence[int] = (),
    ) -> None:
        command = [
            *(sys.executable, "-m", "controller", str(network), "--resolved"),
            *("--listen", f"{address}:{port}", "--events", "-", "--die-with-parent"),
            *options,
        ]
        super().__init__(
            "the controller", command, log, loss="; nothing would repair the routes", descriptors=descriptors
        )
