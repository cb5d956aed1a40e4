"""One STAMP session as its sender sees it: joins what is learned of each packet into one sample. No I/O.

Four sources know of a packet, and they come in any order: the program (sent), the sender's kernel (left at
T1), the reflector's records (arrived at T2, answer left at T3), and the answer (T2, T3, arrived back at T4).
"""

from __future__ import annotations

from collections.abc import Iterator

from experiments.measurement.reflector import ANSWER_LEFT, ARRIVED, Record
from experiments.measurement.samples import Sample
from experiments.measurement.stamp import Reflected
from experiments.measurement.timestamps import ns_from_ntp


class Session:
    """The packets still waited for, by sequence number, and what counts for the session as a whole.

    Attributes:
        stray: answers to nothing that was waited for: foreign, malformed or too late.
    """

    def __init__(self, pair: int) -> None:
        self.pair = pair
        self.stray = 0
        self._waiting: dict[int, Sample] = {}  # in the order of sending
        self._answer_left_ns: dict[int, int] = {}  # T3 of the kernel, by the reflector's number
        self._forgotten: set[int] = set()
        self._highest_arrived = -1
        self._highest_answer = -1

    def sent(self, sequence: int, scheduled_ns: int, t1_ns: int) -> None:
        """The program has sent a packet."""
        self._waiting[sequence] = Sample(self.pair, sequence, scheduled_ns, t1_ns, user_stamps=1)

    def left(self, sequence: int, t1_ns: int) -> None:
        """The kernel has stamped a packet on its way out."""
        sample = self._waiting.get(sequence)
        if sample is not None and sample.user_stamps:
            sample.t1 = t1_ns
            sample.user_stamps = 0

    def recorded(self, record: Record) -> None:
        """The reflector has reported a packet or the departure of its answer."""
        if record.kind == ANSWER_LEFT:
            # A kernel datapath hands the same packet on, and every interface it crosses stamps it again.
            known_ns = self._answer_left_ns.get(record.reflector_sequence, record.time_ns)
            self._answer_left_ns[record.reflector_sequence] = min(known_ns, record.time_ns)
            return
        sample = self._waiting.get(record.sender_sequence)
        if record.kind != ARRIVED or sample is None:
            return
        sample.copies_forward += 1
        if sample.copies_forward == 1:
            sample.late_forward = record.sender_sequence < self._highest_arrived
            sample.ttl_forward = record.ttl
            if sample.t4 is None:
                sample.t2 = record.time_ns
                sample.reflector_seq = record.reflector_sequence
        self._highest_arrived = max(self._highest_arrived, record.sender_sequence)

    def answered(self, answer: Reflected | None, t4_ns: int, ttl: int) -> None:
        """A packet has come back; ``None`` if it was no STAMP packet. The first one is measured."""
        sample = None if answer is None else self._waiting.get(answer.sender_sequence)
        if answer is None or sample is None:
            self.stray += answer is None or answer.sender_sequence not in self._forgotten
            return
        sample.copies_backward += 1
        if sample.copies_backward == 1:
            sample.t2 = ns_from_ntp(answer.received_ntp, t4_ns)
            sample.t3 = ns_from_ntp(answer.sent_ntp, t4_ns)
            sample.t4 = t4_ns
            sample.reflector_seq = answer.reflector_sequence
            sample.ttl_forward = answer.sender_ttl
            sample.ttl_backward = ttl
            sample.late_backward = answer.reflector_sequence < self._highest_answer
        self._highest_answer = max(self._highest_answer, answer.reflector_sequence)

    def complete(self) -> bool:
        """Whether nothing is known to be missing of any packet waited for."""
        return all(sample.copies_forward and sample.copies_backward for sample in self._waiting.values())

    def forget_waiting(self) -> list[int]:
        """Give up all packets waited for, as if never sent; returns their sequence numbers."""
        forgotten = list(self._waiting)
        self._waiting.clear()
        self._forgotten.update(forgotten)
        return forgotten

    def take_finished(self, sent_before_ns: int) -> Iterator[Sample]:
        """Hand out the samples of packets sent before this time; what comes for them later is stray."""
        while self._waiting:
            sequence, sample = next(iter(self._waiting.items()))
            if sample.scheduled >= sent_before_ns:
                return
            del self._waiting[sequence]
            if sample.reflector_seq is not None:
                kernel_t3_ns = self._answer_left_ns.pop(sample.reflector_seq, None)
                if kernel_t3_ns is not None:
                    sample.t3 = kernel_t3_ns
                elif sample.t3 is not None:
                    sample.user_stamps += 1
            yield sample
