"""Interfaces that send packets as they are on a wire: split by the kernel, with their checksums.

What ``ethtool -K INTERFACE tx off`` and ``FEATURE off`` for every kind of segmentation do, over the ioctl
(linux/ethtool.h): the kernel names its features, and their numbers differ from version to version.
"""

from __future__ import annotations

import array
import fcntl
import socket
import struct
from collections.abc import Sequence

_SIOCETHTOOL = 0x8946
_GSTRINGS, _GSSET_INFO, _GFEATURES, _SFEATURES = 0x1B, 0x37, 0x3A, 0x3B
_ETH_SS_FEATURES = 4
_NAME_BYTES = 32


def send_packets(interfaces: Sequence[str]) -> bool:
    """Have ``interfaces`` of this network namespace send nothing but packets; whether all of them do now."""
    if not interfaces:
        return True
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as handle:
        try:
            unwanted = _unwanted(_names(handle, interfaces[0]))  # the same numbers for all
            done = [_without(unwanted, handle, interface) for interface in interfaces]
        except OSError:  # no CAP_NET_ADMIN, or gone
            return False
    return all(done)


def _unwanted(names: Sequence[str]) -> list[int]:
    """The features that must be off, as words of 32 bits."""
    words = [0] * ((len(names) + 31) // 32)
    for number, name in enumerate(names):
        if name.startswith("tx-") and ("segmentation" in name or "checksum" in name):
            words[number // 32] |= 1 << number % 32
    return words


def _without(unwanted: Sequence[int], handle: socket.socket, interface: str) -> bool:
    blocks = len(unwanted)
    asked = array.array("I", [_SFEATURES, blocks])
    for mask in unwanted:
        asked.extend((mask, 0))  # valid, requested
    _ask(handle, interface, asked)
    found = array.array("I", [_GFEATURES, blocks] + [0] * 4 * blocks)
    _ask(handle, interface, found)
    active = found[2:][2::4]  # available, requested, active, never changed
    return not any(mask & on for mask, on in zip(unwanted, active, strict=True))


def _names(handle: socket.socket, interface: str) -> list[str]:
    """The kernel's names of features, by number."""
    counted = array.array("I", [_GSSET_INFO, 0, 1 << _ETH_SS_FEATURES, 0, 0])
    _ask(handle, interface, counted)
    count = counted[4]
    listed = array.array("I", [_GSTRINGS, _ETH_SS_FEATURES, count] + [0] * (count * _NAME_BYTES // 4))
    _ask(handle, interface, listed)
    data = listed.tobytes()[12:]
    entries = [data[at : at + _NAME_BYTES] for at in range(0, len(data), _NAME_BYTES)]
    return [entry.split(b"\0", 1)[0].decode() for entry in entries]


def _ask(handle: socket.socket, interface: str, value: array.array[int]) -> None:
    address, _length = value.buffer_info()
    fcntl.ioctl(handle, _SIOCETHTOOL, struct.pack("16sP16x", interface.encode(), address))
