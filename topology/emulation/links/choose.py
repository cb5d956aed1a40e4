"""Which pipe this machine can run: netem where the kernel has it, else our own delay line."""

from __future__ import annotations

from topology.emulation.links import Pipe
from topology.emulation.links.netem import NetemPipe, probe
from topology.emulation.links.userspace import UserspacePipe
from topology.errors import InputError, MachineError

PREFERENCES = ("auto", "netem", "userspace")


def probe_netem() -> tuple[bool, str]:
    """Whether the kernel offers what the netem pipe needs, and why not; needs CAP_NET_ADMIN.

    It tries on a scratch pair of interfaces in the current network namespace and removes it again.
    """
    reason = probe()
    return not reason, reason


def pipe_for(preference: str = "auto") -> Pipe:
    """A pipe, not started, by preference: ``auto``, ``netem`` or ``userspace``.

    Raises ``InputError`` for any other word and ``MachineError`` where netem is asked for and missing.
    """
    if preference not in PREFERENCES:
        raise InputError(f"no link emulation is called {preference}", hint=f"one of {', '.join(PREFERENCES)}")
    if preference == "userspace":
        return UserspacePipe()
    available, reason = probe_netem()
    if available:
        return NetemPipe()
    if preference == "netem":
        raise MachineError(
            f"netem cannot be used here: {reason}",
            hint="install the kernel's extra modules (Ubuntu: linux-modules-extra-$(uname -r)),"
            " or choose userspace",
        )
    return UserspacePipe()
