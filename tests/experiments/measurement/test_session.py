"""A session joins what is known of a packet, in whatever order it becomes known."""

from __future__ import annotations

from collections.abc import Callable

from hypothesis import given
from hypothesis import strategies as st

from experiments.measurement.reflector import ANSWER_LEFT, ARRIVED, Record
from experiments.measurement.samples import Sample
from experiments.measurement.session import Session
from experiments.measurement.stamp import Reflected
from experiments.measurement.timestamps import ntp_from_ns

T0 = 1_700_000_000_000_000_000
LATER = T0 + 10**12
Event = Callable[[Session], None]


def sent(sequence: int) -> Event:
    return lambda session: session.sent(sequence, T0 + sequence, T0 + sequence + 1)


def left(sequence: int) -> Event:
    return lambda session: session.left(sequence, T0 + sequence + 10)


def arrived(sequence: int, own: int, ttl: int = 252) -> Event:
    record = Record(ARRIVED, ttl, 1, sequence, own, T0 + sequence + 1000)
    return lambda session: session.recorded(record)


def answer_left(sequence: int, own: int) -> Event:
    record = Record(ANSWER_LEFT, 0, 1, sequence, own, T0 + sequence + 1500)
    return lambda session: session.recorded(record)


def answer_left_again(sequence: int, own: int) -> Event:
    """A later stamp of the same answer, by an interface further on."""
    record = Record(ANSWER_LEFT, 0, 1, sequence, own, T0 + sequence + 9000)
    return lambda session: session.recorded(record)


def answered(sequence: int, own: int) -> Event:
    answer = Reflected(
        own, ntp_from_ns(T0 + sequence + 1400), 1, ntp_from_ns(T0 + sequence + 1000), sequence, 0, 252
    )
    return lambda session: session.answered(answer, T0 + sequence + 2500, 251)


def play(*events: Event) -> tuple[Session, list[Sample]]:
    session = Session(0)
    for event in events:
        event(session)
    return session, list(session.take_finished(LATER))


@given(st.permutations([left(0), arrived(0, 0), answer_left(0, 0), answer_left_again(0, 0), answered(0, 0)]))
def test_any_order_gives_the_same_sample(events: list[Event]) -> None:
    session, (sample,) = play(sent(0), *events)
    assert sample == Sample(
        pair=0,
        seq=0,
        scheduled=T0,
        t1=T0 + 10,
        t2=T0 + 1000,
        t3=T0 + 1500,
        t4=T0 + 2500,
        reflector_seq=0,
        ttl_forward=252,
        ttl_backward=251,
        copies_forward=1,
        copies_backward=1,
        user_stamps=0,
    )
    assert session.stray == 0
    assert sample.rtt_ms == ((2500 - 10) - (1500 - 1000)) / 1e6
    assert sample.forward_ms == (1000 - 10) / 1e6
    assert sample.backward_ms == (2500 - 1500) / 1e6


def test_without_the_kernel_the_program_takes_the_time() -> None:
    _, (sample,) = play(sent(0), arrived(0, 0), answered(0, 0))
    assert (sample.t1, sample.t3, sample.user_stamps) == (T0 + 1, T0 + 1400, 2)


def test_lost_on_the_way_there() -> None:
    _, (sample,) = play(sent(0), left(0))
    assert (sample.lost, sample.t2, sample.rtt_ms, sample.user_stamps) == ("forward", None, None, 0)


def test_lost_on_the_way_back() -> None:
    _, (sample,) = play(sent(0), left(0), arrived(0, 0), answer_left(0, 0))
    assert sample.lost == "backward"
    assert sample.forward_ms is not None
    assert (sample.t3, sample.rtt_ms) == (T0 + 1500, None)


def test_complete_means_that_nothing_is_missing() -> None:
    session = Session(0)
    assert session.complete()
    sent(0)(session)
    assert not session.complete()
    arrived(0, 0)(session)
    assert not session.complete()
    answered(0, 0)(session)
    assert session.complete()


def test_duplicate_on_the_way_there_is_answered_twice() -> None:
    _, (sample,) = play(sent(0), arrived(0, 0), arrived(0, 1), answered(0, 0), answered(0, 1))
    assert (sample.copies_forward, sample.copies_backward, sample.reflector_seq) == (2, 2, 0)


def test_of_two_answers_the_first_to_come_is_measured() -> None:
    _, (sample,) = play(
        sent(0),
        arrived(0, 0),
        arrived(0, 1),
        answer_left(0, 0),
        answer_left(0, 1),
        answered(0, 1),
    )
    assert (sample.reflector_seq, sample.copies_backward, sample.lost) == (1, 1, None)


def test_reordering_by_direction() -> None:
    _, samples = play(
        *(sent(number) for number in range(3)),
        arrived(1, 0),
        arrived(0, 1),
        arrived(2, 2),
        answered(2, 2),
        answered(1, 0),
        answered(0, 1),
    )
    assert [sample.late_forward for sample in samples] == [True, False, False]
    assert [sample.late_backward for sample in samples] == [True, True, False], "behind the third answer"


def test_what_comes_too_late_is_lost_and_stray() -> None:
    session, (sample,) = play(sent(0), arrived(0, 0))
    answered(0, 0)(session)
    assert (sample.lost, session.stray) == ("backward", 1)


def test_stray_packets() -> None:
    session, _ = play(sent(0), lambda s: s.answered(None, T0, 64), answered(77, 0))
    assert session.stray == 2


def test_only_those_waited_for_long_enough_are_handed_out() -> None:
    session = Session(3)
    for sequence in range(5):
        sent(sequence)(session)
    assert [sample.seq for sample in session.take_finished(T0 + 2)] == [0, 1]
    assert [(sample.pair, sample.seq) for sample in session.take_finished(LATER)] == [(3, 2), (3, 3), (3, 4)]


def test_records_as_bytes() -> None:
    records = [Record(ARRIVED, 255, 65535, 2**32 - 1, 7, 2**64 - 1), Record(ANSWER_LEFT, 0, 1, 2, 3, 4)]
    assert Record.unpack_all(b"".join(record.pack() for record in records)) == records
