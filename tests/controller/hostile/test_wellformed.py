"""What passes the check never harms os-ken's parser, and what real switches say passes."""

from __future__ import annotations

import contextlib
import logging
import sys
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import example, given, settings
from os_ken.ofproto import ofproto_parser, ofproto_protocol, ofproto_v1_3

from controller.wellformed import GREETINGS, HEARD, IGNORED, MalformedError, sound
from tests.controller.hostile import messages
from tests.controller.hostile.messages import CORPUS, LATE_CORPUS, MESSAGES, TOLERATED

MOST_CALLS = 10_000
# In OpenFlow 1.0 the number of our barrier reply is that of a list of queues, here with one of no length.
QUEUE_WITHOUT_END = b"\x01\x15\x00\x18" + bytes(20)
SWITCH: Any = ofproto_protocol.ProtocolDesc(version=ofproto_v1_3.OFP_VERSION)


def read(data: bytes) -> Any:
    """The message as the controller would read it; raises ``MalformedError`` if it would not."""
    version, kind, length, xid = ofproto_parser.header(data)
    if length != len(data) or kind not in HEARD:
        raise MalformedError("does not get this far")
    return ofproto_parser.msg(SWITCH, version, kind, length, xid, sound(version, kind, data))


def calls_of(work: Callable[[], object]) -> int:
    """How many calls ``work`` makes: as many on every machine. It is ended when there are far too many."""
    calls = 0

    def count(_frame: object, event: str, _argument: object) -> None:
        nonlocal calls
        calls += event in ("call", "c_call")
        if calls > MOST_CALLS:
            raise RecursionError

    sys.setprofile(count)
    try:
        with contextlib.suppress(Exception):
            work()
    finally:
        sys.setprofile(None)
    return calls


@settings(max_examples=400)
@given(MESSAGES.filter(lambda data: len(data) >= 8))
@example(QUEUE_WITHOUT_END)
def test_no_message_keeps_the_parser_busy(data: bytes) -> None:
    logging.getLogger("os_ken").setLevel(logging.CRITICAL + 1)
    # A message of some hundred bytes: not a question of speed but of whether it ends.
    assert calls_of(lambda: read(data)) <= MOST_CALLS


@pytest.mark.parametrize("name", [name for name in LATE_CORPUS if name not in ("another version", "garbage")])
def test_malformed_messages_are_told(name: str) -> None:
    if name in ("unknown action", "unknown instruction"):
        assert read(LATE_CORPUS[name]) is None  # os-ken cannot read it, and says so
    else:
        with pytest.raises(MalformedError):
            read(LATE_CORPUS[name])


@pytest.mark.parametrize("name", TOLERATED)
def test_strange_messages_can_be_read(name: str) -> None:
    data = TOLERATED[name]
    if data[1] not in IGNORED:
        assert read(data) is not None


def test_actions_of_experimenters_stay_foreign() -> None:
    (entry,) = read(TOLERATED["a Nicira action"]).body
    (action,) = entry.instructions[0].actions
    assert type(action).__name__ == "OFPActionExperimenterUnknown"


def test_hello_without_end_is_refused() -> None:
    with pytest.raises(MalformedError):
        read(CORPUS["hello element of length 0"])


@pytest.mark.parametrize("version", [1, 2, 3, 5, 6])
@pytest.mark.parametrize("kind", sorted(set(HEARD) - GREETINGS))
def test_other_versions_are_refused_after_the_greeting(version: int, kind: int) -> None:
    with pytest.raises(MalformedError, match="version"):
        sound(version, kind, bytes(200))


def test_what_is_heard_and_what_is_ignored_are_two_things() -> None:
    assert not set(HEARD) & IGNORED
    assert read(messages.HELLO_4).elements[0].versions == [4]
