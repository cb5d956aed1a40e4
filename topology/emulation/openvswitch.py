"""A private Open vSwitch: our own ovsdb-server and ovs-vswitchd, below a directory of our own.

The machine's OVS service, its database and its bridges are never touched: the OVS tools find their sockets
through the environment variables of ovs-vswitchd(8) (``OVS_RUNDIR`` and its like), and those point here. Both
daemons run in the foreground as our children, in the network namespace of the caller, and die with the cell;
outside one, with the thread that started them. Whether a bridge uses the kernel or the userspace datapath is
the bridge's own affair (``datapath_type`` ``system`` or ``netdev``).
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import resource
import shutil
import signal
import subprocess
import time
import uuid
from collections.abc import Iterable, Sequence
from functools import cache
from pathlib import Path
from types import TracebackType

from topology.emulation.cell import CELL_RUNTIME, inside_cell
from topology.errors import EmulationError, MachineError

DEFAULT_RUNDIR = CELL_RUNTIME / "ovs"
_START_SECONDS = 20.0
_COMMAND_SECONDS = 60
_CHECK_SECONDS = 0.5  # how often a command that waits makes sure that there is somebody to wait for
_PROGRAMS = ("ovsdb-server", "ovs-vswitchd", "ovs-vsctl", "ovs-ofctl", "ovs-appctl")
_SCHEMA_PLACES = ("/usr/share/openvswitch", "/usr/local/share/openvswitch")
_INSTALL_HINT = "apt-get install openvswitch-switch"
# Not by a function between fork and exec: for that Python copies its own page tables, once for every daemon.
# In a cell everything dies with the first process.
_DIE_WITH_US = ("setpriv", "--pdeathsig", "KILL")
_ONLY_CONSOLE = ("-vsyslog:off", "-vfile:off", "-vconsole:info")  # the console is our log file


class OpenVSwitch:
    """One ovsdb-server and one ovs-vswitchd. A context manager; ``stop`` may be called twice.

    Args:
        rundir: where its sockets, database and logs are.
        options: further options of ovs-vswitchd.

    Attributes:
        environment: what a process must have in its environment for the OVS tools to find this instance.
    """

    def __init__(self, rundir: Path = DEFAULT_RUNDIR, options: Sequence[str] = ()) -> None:
        self.rundir = rundir
        self._options = tuple(options)
        place = str(rundir)
        self.environment: dict[str, str] = {
            "OVS_RUNDIR": place,
            "OVS_LOGDIR": place,
            "OVS_DBDIR": place,
            "OVS_SYSCONFDIR": place,
        }
        self._daemons: dict[str, subprocess.Popen[bytes]] = {}

    def __enter__(self) -> OpenVSwitch:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def start(self) -> None:
        """Start both daemons with an empty database; returns when bridges can be created.

        Raises ``MachineError`` if Open vSwitch is not installed, ``EmulationError`` if a daemon fails, with
        the last lines of its log.
        """
        self.begin()
        try:
            self.finish()
        except BaseException:
            self.stop()
            raise

    def begin(self, database: Path | None = None) -> None:
        """Start ovsdb-server and return at once; ``finish`` does the rest. For starting many together.

        Args:
            database: an empty database to copy (``empty_database``), which is quicker than making one.
        """
        if missing := _missing_programs(os.environ.get("PATH")):
            raise MachineError(f"Open vSwitch is not installed: no {', '.join(missing)}", hint=_INSTALL_HINT)
        try:
            self.rundir.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise MachineError(
                f"cannot create {self.rundir}: {error.strerror}", hint="Open vSwitch needs root"
            ) from None
        for left_over in self.rundir.iterdir():  # of an instance that was killed
            if left_over.is_socket() or left_over.suffix in {".pid", ".db", ".ctl", ".mgmt", ".snoop"}:
                left_over.unlink()
        own = self.rundir / "conf.db"
        if database is None:
            empty_database(own)
        else:
            shutil.copyfile(database, own)
        self._spawn("ovsdb-server", str(own), f"--remote=punix:{self.database_socket}", "--pidfile")

    def finish(self) -> None:
        """Start ovs-vswitchd once its database answers. Raises ``EmulationError`` if that does not come."""
        self._wait_for(self.database_socket)
        self.revive_switch()

    def stop(self) -> None:
        """End both daemons and wait until they have gone."""
        self.kill()
        for daemon in self._daemons.values():
            daemon.wait()
        self._daemons.clear()

    def kill_switch(self) -> None:
        """End ovs-vswitchd as a crash would; the database stays, for ``revive_switch``."""
        daemon = self._daemons.pop("ovs-vswitchd")  # first: ``check`` shall not call it a fault
        daemon.kill()
        daemon.wait()

    def revive_switch(self) -> None:
        """Start ovs-vswitchd again; it makes the bridges anew, with the flows still to come."""
        self._spawn("ovs-vswitchd", f"unix:{self.database_socket}", "--pidfile", *self._options)

    @property
    def switch_pid(self) -> int:
        """Process id of ovs-vswitchd. Raises ``KeyError`` before ``start``."""
        return self._daemons["ovs-vswitchd"].pid

    @property
    def database_pid(self) -> int:
        """Process id of ovsdb-server. Raises ``KeyError`` before ``start``."""
        return self._daemons["ovsdb-server"].pid

    def kill(self) -> None:
        """End both daemons without waiting. Nothing is worth a graceful end: the database is private and
        temporary, and bridges of the kernel datapath go with the network namespace.
        """
        for daemon in reversed(self._daemons.values()):
            daemon.kill()

    def vsctl(self, *arguments: str) -> str:
        """Run ``ovs-vsctl`` here and return what it prints. Raises ``EmulationError`` if it fails."""
        return self._run(["ovs-vsctl", f"--timeout={_COMMAND_SECONDS}", *arguments])

    def ofctl(self, *arguments: str, stdin: str | None = None) -> str:
        """Run ``ovs-ofctl`` with OpenFlow 1.3 and return what it prints. Raises ``EmulationError``."""
        return self._run(["ovs-ofctl", "-O", "OpenFlow13", *arguments], stdin)

    def appctl(self, *arguments: str) -> str:
        """Ask ovs-vswitchd through ``ovs-appctl`` and return its answer. Raises ``EmulationError``."""
        return self._run(["ovs-appctl", f"--timeout={_COMMAND_SECONDS}", *arguments])

    def transaction(self, commands: Iterable[Sequence[str]]) -> str:
        """Run many ``ovs-vsctl`` commands as one transaction: all or none, and one reconfiguration."""
        arguments: list[str] = []
        for command in commands:
            arguments += ["--", *command]
        return self.vsctl(*arguments) if arguments else ""

    @property
    def pids(self) -> list[int]:
        """Process ids of the daemons that should be running."""
        return [daemon.pid for daemon in list(self._daemons.values())]

    def check(self) -> None:
        """Raise ``EmulationError`` if a daemon has died by itself."""
        for name, daemon in list(self._daemons.items()):
            if daemon.poll() is not None:
                raise EmulationError(
                    f"{name} of {self.rundir.name} {how_it_ended(daemon.returncode)}",
                    hint=f"its log ends: {self._last_lines(name)}",  # the log itself goes with the cell
                )

    def _spawn(self, name: str, *arguments: str) -> None:
        with self._log(name).open("wb") as log:
            daemon = subprocess.Popen(
                [*(() if inside_cell() else _DIE_WITH_US), name, *arguments, *_ONLY_CONSOLE],
                env={**os.environ, **self.environment},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                process_group=0,  # a Ctrl-C in the terminal is for us, not for the network
            )
        self._daemons[name] = daemon
        # Each bridge and each port costs descriptors; the usual soft limit of 1024 ends at about 60 bridges.
        with contextlib.suppress(ValueError, OSError):
            _soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
            resource.prlimit(daemon.pid, resource.RLIMIT_NOFILE, (hard, hard))

    def _run(self, command: list[str], stdin: str | None = None) -> str:
        # It reads from a file in memory: ``communicate`` can be repeated only if it has nothing to send.
        with os.fdopen(os.memfd_create("words"), "wb+") as words:
            words.write((stdin or "").encode())
            words.seek(0)
            done = subprocess.Popen(
                command,
                env={**os.environ, **self.environment},
                stdin=words,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
                errors="replace",
            )
        with done:
            try:
                said, complained = self._hear_out(done, command)
            except BaseException:
                done.kill()
                raise
        # ovs-vsctl succeeds even if ovs-vswitchd could not do what the database now says.
        if done.returncode != 0 or "Error detected while setting up" in complained:
            self.check()
            reason = (complained or said).strip() or f"status {done.returncode}, and no word"
            raise EmulationError(f"{command[0]} failed: {reason}", where=_shortened(command))
        return said

    def _hear_out(self, tool: subprocess.Popen[str], command: list[str]) -> tuple[str, str]:
        """What a tool says on stdout and stderr, while the daemons that it may wait for live."""
        deadline = time.monotonic() + _COMMAND_SECONDS + 5
        while time.monotonic() < deadline:
            try:
                return tool.communicate(timeout=_CHECK_SECONDS)
            except subprocess.TimeoutExpired:
                self.check()
        raise EmulationError(
            f"{command[0]} did not answer within {_COMMAND_SECONDS + 5} s", where=_shortened(command)
        )

    def _wait_for(self, socket: Path) -> None:
        deadline = time.monotonic() + _START_SECONDS
        while not socket.exists():
            self.check()
            if time.monotonic() > deadline:
                raise EmulationError(
                    f"ovsdb-server did not open {socket.name} within {_START_SECONDS:.0f} s: "
                    f"{self._last_lines('ovsdb-server')}",
                    where=str(self._log("ovsdb-server")),
                )
            time.sleep(0.002)

    @property
    def database_socket(self) -> Path:
        """Where its database listens."""
        return self.rundir / "db.sock"

    def _log(self, name: str) -> Path:
        return self.rundir / f"{name}.log"

    def _last_lines(self, name: str, count: int = 5) -> str:
        try:
            lines = self._log(name).read_text(errors="replace").splitlines()
        except OSError:
            return "no log"
        return " | ".join(lines[-count:]) or "an empty log"


@cache
def _missing_programs(path: str | None) -> list[str]:
    return [program for program in _PROGRAMS if shutil.which(program, path=path) is None]


def empty_database(path: Path) -> None:
    """Make a database with the one row that ovs-vswitchd expects, as ``ovsdb-tool create`` and ``ovs-vsctl
    init`` would: a file of records, the schema and a transaction (ovsdb(5), standalone database files).
    """
    row = {"_comment": "onehop", "_date": 0, "Open_vSwitch": {str(uuid.UUID(int=1)): {}}}
    try:
        schema = json.loads(_schema().read_bytes())
        path.write_bytes(_record(schema) + _record(row))
    except (OSError, ValueError) as error:
        raise EmulationError(
            f"no database for Open vSwitch could be made: {error}", where=str(path)
        ) from None


def _record(value: object) -> bytes:
    """One record of a database file: a line with its length and SHA-1, then JSON."""
    text = json.dumps(value, separators=(",", ":")).encode() + b"\n"
    return f"OVSDB JSON {len(text)} {hashlib.sha1(text, usedforsecurity=False).hexdigest()}\n".encode() + text


def _schema() -> Path:
    places = (os.environ.get("OVS_PKGDATADIR", ""), *_SCHEMA_PLACES)
    for place in filter(None, places):
        schema = Path(place) / "vswitch.ovsschema"
        if schema.exists():
            return schema
    raise MachineError(
        f"vswitch.ovsschema is not in {' or '.join(_SCHEMA_PLACES)}",
        hint=f"{_INSTALL_HINT}; or set OVS_PKGDATADIR",
    )


def how_it_ended(code: int) -> str:
    """The end of a process in words, from its return code as ``subprocess`` tells it."""
    if code < 0:
        return f"was killed by {signal.Signals(-code).name}"
    return f"ended with exit code {code}"


def _shortened(command: list[str], limit: int = 200) -> str:
    text = " ".join(command)
    return text if len(text) <= limit else text[: limit - 3] + "..."
