"""Summary: what it holds, what is derived, when a verdict is refused."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from experiments.results import (
    DelaySplit,
    DelayStatistics,
    HostVerdict,
    LinkChecks,
    OneWayStatistics,
    PairResult,
    ResultFolder,
    Summary,
    assumptions_of,
    conclude,
    sources_of,
    summary_schema,
    targets_met,
)
from experiments.results.verdict import saving_share
from tests.experiments.synthetic import networks, shortest_path, write_folder
from topology.errors import InputError
from topology.network import Provenance, Text

delays = st.lists(st.floats(min_value=0.001, max_value=1e4), min_size=1, max_size=200)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> ResultFolder:
    return write_folder(tmp_path_factory.mktemp("results") / "run")


def test_round_trip_through_the_file(folder: ResultFolder) -> None:
    summary = folder.summary
    assert Summary.from_json(summary.to_json(), where="x") == summary
    assert (folder.path / "summary.json").read_text() == summary.to_json()


def test_the_published_schema_holds_for_the_file(folder: ResultFolder) -> None:
    schema = summary_schema()
    jsonschema.Draft202012Validator.check_schema(schema)
    data = json.loads((folder.path / "summary.json").read_text())
    jsonschema.validate(data, schema)
    del data["pairs"][0]["base"]["hops"]
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(data, schema)


def test_the_schema_in_the_docs_is_the_one_in_force() -> None:
    """By its fields: another version of pydantic may word the same schema differently."""

    def fields(schema: dict[str, Any]) -> dict[str, tuple[list[str], list[str]]]:
        parts = {"Summary": schema, **schema["$defs"]}
        return {n: (list(p.get("properties", {})), p.get("required", [])) for n, p in parts.items()}

    written = Path(__file__).parents[2] / "docs" / "results.schema.json"
    assert fields(json.loads(written.read_text(encoding="utf-8"))) == fields(summary_schema())


def test_what_scripts_rely_on_is_there(folder: ResultFolder) -> None:
    data = json.loads((folder.path / "summary.json").read_text())
    for pair in data["pairs"]:
        assert {"source", "destination", "base", "proposal", "floor_rtt_ms"} <= set(pair)
        for variant in ("base", "proposal"):
            result = pair[variant]
            for name in ("rtt_ms", "one_way_ms"):
                assert {"min", "median", "mean", "p95", "p99", "max", "sent", "lost"} <= set(result[name])
            assert result["hops"] == len(result["path"]) - 1
            assert result["floor_rtt_ms"] == pair["floor_rtt_ms"]
            assert result["predicted_rtt_ms"] > result["floor_rtt_ms"]
            assert result["throughput_mbps"]["tcp"] <= result["declared_mbps"]
            assert (result["sent"], result["lost"]) == (200, 0)


def test_an_unknown_key_is_refused(folder: ResultFolder) -> None:
    data = json.loads((folder.path / "summary.json").read_text())
    data["pairs"][1]["base"]["colour"] = "blue"
    with pytest.raises(InputError) as caught:
        Summary.from_json(json.dumps(data), where="summary.json")
    assert caught.value.problems[0].where == "summary.json pairs.1.base.colour"


@given(delays, st.integers(min_value=0, max_value=50))
def test_statistics_are_ordered_and_count(values: list[float], lost: int) -> None:
    found = DelayStatistics.of(values, len(values) + lost)
    assert found.lost == lost
    figures = (found.min, found.median, found.p95, found.p99, found.max)
    assert None not in figures
    assert list(figures) == sorted(figures)  # type: ignore[type-var]
    assert found.variation_ms == pytest.approx((found.p99 or 0) - (found.min or 0), abs=1e-5)


def test_all_probes_lost() -> None:
    nothing = DelayStatistics.of([], 10)
    result = _result(rtt=nothing, one_way=OneWayStatistics.of_both([], [], 10))
    assert (result.sent, result.lost, result.error_ms, result.stretch) == (10, 10, None, None)
    assert not result.within_tolerance
    assert result.targets.circle_ms is None
    assert not result.targets.within_1_5_of_theory


@pytest.mark.parametrize(
    ("predicted_one_way_ms", "measured_rtt_ms", "agrees"),
    [
        (5.0, 10.49, True),  # below 16.7 ms, half a millisecond is the larger tolerance
        (5.0, 10.51, False),
        (5.0, 9.51, True),
        (50.0, 102.9, True),  # above it, three per cent
        (50.0, 103.1, False),
    ],
)
def test_tolerance(predicted_one_way_ms: float, measured_rtt_ms: float, agrees: bool) -> None:
    result = _result(
        rtt=DelayStatistics.of([measured_rtt_ms] * 3, 3),
        split=DelaySplit(propagation_ms=predicted_one_way_ms, transit_ms=0, handover_ms=0, queueing_ms=9),
    )
    assert result.predicted_rtt_ms == 2 * predicted_one_way_ms  # of the empty path: no queueing
    assert result.within_tolerance is agrees


@pytest.mark.parametrize(("one_way_ms", "circle"), [(0.9, 1), (1.0, 1), (1.1, 5), (20.0, 20), (20.1, None)])
def test_circles(one_way_ms: float, circle: int | None) -> None:
    assert targets_met(one_way_ms, 2 * one_way_ms, 1.0).circle_ms == circle


def test_theory_target_at_its_limit() -> None:
    assert targets_met(7.5, 15.0, 10.0).within_1_5_of_theory
    assert not targets_met(7.51, 15.01, 10.0).within_1_5_of_theory


def test_the_split_adds_up_to_the_model() -> None:
    for network in networks().values():
        for site in network.comparison.destinations:
            path = shortest_path(network, "qingyang", site)
            split = DelaySplit.of_path(network, path, queueing_ms=0.25)
            assert split.empty_ms == pytest.approx(network.path_latency_ms(path))
            assert split.total_ms == pytest.approx(network.path_latency_ms(path) + 0.25)


def test_the_verdict_names_the_gain_and_the_cheaper_step(folder: ResultFolder) -> None:
    summary = folder.summary
    assert summary.verdict.ok
    share = saving_share(summary.pairs, summary.model_variants[0])
    assert share is not None
    assert 0 < share < 1
    for text in (summary.verdict.text.en, summary.verdict.text.zh):
        assert f"{share:.0%}" in text
    assert "Qingyang" in summary.verdict.text.en
    assert "庆阳" in summary.verdict.text.zh


def test_no_gain_is_said(folder: ResultFolder) -> None:
    pairs = [pair.model_copy(update={"proposal": pair.base}) for pair in folder.summary.pairs]
    verdict = conclude(pairs)
    assert verdict.ok
    assert "does not shorten" in verdict.text.en
    assert "没有缩短" in verdict.text.zh


def test_each_reason_to_refuse_is_given(folder: ResultFolder) -> None:
    pairs = list(folder.summary.pairs)
    unproven = pairs[0].base.model_copy(update={"path_proven": False})
    off = pairs[1].proposal.model_copy(update={"within_tolerance": False})
    pairs[0] = pairs[0].model_copy(update={"base": unproven})
    pairs[1] = pairs[1].model_copy(update={"proposal": off})
    links = folder.links
    assert links is not None
    broken = links.networks["base"][0].model_copy(update={"within_tolerance": False})
    links = LinkChecks(networks={"base": (broken,)})
    host = HostVerdict(ok=False, text=Text("Too busy.", "过于繁忙。"))
    verdict = conclude(pairs, links, host, site_names={"lanzhou": Text("Lanzhou", "兰州")})
    assert not verdict.ok
    reasons = [reason.en for reason in verdict.reasons]
    assert len(reasons) == 4
    assert pairs[0].destination_name.en in reasons[0]
    assert pairs[1].destination_name.en in reasons[1]
    assert "qingyang → Lanzhou" in reasons[2]
    assert "qingyang → 兰州" in verdict.reasons[2].zh
    assert reasons[3] == "Too busy."
    assert not conclude([]).ok


def test_a_long_list_of_reasons_is_cut(folder: ResultFolder) -> None:
    bad = [
        pair.model_copy(update={"base": pair.base.model_copy(update={"within_tolerance": False})})
        for pair in folder.summary.pairs
    ]
    (reason,) = conclude(bad).reasons
    assert "and 4 more" in reason.en
    assert "另外 4 处" in reason.zh


def test_assumptions_are_gathered_once() -> None:
    found = networks()
    assumptions = assumptions_of(*found.values())
    by_part = {item.part: item for item in assumptions}
    assert set(by_part) == {"figure", "site", "link"}
    assert len(assumptions) == 3
    assert len(by_part["site"].subjects) == len(found["base"].sites)
    assert len(by_part["link"].subjects) == len(found["proposal"].links)
    assert by_part["figure"].value == 1.6


def test_the_same_assumption_on_several_sources_is_one() -> None:
    network = networks()["base"]
    sites = dict(network.sites)
    sites["xian"] = replace(
        sites["xian"], provenance=Provenance(("fibre",), "half a millisecond of transit per site")
    )
    (item,) = (a for a in assumptions_of(replace(network, sites=sites)) if a.part == "site")
    assert item.sources == ("geonames", "fibre")
    assert "xian" in item.subjects


def test_only_sources_in_use_are_listed() -> None:
    network = networks()["base"]
    assert [source.id for source in sources_of(network)] == ["geonames", "fibre"]
    assert [s.id for s in sources_of(replace(network, figures={}))] == ["geonames"]


def _result(
    rtt: DelayStatistics, one_way: OneWayStatistics | None = None, split: DelaySplit | None = None
) -> PairResult:
    return PairResult.of(
        path=("a", "b"),
        planned_path=("a", "b"),
        path_proven=True,
        rtt_ms=rtt,
        one_way_ms=one_way or OneWayStatistics.of_both([5.0], [5.0], 1),
        predicted=split or DelaySplit(propagation_ms=5, transit_ms=0, handover_ms=0),
        floor_rtt_ms=6.0,
        declared_mbps=100,
    )
