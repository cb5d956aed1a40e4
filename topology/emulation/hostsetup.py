"""The network of a site's host: its address, its default route, and packets of real size.

All over sockets opened in the host's namespace: rtnetlink(7) and the ethtool ioctl. Asking the host's shell
for it would take two processes a site, ``ip`` and ``ethtool``.
"""

from __future__ import annotations

import array
import errno
import fcntl
import os
import socket
import struct
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from topology.emulation.interfaces import interface_index
from topology.emulation.layout import SiteLayout
from topology.emulation.namespaces import inside_network
from topology.errors import EmulationError

_NLMSG_ERROR = 2
_RTM_NEWLINK, _RTM_NEWADDR, _RTM_NEWROUTE = 16, 20, 24
_REQUEST, _ACKNOWLEDGE, _CREATE, _EXCLUSIVE = 0x1, 0x4, 0x400, 0x200
_IFA_ADDRESS, _IFA_LOCAL, _RTA_GATEWAY = 1, 2, 5
_IFF_UP = 1
_LOOPBACK = 1  # its index in every network namespace
_MAIN_TABLE, _BY_BOOT, _UNICAST = 254, 3, 1  # rtnetlink(7): what ``ip route add`` asks for

_SIOCETHTOOL = 0x8946
_OFFLOADS = {  # ethtool.h: ETHTOOL_S..., one word each, 0 for off
    "checksums of what is received": 0x15,
    "checksums of what is sent": 0x17,
    "scatter and gather": 0x19,
    "TCP segmentation": 0x1F,
    "segmentation": 0x24,
    "receiving many as one": 0x2C,
}

_header = struct.Struct("=IHHII")
_error = struct.Struct("=i")


def set_up_host(namespace: str, site: SiteLayout) -> None:
    """Give a host its network, in its namespace (``/proc/1234/ns/net``). Raises ``EmulationError``.

    Offloads are off, so that a packet on the wire is one packet to the shaper, the pipe and the capture. IPv6
    is off because its neighbour chatter would be dropped by the switches and confuse captures.
    """
    try:
        with inside_network(namespace):
            ask = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, socket.NETLINK_ROUTE)
            with ask, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as handle:
                switch_ipv6_off("all")
                _offloads_off(handle, site.host_interface)
                _ask(ask, _messages(site, interface_index(handle, site.host_interface)))
    except OSError as error:
        raise EmulationError(f"the host of {site.site} cannot be set up: {error.strerror}") from None


def switch_ipv6_off(interfaces: str) -> None:
    """In the namespace of the calling thread: on ``all`` interfaces, or on those to come (``default``)."""
    with suppress(FileNotFoundError):  # a kernel without it
        Path(f"/proc/sys/net/ipv6/conf/{interfaces}/disable_ipv6").write_text("1")


def _messages(site: SiteLayout, interface: int) -> list[tuple[int, int, bytes]]:
    """Type, flags and body of each request, in order."""
    address = socket.inet_aton(site.host_ip)
    to_create = _CREATE | _EXCLUSIVE
    return [
        (_RTM_NEWLINK, 0, _up(_LOOPBACK)),
        (
            _RTM_NEWADDR,
            to_create,
            struct.pack("=BBBBI", socket.AF_INET, site.prefix_length, 0, 0, interface)
            + _attribute(_IFA_LOCAL, address)
            + _attribute(_IFA_ADDRESS, address),
        ),
        (_RTM_NEWLINK, 0, _up(interface)),
        (
            _RTM_NEWROUTE,
            to_create,
            struct.pack("=8BI", socket.AF_INET, 0, 0, 0, _MAIN_TABLE, _BY_BOOT, 0, _UNICAST, 0)
            + _attribute(_RTA_GATEWAY, socket.inet_aton(site.gateway_ip)),
        ),
    ]


def _up(interface: int) -> bytes:
    """``struct ifinfomsg`` that sets an interface up and leaves its other flags."""
    return struct.pack("=BxHiII", socket.AF_UNSPEC, 0, interface, _IFF_UP, _IFF_UP)


def _attribute(kind: int, value: bytes) -> bytes:
    """``struct rtattr`` with its value; ours are of four bytes, and so aligned."""
    return struct.pack("=HH", 4 + len(value), kind) + value


def _ask(ask: socket.socket, messages: Sequence[tuple[int, int, bytes]]) -> None:
    """Send all requests at once and read an answer to each. Raises ``OSError`` for the first refused."""
    batch = b"".join(
        _header.pack(_header.size + len(body), kind, _REQUEST | _ACKNOWLEDGE | flags, number, 0) + body
        for number, (kind, flags, body) in enumerate(messages)
    )
    ask.send(batch)
    answers = 0
    while answers < len(messages):
        data = ask.recv(1 << 16)
        while data:
            length, kind, *_rest = _header.unpack_from(data)
            if kind == _NLMSG_ERROR:
                answers += 1
                (number,) = _error.unpack_from(data, _header.size)
                if number != 0:
                    raise OSError(-number, os.strerror(-number))
            data = data[(length + 3) & ~3 :]


def _offloads_off(handle: socket.socket, interface: str) -> None:
    """What ``ethtool -K`` does. A device that has not got one of them has it off."""
    for command in _OFFLOADS.values():
        value = array.array("I", [command, 0])  # struct ethtool_value
        address, _length = value.buffer_info()
        try:
            fcntl.ioctl(handle, _SIOCETHTOOL, struct.pack("16sP16x", interface.encode(), address))
        except OSError as error:
            if error.errno != errno.EOPNOTSUPP:
                raise
