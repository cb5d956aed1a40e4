"""The samples file and what is computed from it."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from experiments.measurement.samples import Sample, read_results, summarise, write_header
from topology.errors import InputError

PAIR = ("qingyang", "beijing")
MS = 1_000_000


def sample(seq: int, there_ms: float = 10, back_ms: float = 12, pair: int = 0, **more: int) -> Sample:
    start = seq * 100 * MS
    arrived = start + round(there_ms * MS)
    left = arrived + MS // 2
    fields = {
        "t2": arrived,
        "t3": left,
        "t4": left + round(back_ms * MS),
        "copies_forward": 1,
        "copies_backward": 1,
        "ttl_forward": 252,
        "ttl_backward": 251,
        "reflector_seq": seq,
        **more,
    }
    return Sample(pair=pair, seq=seq, scheduled=start - 1000, t1=start, **fields)


def lost(seq: int, direction: str, pair: int = 0) -> Sample:
    if direction == "forward":
        return Sample(pair=pair, seq=seq, scheduled=0, t1=seq * 100 * MS)
    arrived = seq * 100 * MS + 10 * MS
    return Sample(pair, seq, 0, seq * 100 * MS, t2=arrived, t3=arrived + 1, copies_forward=1)


def test_every_figure_of_a_result() -> None:
    samples = [
        sample(0, 10, 12),
        lost(1, "forward"),
        sample(2, 11, 12, copies_forward=2, copies_backward=3, ttl_forward=250),
        sample(3, 14, 13),
        lost(4, "backward"),
    ]
    samples[3].late_forward = True
    samples[0].late_backward = True
    samples[0].user_stamps = 1
    result = summarise(PAIR, reversed(samples), stray=4)
    assert (result.source, result.destination) == PAIR
    assert (result.sent, result.lost, result.stray, result.user_stamps) == (5, 2, 4, 1)
    assert (result.forward.lost, result.backward.lost) == (1, 1)
    assert (result.forward.duplicated, result.backward.duplicated) == (1, 1)
    assert (result.forward.reordered, result.backward.reordered) == (1, 1)
    assert result.rtt_ms is not None
    assert (result.rtt_ms.count, result.rtt_ms.minimum, result.rtt_ms.median) == (3, 22, 23)
    assert result.rtt_ms.maximum == 27
    assert result.forward.delay_ms is not None
    assert (result.forward.delay_ms.count, result.forward.delay_ms.maximum) == (4, 14)
    assert result.forward.variation is not None
    assert result.forward.variation.pdv_p99_ms == 4
    assert result.forward.variation.ipdv_mean_ms == pytest.approx((3 + 4) / 2), "only neighbours that arrived"
    assert result.forward.ttl_at_arrival == (250, 252)
    assert result.backward.ttl_at_arrival == (251,)
    assert result.timer_error_ms is not None
    assert result.timer_error_ms.minimum == pytest.approx(0.001)
    assert result.to_dict()["forward"]["delay_ms"]["median"] == 10


def test_nothing_measured() -> None:
    result = summarise(PAIR, [])
    assert (result.sent, result.rtt_ms, result.rtt_variation, result.timer_error_ms) == (0, None, None, None)


def write(path: Path, samples: list[Sample], end: str = '{"stray": [3, 5]}\n') -> None:
    with path.open("w", encoding="utf-8") as file:
        write_header(file, [PAIR, ("庆阳", "上海")], {"dscp": 46})
        for each in samples:
            file.write(each.to_json() + "\n")
        file.write(end)


times = st.one_of(st.none(), st.integers(0, 2**63))


@given(
    st.lists(
        st.builds(
            Sample,
            pair=st.integers(0, 1),
            seq=st.integers(0, 2**32 - 1),
            scheduled=st.integers(0, 2**63),
            t1=st.integers(0, 2**63),
            t2=times,
            t3=times,
            t4=times,
            reflector_seq=times,
            copies_forward=st.integers(0, 3),
            copies_backward=st.integers(0, 3),
            late_forward=st.booleans(),
        ),
        max_size=20,
    )
)
def test_reading_gives_what_was_written(tmp_path_factory: pytest.TempPathFactory, many: list[Sample]) -> None:
    path = tmp_path_factory.mktemp("samples") / "s.jsonl"
    write(path, many)
    expected = {
        pair: summarise(pair, [each for each in many if each.pair == number], stray=stray)
        for number, (pair, stray) in enumerate({PAIR: 3, ("庆阳", "上海"): 5}.items())
    }
    assert read_results(path) == expected


def test_a_file_cut_short_gives_what_it_has(tmp_path: Path) -> None:
    path = tmp_path / "s.jsonl"
    write(path, [sample(0), sample(1)], end=sample(2).to_json()[:70])
    result = read_results(path)[PAIR]
    assert (result.sent, result.lost, result.stray) == (2, 0, 0)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "no json\n",
        "[]\n",
        "{}\n",
        '{"format": "onehop-latency-samples", "version": 99, "pairs": []}\n',
        '{"format": "onehop-latency-samples", "version": 1, "pairs": [["a", "b"]]}\n{"pair": 0}\n',
        '{"format": "onehop-latency-samples", "version": 1, "pairs": [["a", "b"]]}\n17\n',
        "\udcff".encode("utf-8", "surrogateescape").decode("latin-1") + "\n",
    ],
)
def test_what_is_no_samples_file(tmp_path: Path, text: str) -> None:
    path = tmp_path / "s.jsonl"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(InputError, match=r"s\.jsonl is not a latency samples file of version 1"):
        read_results(path)


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(InputError):
        read_results(tmp_path / "missing.jsonl")
