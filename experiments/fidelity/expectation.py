"""What theory expects of TCP over a link: its goodput by congestion control, delay, loss and rate. Pure.

Where nothing is lost in the link TCP fills it, and goodput is the declared rate less headers. Where losses
govern, the congestion window has an average that follows from the share of packets lost:

- reno: ``sqrt(3/(2p))`` segments. Mathis, Semke, Mahdavi and Ott, "The Macroscopic Behavior of the TCP
  Congestion Avoidance Algorithm", CCR 27(3), 1997: rate = MSS/RTT * C/sqrt(p), with C = sqrt(3/2) for losses
  at even distances and every segment acknowledged. Linux counts the bytes that are acknowledged, so that
  delayed acknowledgements do not slow its growth. For losses at random C is 1.31, 7 % more.
- cubic: ``(C (3 + b) / (4 (1 - b)))^(1/4) * (RTT/p)^(3/4)``, or the same as reno if that is more (the
  Reno-friendly region). RFC 9438 section 5.1, with C = 0.4, b = 0.7; losses at even distances too. Linux
  looks at its growth every 1/32 s only (``bictcp_update`` in net/ipv4/tcp_cubic.c), so where losses come
  about as often it stays below (a fifth at one loss in 80 ms): then there is no expectation.
- bbr does not take a loss for a sign of congestion and fills the link: Cardwell et al., "BBR:
  Congestion-Based Congestion Control", ACM Queue 14(5), 2016.
"""

from __future__ import annotations

import math

from experiments.measurement.throughput import tcp_frame_bytes
from topology.emulation.links import LinkProperties

SEGMENT_BYTES = 1448  # of an MTU of 1500: less IPv4, TCP and its time stamps (RFC 7323)
CUBIC_C, CUBIC_BETA = 0.4, 0.7
MATHIS_C = math.sqrt(3 / 2)
_CUBIC_LOOKS_EVERY_MS = 1000 / 32


def line_goodput_mbps(link: LinkProperties) -> float:
    """Payload that a full link carries. Losses come behind the shaper: what is lost has used the rate."""
    return link.rate_mbps * SEGMENT_BYTES / tcp_frame_bytes(SEGMENT_BYTES) * (1 - link.loss_ratio)


def average_window(congestion_control: str, rtt_ms: float, loss_ratio: float) -> float:
    """The congestion window in segments where losses govern; infinite without losses, and for bbr."""
    if loss_ratio <= 0 or congestion_control == "bbr":
        return math.inf
    reno = MATHIS_C / math.sqrt(loss_ratio)
    if congestion_control != "cubic":
        return reno
    growth: float = (CUBIC_C * (3 + CUBIC_BETA) / (4 * (1 - CUBIC_BETA))) ** 0.25
    return max(reno, growth * math.pow(rtt_ms / 1e3 / loss_ratio, 0.75))


def window_goodput_mbps(congestion_control: str, link: LinkProperties) -> float:
    """Payload of one flow that only losses hold back, on a link of any rate."""
    rtt_ms = 2 * link.delay_ms
    return average_window(congestion_control, rtt_ms, link.loss_ratio) * SEGMENT_BYTES * 8 / 1e3 / rtt_ms


def has_expectation(congestion_control: str, link: LinkProperties) -> bool:
    """Whether the formula holds for Linux: for cubic where it can grow four times from a loss to the next."""
    if congestion_control != "cubic" or link.loss_ratio <= 0:
        return True
    rtt_ms = 2 * link.delay_ms
    between_losses_ms = rtt_ms / (average_window("cubic", rtt_ms, link.loss_ratio) * link.loss_ratio)
    return between_losses_ms >= 4 * _CUBIC_LOOKS_EVERY_MS


def bdp_bytes(link: LinkProperties) -> float:
    """What is under way in both directions while a link is full: rate times round trip."""
    return link.rate_mbps * 1e3 / 8 * 2 * link.delay_ms
