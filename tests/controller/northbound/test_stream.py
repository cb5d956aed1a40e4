"""The event stream: a state first, what was missed, what happens; bounded for slow and for many readers."""

from __future__ import annotations

import contextlib
import http.client
import json
import socket
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from controller.northbound import stream
from controller.northbound.feed import EventFeed
from controller.northbound.settings import Limits
from tests.controller.northbound.stage import DEMAND, NETWORK, TOKEN, NoEvents, Stage
from tests.controller.northbound.test_guard import running_after
from tests.patience import PATIENCE_S, wait_until


@dataclass
class Heard:
    """One server-sent event."""

    id: str
    name: str
    data: Any


class Reader:
    """Reads a stream as a browser's EventSource does."""

    def __init__(self, stage: Stage, query: str = "", last: str = "") -> None:
        self.connection = http.client.HTTPConnection("127.0.0.1", stage.port, timeout=PATIENCE_S)
        headers = {"Last-Event-ID": last} if last else {}
        self.connection.request("GET", f"/v1/events{query}", headers=headers)
        self.response = self.connection.getresponse()

    def next(self) -> Heard:
        """The next event."""
        fields: dict[str, str] = {}
        while True:
            line = self.response.readline().decode().rstrip("\n")
            if not line and "event" in fields:
                return Heard(fields.get("id", ""), fields["event"], json.loads(fields["data"]))
            name, colon, value = line.partition(": ")
            assert colon or not line or self.response.isclosed() is False, "the stream has ended"
            if name in ("id", "event", "data"):
                fields[name] = value

    def until(self, name: str) -> Heard:
        """The next event of a name."""
        while (heard := self.next()).name != name:
            pass
        return heard

    def close(self) -> None:
        self.response.close()
        self.connection.close()


@contextlib.contextmanager
def reading(stage: Stage, query: str = "", last: str = "") -> Iterator[Reader]:
    reader = Reader(stage, query, last)
    try:
        yield reader
    finally:
        reader.close()


def change(stage: Stage) -> None:
    """Ask for a demand and give it back."""
    assert stage.ask("POST", "/v1/demands", DEMAND, token=TOKEN).status == 201
    assert stage.ask("DELETE", f"/v1/demands/{DEMAND['id']}", token=TOKEN).status == 200


def test_a_stream_begins_with_the_state_and_goes_on_with_events(stage: Stage) -> None:
    with reading(stage) as reader:
        assert reader.response.getheader("content-type", "").startswith("text/event-stream")
        assert reader.response.getheader("cache-control") == "no-store"
        state = reader.next()
        assert state.name == "state"
        assert state.data["reservations"] == dict.fromkeys(NETWORK.demands, "on-primary")
        assert state.data["plan"] == stage.backend.snapshot.plan.digest()
        change(stage)
        admitted, withdrawn = reader.until("admitted"), reader.until("withdrawn")
        assert admitted.data["id"] == withdrawn.data["id"] == DEMAND["id"]
        assert int(withdrawn.id.split("-")[1]) > int(admitted.id.split("-")[1])


def test_who_comes_back_misses_nothing(stage: Stage) -> None:
    with reading(stage) as reader:
        change(stage)
        seen = reader.until("admitted")
    change(stage)
    with reading(stage, last=seen.id) as reader:
        names = [reader.next().name for _ in range(4)]
    assert names == ["state", "withdrawn", "admitted", "withdrawn"]


@pytest.mark.parametrize("last", ["another-run-7", "x", "-", "5", "99999999999999999999999999"])
def test_an_id_of_another_run_means_everything(stage: Stage, last: str) -> None:
    with reading(stage, last=last) as reader:
        assert [reader.next().name for _ in range(2)] == ["state", "listening"]


def test_past_events_on_request_and_only_those_wanted(stage: Stage) -> None:
    change(stage)
    with reading(stage, "?replay=1") as reader:
        assert [reader.next().name for _ in range(2)] == ["state", "withdrawn"]
    with reading(stage, "?replay=1000&event=admitted&event=listening") as reader:
        reader.next()
        assert reader.next().name == "listening"
        assert reader.next().name == "admitted"


def test_counters_come_every_second(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stream, "COUNTERS_SECONDS", 0.05)
    with reading(stage, "?counters=true") as reader:
        first, second = reader.until("counters"), reader.until("counters")
    assert [link["id"] for link in first.data["links"]] == list(NETWORK.links)
    assert first.id == second.id == ""
    assert first.data["links"][0]["a"]["counters"]["sent_bytes"] > 0


def test_a_quiet_stream_is_kept_alive(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stream, "KEEP_ALIVE_SECONDS", 0.05)
    with reading(stage) as reader:
        reader.next()
        assert reader.response.readline() == b": still here\n"


def test_streams_are_limited_and_make_room_again(stage: Stage) -> None:
    with running_after(stage, Limits(streams=2)) as limited:
        with reading(limited) as first, reading(limited) as second:
            first.next()
            second.next()
            third = limited.get("/v1/events")
            assert (third.status, third.is_problem) == (503, True)
            assert third.headers["retry-after"]
        wait_until(lambda: b"onehop_event_streams 0.0" in limited.get("/metrics").body)
        with reading(limited) as reader:
            assert reader.next().name == "state"


def test_who_reads_too_slowly_is_told_what_was_missed() -> None:
    feed = EventFeed(NoEvents(), kept=10)
    for number in range(25):
        feed.emit("tick", number=number)
    events, missed = feed.after(3)
    assert missed == 12
    assert [event.number for event in events] == list(range(16, 26))
    assert feed.after(25) == ([], 0)
    assert feed.number_of(events[0].id) == 16
    assert feed.number_of(f"{feed.run}-999") == 25
    assert feed.tally().events == {"tick": 25}


def test_missed_events_are_told_on_the_stream(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    after = stage.feed.after
    monkeypatch.setattr(stage.feed, "after", lambda number: (after(number)[0], 7 if number == 1 else 0))
    with reading(stage, last=f"{stage.feed.run}-1") as reader:
        assert reader.until("missed").data["events"] == 7


def test_who_does_not_read_is_cut_off(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stream, "_STUCK_SECONDS", 0.2)
    with socket.create_connection(("127.0.0.1", stage.port), timeout=PATIENCE_S) as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        connection.sendall(b"GET /v1/events HTTP/1.1\r\nHost: localhost\r\n\r\n")
        connection.recv(100)
        streams = b"onehop_event_streams 0.0"
        deadline = time.monotonic() + PATIENCE_S
        while streams not in stage.get("/metrics").body:
            assert time.monotonic() < deadline
            for _ in range(20):
                stage.feed.emit("noise", text="x" * 50_000)
    change(stage)


def test_a_large_event_is_cut_for_streams() -> None:
    feed = EventFeed(NoEvents())
    feed.emit("repaired", seconds=1.5, unreachable=[["a", "b"]] * 50_000)
    (event,), _ = feed.after(0)
    assert json.loads(event.data) | {"time": 0, "monotonic": 0} == {
        "event": "repaired",
        "time": 0,
        "monotonic": 0,
        "seconds": 1.5,
        "cut": True,
    }
    assert feed.tally().repair_seconds == 1.5
