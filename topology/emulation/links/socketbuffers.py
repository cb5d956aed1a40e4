"""Room for the packets of a switch that sends and receives through AF_PACKET sockets.

Open vSwitch's userspace datapath sends on all interfaces through one socket, and a frame counts against that
socket's buffer until the link's queue has let it go. With the kernel's default of 208 KiB, some 90 full
frames, one full queue makes the switch drop frames of every other link, silently, and no queue ever fills as
declared. Each port also receives through a socket of its own, which overflows when the switch is held up for
a few milliseconds. Open vSwitch has no option for either, so the buffers are set from outside.
"""

from __future__ import annotations

import socket

from topology.emulation.links.packetsocket import enlarge
from topology.emulation.links.theirsockets import sockets_of

SEND_BYTES = 256 << 20  # a bound, not an allocation: what waits is bounded by the links' queues
RECEIVE_BYTES = 1 << 20  # some 450 full frames


def enlarge_packet_sockets(pid: int) -> int:
    """Enlarge the buffers of all AF_PACKET sockets a process has open now; how many there were.

    The sending socket of a switch exists only once it has sent a frame. Returns 0 where the kernel does not
    permit this or the process is gone.
    """
    enlarged = 0
    for theirs in sockets_of(pid, socket.AF_PACKET):
        enlarge(theirs, RECEIVE_BYTES)
        enlarge(theirs, SEND_BYTES, sending=True)
        enlarged += 1
    return enlarged
