"""What a VXLAN tunnel adds to a frame, and what that asks of the network between the machines (RFC 7348)."""

from __future__ import annotations

from topology.emulation.layout import ETHERNET_HEADER_BYTES, MTU_BYTES

VXLAN_HEADER_BYTES, UDP_HEADER_BYTES, IPV4_HEADER_BYTES = 8, 8, 20
# Inside the underlay's IP packet: the inner frame, and three headers.
TUNNEL_BYTES = ETHERNET_HEADER_BYTES + VXLAN_HEADER_BYTES + UDP_HEADER_BYTES + IPV4_HEADER_BYTES
NEEDED_MTU_BYTES = MTU_BYTES + TUNNEL_BYTES


def missing_mtu_bytes(mtu_bytes: int) -> int:
    """How many bytes an underlay of this MTU lacks to carry the lab's largest frame whole; 0 if none."""
    return max(0, NEEDED_MTU_BYTES - mtu_bytes)
