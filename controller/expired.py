"""ICMP "time exceeded" for packets whose TTL ran out at a site, so that traceroute shows the sites of a path.

The switch hands such packets to the controller (``OFPR_INVALID_TTL``); a router would answer itself. Nothing
else depends on it: without an answer the packet is simply gone, as the plan has it.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from os_ken.lib.packet import ethernet, icmp, in_proto, ipv4
from os_ken.lib.packet.packet import Packet

_ANSWER_TTL = 64
_MIN_ETHERNET_AND_IPV4_BYTES = 34
_QUOTED_PAYLOAD_BYTES = 64  # RFC 792 asks for 8; more helps traceroute tools that read further


def time_exceeded(
    frame: bytes, *, gateway_ip: str, gateway_mac: str, known_hosts: Collection[str]
) -> bytes | None:
    """The answer to ``frame`` as an Ethernet frame, or ``None`` if it must not be answered.

    Answered are first fragments from a known host; never ICMP but echo requests (RFC 1122, section 3.2.2: no
    error about an error). The answer comes from ``gateway_ip``, the site's own address.
    """
    if len(frame) < _MIN_ETHERNET_AND_IPV4_BYTES:
        return None
    received: Any = Packet(frame)
    packet = received.get_protocol(ipv4.ipv4)
    if packet is None or packet.src not in known_hosts or packet.offset != 0:
        return None
    if packet.proto == in_proto.IPPROTO_ICMP:
        question = received.get_protocol(icmp.icmp)
        if question is None or question.type != icmp.ICMP_ECHO_REQUEST:
            return None
    header_bytes = packet.header_length * 4
    start = ethernet.ethernet._MIN_LEN
    quoted = frame[start : start + header_bytes + _QUOTED_PAYLOAD_BYTES]
    answer: Any = Packet()
    answer.add_protocol(ethernet.ethernet(dst=gateway_mac, src=gateway_mac))
    answer.add_protocol(
        ipv4.ipv4(src=gateway_ip, dst=packet.src, proto=in_proto.IPPROTO_ICMP, ttl=_ANSWER_TTL)
    )
    answer.add_protocol(
        icmp.icmp(
            type_=icmp.ICMP_TIME_EXCEEDED,
            code=icmp.ICMP_TTL_EXPIRED_CODE,
            data=icmp.TimeExceeded(data=quoted),
        )
    )
    answer.serialize()
    return bytes(answer.data)
