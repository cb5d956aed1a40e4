"""``onehop controller``: the Ryu (os-ken) controller alone, for switches of one's own."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import click

from topology.scenario import load

_FILE = click.Path(path_type=Path, dir_okay=False)


@click.command()
@click.argument("scenario")
@click.option("--listen", default="127.0.0.1:6653", show_default=True, help="Address and port for switches.")
@click.option(
    "--state", type=_FILE, help="Keep the reservations in this file, so that they outlive a restart."
)
@click.option("--http", metavar="HOST:PORT", help="Serve the HTTP interface there (docs/northbound.md).")
@click.option("--http-token-file", type=_FILE, help="Token for changes; made if it does not exist.")
@click.option("--http-anywhere", is_flag=True, help="Let --http name an address that others can reach.")
@click.option("--tls-key", type=_FILE, help="TLS for switches: the controller's private key (PEM),")
@click.option("--tls-cert", type=_FILE, help="its certificate (PEM),")
@click.option("--tls-ca", type=_FILE, help="and the authority that signs the switches' certificates (PEM).")
@click.option(
    "--tls-bind-dpid", is_flag=True, help="Certificates must name their datapath ids (URI dpid:HEX)."
)
def command(scenario: str, **options: Any) -> int:
    """Run the controller of a scenario alone; any OpenFlow 1.3 switch with its datapath id may connect.

    Events go to stdout, one JSON object a line; Ctrl-C ends it.

    \b
    Examples:
      onehop controller tiny --listen 0.0.0.0:6653
      onehop controller tiny-deterministic --http 127.0.0.1:8653 --http-token-file token
      onehop controller tiny --tls-key key.pem --tls-cert cert.pem --tls-ca ca.pem
    """
    load(scenario)
    arguments = [scenario, "--events", "-"]
    for name, value in options.items():
        if value is not None and value is not False:
            arguments += ["--" + name.replace("_", "-"), *([] if value is True else [str(value)])]
    sys.stdout.flush()
    os.execv(sys.executable, [sys.executable, "-m", "controller", *arguments])
