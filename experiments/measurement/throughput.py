"""Throughput by iperf3, TCP or UDP, one pair at a time.

What counts is what the receiver says of its full intervals after the first: the first holds slow start and
the time until the first byte came over, the last is cut short by the end. (iperf3's own ``--omit`` counts
omitted datagrams as lost; its summary divides by a time that includes the path's delay.)

A link's declared rate counts Ethernet frames (14 bytes of header, no preamble), iperf3 counts payload. To
compare like with like the payload's rate is multiplied by the bytes of a full frame over the payload in it:
1514/1448 for TCP (IPv4 and TCP headers with time stamps, RFC 7323), 1514/1472 for UDP.
"""

from __future__ import annotations

from dataclasses import dataclass

from experiments.measurement.endpoint import Endpoint
from experiments.measurement.iperf3 import run_iperf3
from topology.emulation.layout import ETHERNET_HEADER_BYTES, MTU_BYTES

PORT = 5201
_IP_UDP_HEADER_BYTES = 28
_IP_TCP_HEADER_BYTES = 40
_TCP_TIMESTAMP_BYTES = 12
UDP_PAYLOAD_BYTES = MTU_BYTES - _IP_UDP_HEADER_BYTES


@dataclass(frozen=True, slots=True)
class Throughput:
    """What one run of iperf3 carried.

    Attributes:
        mbps: payload at the receiver.
        wire_mbps: the same counted in Ethernet frames.
        seconds: how long what counts took; ``omitted_s`` before that do not count.
        declared_mbps: the rate of the narrowest link on the path, in Ethernet frames.
        offered_mbps: what the sender offered, in Ethernet frames; UDP only.
        retransmits: TCP segments sent again, in the whole run.
        lost_ratio: share of datagrams that did not arrive, 0 to 1; UDP only.
        jitter_ms: iperf3's smoothed interarrival jitter (RFC 3550 section 6.4.1); UDP only.
    """

    source: str
    destination: str
    protocol: str
    mbps: float
    wire_mbps: float
    seconds: float
    omitted_s: float
    declared_mbps: float
    streams: int
    congestion_control: str = ""
    offered_mbps: float | None = None
    retransmits: int | None = None
    lost_ratio: float | None = None
    jitter_ms: float | None = None

    @property
    def share(self) -> float:
        """Frames received over the declared rate: 1 is a full link."""
        return self.wire_mbps / self.declared_mbps if self.declared_mbps > 0 else 0.0


def measure_tcp(
    source: Endpoint,
    destination: Endpoint,
    *,
    seconds: int,
    declared_mbps: float,
    streams: int = 1,
    dscp: int = 0,
    congestion_control: str = "",
    port: int = PORT,
    warm_up_s: float = 0.0,
) -> Throughput:
    """As much TCP as goes, for ``seconds``; the first of them, and ``warm_up_s``, do not count.

    ``congestion_control`` names a Linux algorithm (``cubic``, ``bbr``); empty: the machine's default.

    Raises ``MeasurementError`` with iperf3's own words when it fails.
    """
    options = ["--parallel", str(streams)]
    if congestion_control:
        options += ["--congestion", congestion_control]
    sent, received = run_iperf3(
        source, destination, options, seconds=seconds, dscp=dscp, port=port, warm_up_s=warm_up_s
    )
    payload_bytes = sent.segment_bytes
    return Throughput(
        source=source.site,
        destination=destination.site,
        protocol="tcp",
        mbps=received.mbps,
        wire_mbps=received.mbps * tcp_frame_bytes(payload_bytes) / payload_bytes,
        seconds=received.seconds,
        omitted_s=received.omitted_s,
        declared_mbps=declared_mbps,
        streams=streams,
        congestion_control=sent.congestion_control or congestion_control,
        retransmits=sent.retransmits,
    )


def measure_udp(
    source: Endpoint,
    destination: Endpoint,
    *,
    seconds: int,
    declared_mbps: float,
    offered_mbps: float | None = None,
    dscp: int = 0,
    port: int = PORT,
) -> Throughput:
    """UDP in full frames at ``offered_mbps`` (Ethernet frames; if ``None`` the declared rate).

    Raises ``MeasurementError`` with iperf3's own words when it fails.
    """
    offered_mbps = declared_mbps if offered_mbps is None else offered_mbps
    frame_per_payload = (MTU_BYTES + ETHERNET_HEADER_BYTES) / UDP_PAYLOAD_BYTES
    bitrate = round(offered_mbps * 1e6 / frame_per_payload)
    options = ["--udp", "--bitrate", str(bitrate), "--length", str(UDP_PAYLOAD_BYTES)]
    _, received = run_iperf3(source, destination, options, seconds=seconds, dscp=dscp, port=port)
    return Throughput(
        source=source.site,
        destination=destination.site,
        protocol="udp",
        mbps=received.mbps,
        wire_mbps=received.mbps * frame_per_payload,
        seconds=received.seconds,
        omitted_s=received.omitted_s,
        declared_mbps=declared_mbps,
        streams=1,
        offered_mbps=offered_mbps,
        lost_ratio=received.lost_ratio,
        jitter_ms=received.jitter_ms,
    )


def tcp_frame_bytes(payload_bytes: int) -> int:
    """Bytes of the Ethernet frame around a full TCP segment over IPv4.

    Segments have time stamps, as on any Linux, unless they are so large that there is no room for them.
    """
    without = payload_bytes + _IP_TCP_HEADER_BYTES
    return ETHERNET_HEADER_BYTES + without + (0 if without >= MTU_BYTES else _TCP_TIMESTAMP_BYTES)
