"""Files to start from: the examples of the documentation, which are those of the tests."""

from __future__ import annotations

EXAMPLES = {
    "one-server": """\
# One server, one flow: the first example of every course. Delay 12.5, backlog 75.
title: One server, one flow
servers:
  s: {rate: 10, latency: 10}
flows:
  f: {rate: 5, burst: 25, path: [s]}
""",
    "fifo": """\
# Two servers, two flows side by side. TFA pays the burst at each server, SFA once.
title: Two servers, two flows
multiplexing: [fifo, arbitrary]
servers:
  s1: {rate: 10, latency: 10}
  s2: {rate: 10, latency: 10}
flows:
  f1: {rate: 5, burst: 25, path: [s1, s2]}
  f2: {rate: 5, burst: 25, path: [s1, s2]}
""",
    "tandem": """\
# A flow crosses four servers, others two each (A. Bouillard's panco, "interleaved tandem").
# With link_rate, TFA++ knows that what comes over a link comes one bit after the other.
title: Interleaved tandem
servers:
  s1: {rate: 10 Mbit/s, latency: 1 ms, link_rate: 10 Mbit/s}
  s2: {rate: 10 Mbit/s, latency: 1 ms, link_rate: 10 Mbit/s}
  s3: {rate: 10 Mbit/s, latency: 1 ms, link_rate: 10 Mbit/s}
  s4: {rate: 10 Mbit/s, latency: 1 ms, link_rate: 10 Mbit/s}
flows:
  f0: {rate: 8/3 Mbit/s, burst: 1000 bit, path: [s1, s2, s3, s4]}
  f1: {rate: 8/3 Mbit/s, burst: 1000 bit, path: [s1, s2]}
  f2: {rate: 8/3 Mbit/s, burst: 1000 bit, path: [s2, s3]}
  f3: {rate: 8/3 Mbit/s, burst: 1000 bit, path: [s3, s4]}
""",
    "ring": """\
# Every flow feeds the next: bursts depend on each other in a circle. TFA++ finds 7 ms (panco).
title: Unidirectional ring, half loaded
units: {data: bit, time: ms}
servers:
  s0: {rate: 10000, latency: 1, link_rate: 10000}
  s1: {rate: 10000, latency: 1, link_rate: 10000}
  s2: {rate: 10000, latency: 1, link_rate: 10000}
  s3: {rate: 10000, latency: 1, link_rate: 10000}
  s4: {rate: 10000, latency: 1, link_rate: 10000}
flows:
  f0: {rate: 1000, burst: 1000, path: [s0, s1, s2, s3, s4]}
  f1: {rate: 1000, burst: 1000, path: [s1, s2, s3, s4, s0]}
  f2: {rate: 1000, burst: 1000, path: [s2, s3, s4, s0, s1]}
  f3: {rate: 1000, burst: 1000, path: [s3, s4, s0, s1, s2]}
  f4: {rate: 1000, burst: 1000, path: [s4, s0, s1, s2, s3]}
""",
    "priority": """\
# Three classes on two links of 1 Gbit/s. A packet waits for the higher classes, and for one of a lower class
# that has been begun.
title: Non-preemptive strict priority
multiplexing: priority
servers:
  access: {rate: 1 Gbit/s, latency: 5 us}
  trunk: {rate: 1 Gbit/s, latency: 5 us}
flows:
  control: {rate: 1 Mbit/s, burst: 1500 B, max_packet: 1500 B, path: [access, trunk], priority: 0}
  compute: {rate: 300 Mbit/s, burst: 30 kB, max_packet: 1500 B, path: [access, trunk], priority: 1}
  bulk: {rate: 500 Mbit/s, burst: 100 kB, max_packet: 1500 B, path: [trunk], priority: 2}
""",
}
