"""NTP time stamps and the kernel's control messages."""

from __future__ import annotations

import socket
import struct
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from experiments.measurement.timestamps import (
    SO_TIMESTAMPING_NEW,
    kernel_stamp_ns,
    ns_from_ntp,
    ntp_from_ns,
    realtime_offset_ns,
)

SECOND_NS = 1_000_000_000
ERA_0_ENDS = int(datetime(2036, 2, 7, 6, 28, 16, tzinfo=UTC).timestamp())


def test_known_times() -> None:
    assert ntp_from_ns(0) == 2_208_988_800 << 32
    assert ntp_from_ns(SECOND_NS // 2) == (2_208_988_800 << 32) + (1 << 31)
    assert ntp_from_ns(ERA_0_ENDS * SECOND_NS) == 0, "RFC 5905: era 1 begins 2036-02-07 06:28:16 UTC"
    assert ntp_from_ns(ERA_0_ENDS * SECOND_NS - 1) >> 32 == 0xFFFFFFFF


@given(
    st.integers(min_value=0, max_value=200 * 365 * 86400 * SECOND_NS),
    st.integers(min_value=-60 * 365 * 86400, max_value=60 * 365 * 86400),
)
def test_conversion_is_exact_in_any_era(time_ns: int, clock_is_off_s: int) -> None:
    assert ns_from_ntp(ntp_from_ns(time_ns), time_ns + clock_is_off_s * SECOND_NS) == time_ns


@pytest.mark.parametrize("off_ns", [-SECOND_NS, -1, 0, 1, SECOND_NS])
def test_across_the_end_of_era_0(off_ns: int) -> None:
    time_ns = ERA_0_ENDS * SECOND_NS + off_ns
    assert ns_from_ntp(ntp_from_ns(time_ns), ERA_0_ENDS * SECOND_NS) == time_ns


@given(st.integers(min_value=0, max_value=(1 << 64) - 1))
def test_ntp_to_the_nanosecond_is_within_half_a_nanosecond(ntp: int) -> None:
    difference = (ntp_from_ns(ns_from_ntp(ntp, 0)) - ntp) % (1 << 64)
    assert min(difference, (1 << 64) - difference) <= 3, "2^-32 s is 0.23 ns"


def test_kernel_stamp_among_other_messages() -> None:
    stamp = struct.pack("=6q", 1_700_000_000, 123_456_789, 0, 0, 0, 0)
    other = (socket.IPPROTO_IP, socket.IP_TTL, b"\x40\x00\x00\x00")
    assert kernel_stamp_ns([other, (socket.SOL_SOCKET, SO_TIMESTAMPING_NEW, stamp)]) == (
        1_700_000_000_123_456_789
    )
    assert kernel_stamp_ns([other]) == 0
    assert kernel_stamp_ns([(socket.SOL_SOCKET, SO_TIMESTAMPING_NEW, stamp[:20])]) == 0, "cut short"


def test_offset_of_the_clocks_is_steady() -> None:
    assert abs(realtime_offset_ns() - realtime_offset_ns()) < SECOND_NS
