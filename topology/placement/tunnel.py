"""What a VXLAN tunnel adds to a frame, and what that asks of the network between the machines (RFC 7348)."""

from __future__ import annotations

from topology.emulation.links.buckets import ETHERNET_HEADER_BYTES, FRAME_BYTES, MTU_BYTES

VXLAN_HEADER_BYTES, UDP_HEADER_BYTES, IPV4_HEADER_BYTES = 8, 8, 20
# Beyond the inner IP packet, inside the outer one. So much longer is the outer Ethernet frame than the inner.
TUNNEL_BYTES = ETHERNET_HEADER_BYTES + VXLAN_HEADER_BYTES + UDP_HEADER_BYTES + IPV4_HEADER_BYTES
NEEDED_MTU_BYTES = MTU_BYTES + TUNNEL_BYTES


def missing_mtu_bytes(mtu_bytes: int) -> int:
    """How many bytes an underlay of this MTU lacks to carry the lab's largest frame whole; 0 if none."""
    return max(0, NEEDED_MTU_BYTES - mtu_bytes)


def tunnelled_mbps(rate_mbps: float) -> float:
    """What a link's full frames at ``rate_mbps`` take of the underlay, counted as Ethernet frames too."""
    return rate_mbps * (FRAME_BYTES + TUNNEL_BYTES) / FRAME_BYTES
