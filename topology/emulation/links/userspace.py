"""Links in user space: our own delay line, for machines whose kernel has no netem.

The frames pass through one process of our own (``delayline``), started here and asked over a socket pair.
It needs CAP_NET_RAW and nothing else. Frames lost at random are lost whole, also when they are GSO frames of
64 KB; with the offloads of the hosts off, as a lab has them, a frame is a packet.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any

from topology.emulation.links import LinkProperties, Wire
from topology.emulation.links.choosecore import CoreName, core_named
from topology.emulation.links.schedule import Counters
from topology.emulation.links.steering import steer_all
from topology.errors import EmulationError

_ANSWER_SECONDS = 10.0
# Without site-packages (-S), of which it needs nothing, and without the current folder (-P).
_DELAY_LINE = ("-S", "-P", "-m", "topology.emulation.links.delayline")
_ROOT = str(Path(__file__).resolve().parents[3])


class UserspacePipe:
    """A ``Pipe`` by the delay line. Start it from a thread that lives as long: the line dies with it."""

    name = "userspace"

    def __init__(self, core: str = "", *, packets: bool = True) -> None:
        """What carries frames, and how they leave.

        Args:
            core: what carries them, as ``core_named`` has it; raises what that raises.
            packets: they leave as packets with their checksums (``segmentation``), as switches in user space
                and shapers need them. Else segmentation is left to whoever receives, as hosts have it.
        """
        self._packets = packets
        self.core: CoreName = core_named(core)
        self.pid = 0
        self._process: subprocess.Popen[bytes] | None = None
        self._control: socket.socket | None = None
        self._started = False
        self._received = b""
        self._properties: dict[str, LinkProperties] = {}

    def prepare(self) -> None:
        """Start the process, which takes a tenth of a second; see ``Pipe.prepare``."""
        if self._process is not None:
            raise EmulationError("the delay line has been started already")
        self._control, theirs = socket.socketpair()
        self._control.settimeout(_ANSWER_SECONDS)
        search_path = os.pathsep.join(filter(None, (_ROOT, os.environ.get("PYTHONPATH"))))
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, *_DELAY_LINE, str(theirs.fileno()), self.core],
                pass_fds=(theirs.fileno(),),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                env={**os.environ, "PYTHONPATH": search_path},
            )
        self.pid = self._process.pid

    def start(self, wires: Sequence[Wire], seed: int) -> None:
        """Begin to carry frames; see ``Pipe.start``. Raises ``EmulationError``."""
        if self._started or self._process is None:
            self.prepare()
        self._started = True
        try:
            self._properties = {wire.link: wire.properties for wire in wires}
            described = [[wire.link, wire.a, wire.b, asdict(wire.properties)] for wire in wires]
            self._send({"do": "start", "wires": described, "seed": seed, "packets": self._packets})
            # The delay line may move from one processor to another; its own ends it reads in order itself.
            steer_all(but={end for wire in wires for end in (wire.a, wire.b)})
            self._answer()
        except BaseException:
            self.stop()
            raise

    def change(self, link: str, properties: LinkProperties) -> None:
        """Give a running link other properties; see ``Pipe.change``. Frames under way keep their times."""
        if link not in self._properties:
            raise EmulationError(f"the delay line carries no link {link}", where=link)
        self._ask({"do": "change", "link": link, "properties": asdict(properties)})
        self._properties[link] = properties

    def silence(self, link: str, *, forth: bool, back: bool) -> None:
        """Lose every frame one way or both ways, or no longer; see ``Pipe.silence``."""
        if link not in self._properties:
            raise EmulationError(f"the delay line carries no link {link}", where=link)
        self._ask({"do": "silence", "link": link, "silent": [forth, back]})

    def declared(self) -> dict[str, LinkProperties]:
        """What the delay line says it is doing, by link id."""
        return {
            link: LinkProperties.from_dict(entry) for link, entry in self._ask({"do": "declared"}).items()
        }

    def counters(self) -> dict[str, tuple[Counters, Counters]]:
        """What each link has carried since the start: from wire ``a`` to ``b``, and back."""
        answer = self._ask({"do": "counters"})
        return {link: (Counters(**forth), Counters(**back)) for link, (forth, back) in answer.items()}

    def state(self) -> dict[str, Any]:
        """How the process runs: ``priority`` (fifo, nice, plain, below), ``cpu_seconds``, ``lead_us``, ..."""
        return self._ask({"do": "state"})

    def alive(self) -> bool:
        """Whether the delay line carries frames."""
        return self._process is not None and self._process.poll() is None

    def stop(self) -> None:
        """Stop carrying frames; safe to call twice."""
        if self._control is not None:
            self._control.close()  # the delay line ends when it reads the end of the stream
            self._control = None
        if self._process is not None:
            try:
                self._process.wait(timeout=1.0)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
            self._process = None

    def _ask(self, request: dict[str, Any]) -> dict[str, Any]:
        """Send one request and return its answer. Raises ``EmulationError`` where there is none."""
        self._send(request)
        return self._answer()

    def _send(self, request: dict[str, Any]) -> None:
        if self._control is None:
            raise EmulationError("the delay line has not been started")
        try:
            self._control.sendall(json.dumps(request).encode() + b"\n")
        except OSError as error:
            raise self._no_answer(error) from None

    def _answer(self) -> dict[str, Any]:
        assert self._control is not None
        try:
            while b"\n" not in self._received:
                data = self._control.recv(1 << 20)
                if not data:
                    raise ConnectionResetError
                self._received += data
        except OSError as error:
            raise self._no_answer(error) from None
        line, _, self._received = self._received.partition(b"\n")
        answer: dict[str, Any] = json.loads(line)
        if isinstance(answer.get("error"), str):
            raise EmulationError(f"the delay line: {answer['error']}", where=answer.get("link", ""))
        return answer

    def _no_answer(self, error: OSError) -> EmulationError:
        """Why there is none."""
        if isinstance(error, TimeoutError):
            return EmulationError(
                f"the delay line did not answer within {_ANSWER_SECONDS:.0f} s",
                hint="the machine is too busy; stop other work on it",
            )
        return EmulationError(
            f"the delay line has ended{self._how_it_ended()}; all links are dead",
            hint="run again; if it happens again, report it with the output of `onehop doctor`",
        )

    def _how_it_ended(self) -> str:
        code = None
        if self._process is not None:
            with suppress(subprocess.TimeoutExpired):
                code = self._process.wait(timeout=1.0)
        if code is None:
            return ""
        return f", killed by {signal.Signals(-code).name}" if code < 0 else f" with exit code {code}"
