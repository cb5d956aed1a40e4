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
from typing import TYPE_CHECKING

from topology.emulation.layout import Layout
from topology.errors import InputError, OneHopError
from topology.network import Network

if TYPE_CHECKING:  # imported when needed: together they take most of a second
    from controller.events import Events
    from controller.northbound.feed import EventFeed
    from controller.northbound.interface import Interface
    from controller.tls import TlsFiles

DEFAULT_LISTEN = "127.0.0.1:6653"
DEFAULT_HTTP = "127.0.0.1:8653"
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
            tls = _tls_files(options)
            network = _load(options.scenario, options.resolved)
            http = _interface(options)
            return _serve(network, host, port, descriptor, state=options.state, tls=tls, http=http)
    except OneHopError as error:
        print(error, file=sys.stderr)
        return error.exit_code


def address(text: str, where: str = "--listen", example: str = DEFAULT_LISTEN) -> tuple[str, int]:
    """``127.0.0.1:6653`` or ``[::1]:6653`` as host and port. Raises ``InputError``."""
    host, _, port = text.rpartition(":")
    host = host.removeprefix("[").removesuffix("]")
    if not host or not port.isdecimal() or int(port) > 65535:
        raise InputError(f"{text!r} is no address and port", where=where, hint=f"for example {example}")
    return host, int(port)


def _serve(
    network: Network,
    host: str,
    port: int,
    descriptor: int,
    *,
    state: Path | None,
    tls: TlsFiles | None,
    http: Interface | None,
) -> int:
    from controller.events import EventStream
    from controller.service import ControllerService

    events = EventStream(descriptor)
    feed = _feed(events) if http is not None else None
    service = ControllerService(network, Layout.of(network), feed or events, state=state)
    service.start(host, port, tls)
    # After the switches, which need not wait for it.
    northbound = http.serve(service, feed) if http is not None and feed is not None else None
    gc.freeze()  # what is here now stays; searching it for garbage would delay a repair by some 40 ms
    signal.sigwait(STOP_SIGNALS)
    # Nothing below should ever take long; if it does, the process still ends.
    last_resort = threading.Timer(_LAST_RESORT_SECONDS, os._exit, (0,))
    last_resort.daemon = True
    last_resort.start()
    if northbound is not None:
        northbound.stop()
    service.stop()
    events.close()
    return 0


def _feed(events: Events) -> EventFeed:
    from controller.northbound.feed import EventFeed

    return EventFeed(events)


def _interface(options: argparse.Namespace) -> Interface | None:
    if options.http is None and options.http_fd is None:
        for name in ("http_anywhere", "http_token_file"):
            if getattr(options, name):
                option = "--" + name.replace("_", "-")
                raise InputError(f"{option} without --http", where=option, hint=f"add --http {DEFAULT_HTTP}")
        return None
    from controller.northbound.interface import Interface

    if options.http_fd is not None:
        return Interface.inherited(options.http_fd, options.http_anywhere, options.http_token_file)
    host, port = address(options.http, "--http", DEFAULT_HTTP)
    return Interface.prepared(host, port, anywhere=options.http_anywhere, token_file=options.http_token_file)


def _tls_files(options: argparse.Namespace) -> TlsFiles | None:
    files = {f"--tls-{name}": getattr(options, f"tls_{name}") for name in ("key", "cert", "ca")}
    missing = [option for option, file in files.items() if file is None]
    if len(missing) == len(files) and not options.tls_bind_dpid:
        return None
    if missing:
        raise InputError(
            f"{' and '.join(missing)} missing",
            where=missing[0],
            hint="TLS takes the controller's key and certificate, and the authority of the switches'",
        )
    from controller.tls import TlsFiles

    return TlsFiles(options.tls_key, options.tls_cert, options.tls_ca, options.tls_bind_dpid)


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
        help="keep the reservations in FILE; the scenario's demands are asked for only if it is new",
    )
    tls = parser.add_argument_group(
        "TLS for switches", "they must show a certificate, too; needs all three files"
    )
    tls.add_argument("--tls-key", type=Path, metavar="FILE", help="the controller's private key, PEM")
    tls.add_argument("--tls-cert", type=Path, metavar="FILE", help="its certificate, PEM")
    tls.add_argument(
        "--tls-ca", type=Path, metavar="FILE", help="authority of the switches' certificates, PEM"
    )
    tls.add_argument(
        "--tls-bind-dpid",
        action="store_true",
        help="a certificate must name the datapath ids it speaks for (URI dpid:HEX)",
    )
    http = parser.add_argument_group("HTTP interface", "see docs/northbound.md")
    http.add_argument("--http", metavar="HOST:PORT", help=f"serve it there, for example {DEFAULT_HTTP}")
    http.add_argument(
        "--http-fd", type=int, metavar="N", help="serve it on this inherited socket, which listens already"
    )
    http.add_argument(
        "--http-token-file",
        type=Path,
        metavar="FILE",
        help="token for whatever changes something; made if there is none. Without it one is printed",
    )
    http.add_argument(
        "--http-anywhere", action="store_true", help="let --http name an address that others can reach"
    )
    parser.add_argument("--die-with-parent", action="store_true", help="end when the starting process ends")
    parser.add_argument("--verbose", action="store_true", help="log more")
    return parser
