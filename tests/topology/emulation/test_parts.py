"""What a part has the kernel make, how commands reach other machines, and what is read of the underlay."""

from __future__ import annotations

import shlex
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.topology.placement.placed import machine, placed
from topology.emulation.layout import Layout
from topology.emulation.parts.reach import OutsideNetwork, Reach
from topology.emulation.parts.tunnels import forwarding_commands, local_commands, tunnel_commands
from topology.emulation.parts.underlay import path_mtu, ping_of_size, round_trips_of
from topology.placement.model import UnderlayPath
from topology.placement.parts import Part, parts
from topology.scenario import load


@pytest.fixture(scope="module")
def tiny() -> dict[str, Part]:
    layout = Layout.of(load("tiny"))
    where = {"qingyang": 1, "lanzhou": 1, "xian": 2, "beijing": 2}
    return parts(layout, placed(layout, where, UnderlayPath("m1", "m2", 0.4)))


def test_the_tunnel_is_the_far_wire_where_the_pipe_is_and_the_port_where_it_is_not(
    tiny: dict[str, Part],
) -> None:
    assert tunnel_commands(tiny["m1"], 77) == [
        "link add w2b mtu 1500 netns 77 type vxlan id 1000002 local 192.0.2.1 remote 192.0.2.2"
        " dstport 14789 nolearning ttl 64 df set",
        "link add management mtu 1400 netns 77 type vxlan id 1000000 local 192.0.2.1 dstport 14789"
        " ttl 64 df unset",
    ]
    assert local_commands(tiny["m1"]) == [
        "link add s2-p3 type veth peer name w2a",
        "link set w2a up",
        "link set w2b up",
        "link set s2-p3 promisc on up",
        "addr add 100.64.0.1/24 dev management",
        "link set management up",
    ]
    assert tunnel_commands(tiny["m2"], 78)[0] == (
        "link add s3-p2 mtu 1500 netns 78 type vxlan id 1000002 local 192.0.2.2 remote 192.0.2.1"
        " dstport 14789 nolearning ttl 64 df set"
    )
    assert local_commands(tiny["m2"])[0] == "link set s3-p2 promisc on up"


def test_switches_reach_the_controller_and_it_reaches_them(tiny: dict[str, Part]) -> None:
    everyone = "fdb append 00:00:00:00:00:00 dev management dst"
    assert forwarding_commands(tiny["m1"]) == [f"{everyone} 192.0.2.2"]
    assert forwarding_commands(tiny["m2"]) == [f"{everyone} 192.0.2.1"]
    assert {part.management.controller_address for part in tiny.values()} == {"100.64.0.1"}


def test_a_part_survives_its_way_as_a_file(tiny: dict[str, Part]) -> None:
    assert all(Part.from_json(part.to_json()) == part for part in tiny.values())


@given(st.lists(st.text(st.characters(codec="ascii", exclude_characters="\0"), min_size=1), min_size=1))
def test_a_shell_at_the_other_end_reads_the_words_that_were_meant(words: list[str]) -> None:
    reach = Reach(("ssh", "lab@192.0.2.2"), shell=True)
    sent = reach.command(words)
    assert shlex.split(" ".join(sent[2:])) == words
    further = reach.then(["sudo", "-n", "a b"]).command(words)
    assert shlex.split(" ".join(further[2:])) == ["sudo", "-n", "a b", *words]


def test_only_ssh_is_a_shell() -> None:
    outside = OutsideNetwork()
    try:
        assert Reach.to(machine(2, reach=("/usr/bin/ssh", "-p", "2222", "x")), outside).shell
        assert not Reach.to(machine(2, reach=("ip", "netns", "exec", "m2")), outside).shell
        assert Reach.to(machine(2, reach=("nsenter", "x")), outside).command(["a b"])[-2:] == ["x", "a b"]
    finally:
        outside.close()


def test_round_trips_are_read_as_ping_prints_them() -> None:
    said = "64 bytes from 192.0.2.2: icmp_seq=1 ttl=64 time=0.512 ms\n64 bytes ... time=12 ms\nrtt min/avg"
    assert round_trips_of(said) == [0.512, 12.0]


def test_a_ping_of_a_packet_counts_its_headers() -> None:
    command = ping_of_size("192.0.2.2", 1550)
    assert command[command.index("-s") + 1] == "1522"
    assert command[command.index("-M") + 1] == "do"


def _host(own_mtu: int, router_mtu: int, *, silent: bool = False) -> Callable[[int], str]:
    def ping(size: int) -> str:
        if size > own_mtu:
            return f"ping: local error: message too long, mtu={own_mtu}"
        if size > router_mtu:
            return "" if silent else f"From 10.0.0.1 icmp_seq=1 Frag needed and DF set (mtu = {router_mtu})"
        return f"{size} bytes from 192.0.2.2: icmp_seq=1 ttl=64 time=0.4 ms"

    return ping


@given(st.integers(576, 9216), st.integers(576, 9216), st.booleans())
def test_the_mtu_of_a_path_is_found_whether_routers_speak_or_not(own: int, router: int, silent: bool) -> None:
    assert path_mtu(_host(own, router, silent=silent)) == min(own, router)


def test_a_path_that_carries_nothing_has_no_mtu() -> None:
    assert path_mtu(lambda _size: "") == 0
