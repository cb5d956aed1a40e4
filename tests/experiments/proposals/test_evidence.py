"""Evidence without packets: intervals, which pairs are measured, verdicts, what is kept, what is refused."""

from __future__ import annotations

from dataclasses import replace
from math import comb
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from experiments.proposals.building import with_portfolio
from experiments.proposals.document import load_study
from experiments.proposals.evidence import EvidenceSummary, evidence, read_summary
from experiments.proposals.evidence.choice import Change, changes, chosen
from experiments.proposals.evidence.interval import FEWEST, median_of, median_of_repetitions
from experiments.proposals.evidence.plan import jobs_of, proposed
from experiments.proposals.evidence.record import MeasuredPortfolio, place_of, write_summary
from experiments.proposals.evidence.verdict import TOO_BUSY, Repetition, evidence_of
from experiments.proposals.findings import Choice, Evidence
from experiments.proposals.output import tables_of_doubt
from experiments.proposals.pairs import pairs_of
from experiments.report.proposal_findings import to_know
from experiments.results import HostVerdict, within_tolerance
from tests.experiments.proposals import synthetic_answer
from topology.errors import InputError, MachineError
from topology.network import Network, Text

STUDY = load_study("tiny-candidates")
TO_BEIJING = (Choice("to-beijing", 100.0, 2026),)
TO_BOTH = (Choice("to-xian", 100.0, 2026), Choice("to-beijing", 100.0, 2026))
PAIR = ("qingyang", "beijing")
QUIET = HostVerdict(ok=True, text=Text("quiet", "安静"))
BUSY = HostVerdict(ok=False, text=Text("busy", "忙"))


@pytest.mark.parametrize(("count", "lower", "upper"), [(6, 1, 6), (10, 2, 9), (20, 6, 15), (100, 40, 61)])
def test_limits_are_the_tabulated_order_statistics(count: int, lower: int, upper: int) -> None:
    assert median_of([float(n) for n in range(count, 0, -1)]) == ((count + 1) // 2, lower, upper)


@settings(max_examples=40)
@given(st.integers(FEWEST, 400))
def test_an_interval_has_95_percent_and_no_narrower_one_has(count: int) -> None:
    found = median_of(list(range(count)))
    assert found is not None
    rank = round(found[1]) + 1

    def outside(rank: int) -> float:
        return 2 * sum(comb(count, heads) for heads in range(rank)) / 2.0**count

    assert outside(rank) <= 0.05 < outside(rank + 1)
    assert found[2] == count - rank


@given(st.lists(st.floats(0, 100), max_size=40))
def test_the_median_lies_within_its_interval(values: list[float]) -> None:
    found = median_of(values)
    if len(values) < FEWEST:
        assert found is None
    else:
        assert found is not None
        assert found[1] <= found[0] <= found[2]
        assert set(found) <= set(values)


def test_the_interval_of_repetitions_holds_that_of_each() -> None:
    assert median_of_repetitions([(5.0, 4.9, 5.2), (5.3, 5.1, 5.4), (4.8, 4.7, 4.9)]) == (5.0, 4.7, 5.4)


def test_a_pair_is_measured_once_whatever_its_direction() -> None:
    assert pairs_of(STUDY) == (PAIR, ("xian", "qingyang"))


def test_only_pairs_that_change_are_measured() -> None:
    (change,) = changes(STUDY, TO_BEIJING, with_portfolio(STUDY, TO_BEIJING))
    assert change.pair == PAIR
    assert change.path_before == ("qingyang", "lanzhou", "xian", "beijing")
    assert change.path_after == ("qingyang", "beijing")
    assert change.new_links == ("to-beijing",)
    assert change.rtt_before_ms == pytest.approx(2 * STUDY.base.path_latency_ms(change.path_before), abs=1e-5)


def change_of(name: str, moved_ms: float, *links: str) -> Change:
    return Change("hub", name, (), (), 100.0, 100.0 - moved_ms, links)


def test_every_new_link_is_proven_before_what_moves_most() -> None:
    found = [
        change_of("a", 9, "long"),
        change_of("b", 8, "long"),
        change_of("c", 1, "short"),
        change_of("d", 2, "short"),
    ]
    assert [change.destination for change in chosen(found, 2)] == ["a", "d"]
    assert [change.destination for change in chosen(found, 3)] == ["a", "b", "d"]
    assert chosen(found, 99) == tuple(found)


def test_the_base_is_measured_once_for_all_portfolios() -> None:
    every = proposed(STUDY, [TO_BEIJING, TO_BOTH], most_pairs=12)
    jobs = jobs_of(STUDY, every)
    assert [(job.name, job.variant, len(job.pairs)) for job in jobs] == [
        ("base", "base", 2),
        ("portfolio-1", "proposal", 1),
        ("portfolio-2", "proposal", 2),
    ]


def test_a_portfolio_that_changes_nothing_says_so() -> None:
    (nothing,) = proposed(STUDY, [()], most_pairs=12)
    assert "nothing to measure" in nothing.told()
    assert jobs_of(STUDY, [nothing]) == ()


def repetition(
    network: Network,
    path: tuple[str, ...],
    rtt_ms: float,
    host: HostVerdict = QUIET,
    failed: frozenset[str] = frozenset(),
) -> Repetition:
    return Repetition(network, {PAIR: (rtt_ms, rtt_ms - 0.1, rtt_ms + 0.1)}, {PAIR: path}, failed, host)


def judged(
    error_ms: float = 0.0,
    host: HostVerdict = QUIET,
    failed: frozenset[str] = frozenset(),
    path: tuple[str, ...] = ("qingyang", "beijing"),
) -> Evidence:
    """Two repetitions, of which the second with the portfolio has something special."""
    built = with_portfolio(STUDY, TO_BEIJING)
    (change,) = changes(STUDY, TO_BEIJING, built)
    base = [repetition(STUDY.base, change.path_before, change.rtt_before_ms)] * 2
    measured_ms = change.rtt_after_ms + error_ms
    return evidence_of(
        TO_BEIJING,
        change,
        base,
        [
            repetition(built, change.path_after, measured_ms),
            repetition(built, path, measured_ms, host, failed),
        ],
    )


def test_agreement_is_a_verdict_and_so_is_disagreement() -> None:
    assert (judged(0.49).within_tolerance, judged(0.49).reasons) == (True, ())
    assert (judged(0.51).within_tolerance, judged(0.51).reasons) == (False, ())
    assert judged().repetitions == 2


def test_tolerance_is_the_larger_of_both() -> None:
    assert within_tolerance(102.9, 100.0)
    assert not within_tolerance(103.1, 100.0)
    assert within_tolerance(1.4, 1.0)
    assert not within_tolerance(0.4, 1.0)


def test_a_busy_machine_gives_no_verdict() -> None:
    found = judged(host=BUSY)
    assert not found.within_tolerance
    assert found.reasons == (TOO_BUSY,)


def test_another_path_gives_no_verdict() -> None:
    found = judged(path=("qingyang", "lanzhou", "xian", "beijing"))
    assert not found.within_tolerance
    assert "Qingyang-Lanzhou-Xi'an-Beijing" in found.reasons[0].en.replace("’", "'")
    assert "庆阳" in found.reasons[0].zh


def test_only_links_of_the_path_count() -> None:
    assert judged(failed=frozenset({"to-beijing"})).reasons[0].en.startswith("The link Qingyang - Beijing")
    assert judged(failed=frozenset({"lanzhou--xian"})).within_tolerance


def test_what_is_kept_reads_back(tmp_path: Path) -> None:
    portfolio = MeasuredPortfolio(
        folder="portfolio-1", portfolio=TO_BEIJING, changed_pairs=3, measured_pairs=1
    )
    results = (judged(), judged(host=BUSY))
    summary = EvidenceSummary(
        study=STUDY.id, repetitions=2, samples=100, seed=1, portfolios=(portfolio,), evidence=results
    )
    write_summary(tmp_path, summary)
    assert read_summary(tmp_path) == summary
    assert read_summary(tmp_path).evidence == results


def test_evidence_that_was_not_finished_says_so(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="not measured to its end"):
        read_summary(tmp_path)


def test_an_attempt_never_overwrites_another(tmp_path: Path) -> None:
    job = jobs_of(STUDY, proposed(STUDY, [TO_BEIJING], most_pairs=1))[0]
    for expected in ("1", "1-2", "1-3"):
        place = place_of(tmp_path, job, 1)
        assert place == tmp_path / "evidence" / "base" / expected
        place.mkdir(parents=True)


def test_outside_a_cell_nothing_is_begun(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ONEHOP_CELL", raising=False)
    with pytest.raises(MachineError):
        evidence(STUDY, [TO_BEIJING], folder=tmp_path)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("wrong", [{"repetitions": 0}, {"samples": 5}, {"most_pairs": 0}])
def test_parameters_without_sense_are_refused(tmp_path: Path, wrong: dict[str, int]) -> None:
    with pytest.raises(InputError, match="evidence needs"):
        evidence(STUDY, [TO_BEIJING], folder=tmp_path, **wrong)  # type: ignore[arg-type]


def test_no_verdict_is_told_with_its_reason() -> None:
    asked = synthetic_answer.study()
    found = synthetic_answer.answer(asked)
    sure, other = found.evidence
    found = replace(found, evidence=(sure, replace(other, reasons=(TOO_BUSY,))))
    rows = [row[-2:] for row in tables_of_doubt.evidence(found).rows]
    assert rows == [(True, ""), (None, TOO_BUSY.en)]
    told = [text.en for text in to_know(asked, found)]
    assert any("1 of 1 round trips lie within tolerance" in text for text in told)
    assert f"1 of 2 emulated round trips allow no verdict. {TOO_BUSY.en}" in told
