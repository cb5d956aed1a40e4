"""Command line of the controller process: load the scenario, serve until a signal comes, end cleanly.

Exit codes: 0 after SIGTERM, SIGINT or SIGHUP; those of ``topology.errors`` otherwise.
"""

from __future__ import annotations

import argparse
import contextlib
import gc
import logging
import os
import signal
import sys
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path

from topology.emulation.layout import Layout
from topology.errors import InputError, OneHopError
from topology.network import Network

DEFAULT_LISTEN = "127.0.0.1:6653"
STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
_LAST_RESORT_SECONDS = 2.0


def main(arguments: Sequence[str]) -> int:
    """Run the controller until a signal comes. The stop signals must be blocked by the caller."""
    options = _parser().parse_args(arguments)
    logging.basicConfig(
        stream=sys.stderr,
        level=logging.DEBUG if options.verbose else logging.INFO,
        format="%(asctime)s.%(msecs)03d %(levelname).1s %(message)s",
        datefmt="%H:%M:%S",
    )
    if options.die_with_parent:
        from topology.emulation.cell import die_with_parent

        die_with_parent()
    try:
        host, port = address(options.listen)
        with _open_events(options.events) as descriptor:
            network = _load(options.scenario, options.resolved)
            return _serve(network, host, port, descriptor, state=options.state)
    except OneHopError as error:
        print(error, file=sys.stderr)
        return error.exit_code


def address(text: str) -> tuple[str, int]:
    """``127.0.0.1:6653`` or ``[::1]:6653`` as host and port. Raises ``InputError``."""
    host, _, port = text.rpartition(":")
    host = host.removeprefix("[").removesuffix("]")
    if not host or not port.isdecimal() or int(port) > 65535:
        raise InputError(
            f"{text!r} is no address and port", where="--listen", hint=f"for example {DEFAULT_LISTEN}"
        )
    return host, int(port)


def _serve(network: Network, host: str, port: int, descriptor: int, *, state: Path | None) -> int:
    from controller.events import EventStream
    from controller.service import ControllerService

    events = EventStream(descriptor)
    service = ControllerService(network, Layout.of(network), events, state=state)
    service.start(host, port)
    gc.freeze()  # what is here now stays; searching it for garbage would delay a repair by some 40 ms
    signal.sigwait(STOP_SIGNALS)
    # Nothing below should ever take long; if it does, the process still ends.
    last_resort = threading.Timer(_LAST_RESORT_SECONDS, os._exit, (0,))
    last_resort.daemon = True
    last_resort.start()
    service.stop()
    events.close()
    return 0


def _load(scenario: str, resolved: bool) -> Network:
    if resolved:
        from topology.resolved import read_network

        return read_network(Path(scenario))
    from topology.scenario import load

    return load(scenario)


@contextlib.contextmanager
def _open_events(place: str) -> Iterator[int]:
    if place == "-":
        yield sys.stdout.fileno()
        return
    try:
        descriptor = os.open(Path(place), os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    except OSError as error:
        raise InputError(f"cannot write {place}: {error.strerror}", where="--events") from None
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m controller",
        description="Route a scenario over OpenFlow 1.3 switches (an os-ken application).",
        epilog="Example: python -m controller tiny --listen 127.0.0.1:6653",
    )
    parser.add_argument("scenario", help="a scenario's file or name")
    parser.add_argument(
        "--resolved",
        action="store_true",
        help="SCENARIO is the JSON of a resolved network (scenario show --json)",
    )
    parser.add_argument("--listen", default=DEFAULT_LISTEN, metavar="HOST:PORT", help="default %(default)s")
    parser.add_argument(
        "--events", default="-", metavar="FILE", help="where events go, one JSON object a line; - is stdout"
    )
    parser.add_argument(
        "--state",
        type=Path,
        metavar="FILE",
        help="keep the reservations in FILE: what it holds is taken up, the scenario's demands only if it is new",
    )
    parser.add_argument("--die-with-parent", action="store_true", help="end when the starting process ends")
    parser.add_argument("--verbose", action="store_true", help="log more")
    return parser
