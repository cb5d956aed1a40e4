"""A worker process: tasks come in on one connection and outcomes go back, until the connection closes.

Started as a file, with nothing of the project imported, so that it depends on no ``__main__`` and on no fork.
"""

from __future__ import annotations

import json
import os
import sys
from contextlib import suppress
from multiprocessing.connection import Connection

READY = b"ready"
FUNCTION = b"f"
ITEM = b"i"


def main() -> None:
    """Arguments: the descriptor of the connection and the parent's process id."""
    connection: Connection[bytes, bytes] = Connection(int(sys.argv[1]))
    sys.path[:] = json.loads(connection.recv_bytes())
    if sys.platform == "linux":
        from topology.emulation.cell import die_with_parent

        die_with_parent()
    if os.getppid() != int(sys.argv[2]):
        return  # the parent was gone before we asked to go with it
    from experiments.proposals.sweep.task import perform

    connection.send_bytes(READY)
    function = b""
    while True:
        message = connection.recv_bytes()
        if message[:1] == FUNCTION:
            function = message[1:]
        else:
            connection.send_bytes(perform(function, message[1:]))


if __name__ == "__main__":
    with suppress(EOFError, BrokenPipeError):  # the parent wants no more
        main()
