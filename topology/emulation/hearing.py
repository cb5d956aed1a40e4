"""What a switch process hears of interfaces: of its own, not of everybody's.

Where each site has a switch process of its own, all of them share a network namespace, and the kernel tells
each of every change of every interface there (rtnetlink(7)). With n sites a cut link then wakes n processes,
which each look at all their ports and routes anew: the work grows with the square of n, and the ends of the
link may be the last to notice. So a filter is put on the sockets by which a switch listens; the kernel asks
it before it queues a message (``do_one_broadcast`` in net/netlink/af_netlink.c).

A switch listens to the hosts' namespaces as well (``NETLINK_LISTEN_ALL_NSID``), and messages do not say in
which of them an index means something. So what happens to an interface of the same index in a host still
passes; the loopback, which has the same index everywhere, had better not be named.
"""

from __future__ import annotations

import socket
import struct
from collections.abc import Iterable, Sequence

from topology.emulation.links.packetsocket import GIVE, JUMP_IF_EQUAL, LOAD_WORD, attach_filter
from topology.emulation.links.theirsockets import sockets_of

_SOL_NETLINK, _LIST_MEMBERSHIPS = 270, 9
_GROUP_OF_LINKS = 1 << 0  # RTNLGRP_LINK is number 1
_INDEX_AT = 20  # in struct ifinfomsg and struct ifaddrmsg alike, behind the 16 bytes of struct nlmsghdr
_WHOLE = 0xFFFFFFFF


def hear_only_of(pid: int, interfaces: Iterable[int]) -> int:
    """Let a process hear of these interfaces only, by index, not of those named before; on how many sockets.

    0 where the kernel does not permit it or the process does not listen; it then hears of all.
    """
    return _attach(pid, listening_program(interfaces))


def hear_all(pid: int) -> int:
    """Let a process hear of every interface again; on how many sockets."""
    return _attach(pid, [(GIVE, 0, 0, _WHOLE)])


def listening_program(interfaces: Iterable[int]) -> list[tuple[int, int, int, int]]:
    """Classic BPF that lets messages about some interfaces pass. Pure, but for this machine's byte order."""
    program = [(LOAD_WORD, 0, 0, _INDEX_AT)]
    for index in interfaces:
        # The kernel writes the index in its own order; the filter loads it as if it came from a network.
        (loaded,) = struct.unpack("!I", struct.pack("=I", index))
        program += [(JUMP_IF_EQUAL, 0, 1, loaded), (GIVE, 0, 0, _WHOLE)]
    return [*program, (GIVE, 0, 0, 0)]


def _attach(pid: int, program: Sequence[tuple[int, int, int, int]]) -> int:
    filtered = 0
    for theirs in sockets_of(pid, socket.AF_NETLINK):
        groups = theirs.getsockopt(_SOL_NETLINK, _LIST_MEMBERSHIPS, 64)  # a bitmap in words of 32 bits
        if groups and struct.unpack_from("=I", groups)[0] & _GROUP_OF_LINKS:
            attach_filter(theirs, program)
            filtered += 1
    return filtered
