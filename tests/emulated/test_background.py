"""Background traffic on real links: it fills the queue before a link, and reaches nothing behind it."""

from __future__ import annotations

import json
import re
import select
import socket
import subprocess
import time
from itertools import pairwise
from pathlib import Path

import pytest

from experiments.lab import Lab
from experiments.measurement.background import BackgroundReport, BackgroundTraffic, Flow
from experiments.measurement.host_load import HostLoad
from tests.emulated.bare_links import bare_links, ip
from tests.emulated.fitness import asked_again, skip_if_unfit
from tests.patience import wait_until
from topology.emulation.injection import Direction, Injector, Sightings
from topology.emulation.layout import Layout
from topology.emulation.links import LinkProperties, Wire, netem, tc
from topology.emulation.links.packetsocket import ETH_P_EXPERIMENTAL, ETH_P_LOAD, open_sender
from topology.emulation.links.userspace import UserspacePipe
from topology.errors import EmulationError, MeasurementError
from topology.scenario import load

pytestmark = [pytest.mark.emulated, pytest.mark.usefixtures("cell")]

PROPERTIES = LinkProperties(rate_mbps=20, delay_ms=4)
SHORT_QUEUE = LinkProperties(rate_mbps=20, delay_ms=4, queue_bytes=50_000)
QUEUE_MS = 20.0  # what 50,000 bytes take at 20 Mbit/s


def flow(layout: Layout, utilisation: float, *, end: str = "a", link: str = "l1") -> Flow:
    described = layout.links[link]
    interface = (described.a if end == "a" else described.b).interface
    return Flow(link, interface, described.properties.rate_mbps * utilisation)


def left_htb_bytes(interface: str) -> int:
    """Bytes that HTB's class has let go since it was made."""
    shown = output("tc", "-s", "class", "show", "dev", interface)
    found = re.search(r"class htb \w+:1 root.*\n Sent (\d+) bytes", shown)
    assert found, shown
    return int(found[1])


def received_frames(interface: str) -> int:
    (shown,) = json.loads(output("ip", "-s", "-j", "link", "show", "dev", interface))
    return int(shown["stats64"]["rx"]["packets"])


def output(*command: str) -> str:
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def probe(layout: Layout, *, count: int = 60) -> tuple[int, Sightings]:
    """Small frames from end a to end b of ``l1``: how many were sent, and which were seen."""
    ends = layout.links["l1"]
    with Injector([Direction(ends.a.interface, ends.b.interface, 200.0, 20.0)]) as injector:
        return count, injector.probes([0], count, 0.6)[0]


def reported(traffic: BackgroundTraffic) -> BackgroundReport:
    assert traffic.report is not None
    return traffic.report


@asked_again
def test_the_utilisation_asked_for_leaves_the_queue_and_nothing_arrives() -> None:
    with bare_links([PROPERTIES, PROPERTIES], UserspacePipe()) as layout:
        flows = [flow(layout, 0.3), flow(layout, 0.6, end="b"), flow(layout, 0.5, link="l2")]
        before = [left_htb_bytes(each.interface) for each in flows]
        begun = time.monotonic()
        with HostLoad() as watch, BackgroundTraffic(flows, seed=3) as traffic:
            time.sleep(2.5)
        seconds = time.monotonic() - begun
        time.sleep(0.1)
        left = [left_htb_bytes(each.interface) - bytes_ for each, bytes_ in zip(flows, before, strict=True)]
        arrived = [received_frames(name) for name in ("sa1", "sb1", "sa2", "sb2")]
    report = reported(traffic)
    assert report.achieved_ratio > 0.98
    assert 2.4 < report.seconds < seconds
    for asked, told, left_bytes in zip(flows, report.flows, left, strict=True):
        assert told.interface == asked.interface
        assert left_bytes == told.sent * 1250, "HTB's own counter says the same"
        # Poisson counts scatter: 1,500 frames by 2.6 % (one standard deviation).
        assert told.achieved_mbps == pytest.approx(asked.rate_mbps, rel=0.1)
    everything_mbps = sum(left) * 8 / 1e6 / report.seconds
    assert everything_mbps == pytest.approx(sum(each.rate_mbps for each in flows), rel=0.05)
    assert arrived == [0, 0, 0, 0], "no load behind the pipe"
    assert report.late_ms is not None
    assert 0 < watch.busy_ratio <= 1
    assert watch.wakeup_p99_ms is not None


def test_other_frames_pass_a_loaded_link_and_wait_for_the_load() -> None:
    with bare_links([PROPERTIES], UserspacePipe()) as layout:
        with BackgroundTraffic([flow(layout, 0.5)], seed=3) as traffic:
            sent, seen = probe(layout)
        frames_behind = received_frames("sb1")
    assert (len(seen.left), len(seen.arrived)) == (sent, sent)
    assert all(a < b for (_, a), (_, b) in pairwise(seen.arrived)), "in order"
    assert frames_behind == sent, "the probes, and nothing of the load"
    assert reported(traffic).achieved_ratio > 0.8, "there was a load"


@asked_again
def test_a_link_loaded_to_150_percent_is_full() -> None:
    with bare_links([SHORT_QUEUE], UserspacePipe()) as layout:
        before, begun = left_htb_bytes("sa1"), time.monotonic()
        with BackgroundTraffic([flow(layout, 1.5)], seed=3) as traffic:
            waited_ms = queueing_ms(layout)
        left, seconds = left_htb_bytes("sa1") - before, time.monotonic() - begun
    (told,) = reported(traffic).flows
    assert told.refused > 0
    achieved_ratio = reported(traffic).achieved_ratio
    if achieved_ratio < 2 / 3 - 0.1:
        skip_if_unfit()
    assert achieved_ratio == pytest.approx(2 / 3, abs=0.1)
    assert left * 8 / 1e6 / seconds < SHORT_QUEUE.rate_mbps * 1.02, "never more than the link's rate"
    assert told.achieved_mbps == pytest.approx(SHORT_QUEUE.rate_mbps, rel=0.2)
    # A frame that got in waited for a nearly full queue; one that did not was lost.
    assert waited_ms, "some get in"
    assert sorted(waited_ms)[len(waited_ms) // 2] > QUEUE_MS * 0.7


def queueing_ms(layout: Layout) -> list[float]:
    """How long small frames wait in the queue of end a of ``l1``, in ms; of those that get in."""
    ends = layout.links["l1"]
    with (
        socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0) as tap,
        open_sender(1 << 20) as sender,
    ):
        tap.bind((ends.b.interface, ETH_P_EXPERIMENTAL))
        waited = []
        for number in range(250):
            time.sleep(0.001)
            frame = bytes(12) + ETH_P_EXPERIMENTAL.to_bytes(2, "big") + bytes([number]) * 50
            begun = time.monotonic()
            try:
                sender.sendto(frame, (ends.a.interface, ETH_P_EXPERIMENTAL))
            except OSError:
                continue
            while select.select([tap], [], [], 0.2)[0]:
                if tap.recv(2048)[14] == number:
                    waited.append((time.monotonic() - begun) * 1e3 - SHORT_QUEUE.delay_ms)
                    break
    return waited


def test_switches_see_nothing_of_the_load() -> None:
    with Lab(load("tiny")) as lab:
        flows = [
            Flow(link.link, end.interface, link.properties.rate_mbps * 0.2)
            for link in lab.layout.links.values()
            for end in (link.a, link.b)
        ]
        before = lookups(lab)
        with BackgroundTraffic(flows, seed=1) as traffic:
            time.sleep(1)
        looked_up = lookups(lab) - before
    frames = sum(each.sent for each in reported(traffic).flows)
    assert frames > 1000
    assert looked_up < frames / 50


def lookups(lab: Lab) -> int:
    """Frames that all switches have looked at."""
    instances = {id(each): each for each in map(lab.emulated.switches.instance_of, lab.layout.sites)}
    shown = [instance.appctl("dpctl/show") for instance in instances.values()]
    return sum(int(count) for text in shown for count in re.findall(r"\b(?:hit|missed):(\d+)", text))


def test_netem_s_filters_take_the_load_off_and_redirect_the_rest() -> None:
    """The filters alone: netem itself is not on every machine."""
    output("sysctl", "-qw", "net.ipv6.conf.default.disable_ipv6=1")  # no frames of its own
    ip(
        "link add name sa type veth peer name wa",
        "link add name sb type veth peer name wb",
        *(f"link set {name} up" for name in ("sa", "wa", "sb", "wb")),
    )
    wire = Wire("l", "wa", "wb", PROPERTIES)
    try:
        tc.run([each for each in netem.start_commands(wire, None) if " netem " not in each.text])
    except EmulationError as error:
        pytest.skip(f"no mirred here: {error}")
    with open_sender(1 << 20) as sender:
        before = received_frames("sb")
        for ethertype, count in ((ETH_P_LOAD, 50), (ETH_P_EXPERIMENTAL, 7)):
            for _ in range(count):
                sender.sendto(bytes(12) + ethertype.to_bytes(2, "big") + bytes(86), ("sa", ethertype))
    wait_until(lambda: received_frames("wa") >= 57 and received_frames("sb") - before >= 7)
    assert received_frames("wa") == 57
    assert received_frames("sb") - before == 7


def test_an_interface_that_is_missing_is_said_so() -> None:
    with pytest.raises(MeasurementError, match="there is no interface nowhere"):
        BackgroundTraffic([Flow("a--b", "nowhere", 1)], seed=1).__enter__()


def test_it_ends_with_an_error_of_its_user() -> None:
    with bare_links([PROPERTIES], UserspacePipe()) as layout:
        with pytest.raises(ZeroDivisionError), BackgroundTraffic([flow(layout, 0.1)], seed=1):
            raise ZeroDivisionError
        running = [path.read_bytes() for path in Path("/proc").glob("[0-9]*/cmdline") if path.exists()]
        assert not any(b"measurement.generator" in command for command in running)
