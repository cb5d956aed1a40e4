"""``onehop controller``: the Ryu (os-ken) controller alone, for switches of one's own."""

from __future__ import annotations

import os
import sys

import click

from topology.scenario import load


@click.command()
@click.argument("scenario")
@click.option("--listen", default="127.0.0.1:6653", show_default=True, help="Address and port for switches.")
def command(scenario: str, listen: str) -> int:
    """Run the controller of a scenario alone; any OpenFlow 1.3 switch with its datapath id may connect.

    Events go to stdout, one JSON object a line; Ctrl-C ends it.

    \b
    Example:
      onehop controller tiny --listen 0.0.0.0:6653
    """
    load(scenario)
    sys.stdout.flush()
    os.execv(
        sys.executable, [sys.executable, "-m", "controller", scenario, "--listen", listen, "--events", "-"]
    )
