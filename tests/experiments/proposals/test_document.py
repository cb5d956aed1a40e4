"""Studies: what a file says is what the planner is asked; no text at all gives anything but an answer or its
mistakes."""

from __future__ import annotations

import copy
import re
import tempfile
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from experiments.proposals.building import link_of, route_km, with_portfolio
from experiments.proposals.costs import build_cny_million
from experiments.proposals.document import check_study, json_schema, load_study, study_names
from experiments.proposals.document.shipped import FOLDER
from experiments.proposals.findings import Choice
from experiments.proposals.model import FIGURES, Build, Distribution, Provenance, Study
from topology.geography import great_circle_km
from topology.network import Text
from topology.scenario import load
from topology.scenario.document import parse


@pytest.fixture(scope="module")
def tiny() -> Study:
    return load_study("tiny-candidates")


@pytest.fixture(scope="module")
def qingyang() -> Study:
    return load_study("qingyang-candidates")


def test_the_shipped_studies() -> None:
    assert study_names() == ["qingyang-candidates", "tiny-candidates"]
    assert [check_study(name) for name in study_names()] == [[], []]


def test_a_study_says_what_its_file_says(tiny: Study) -> None:
    assert tiny.base.digest() == load("tiny").digest()
    assert (tiny.id, tiny.first_year, tiny.years, tiny.price_year) == ("tiny-candidates", 2025, 4, 2024)
    assert tiny.file == "tiny-candidates.yaml"
    assert list(tiny.candidates) == ["to-xian", "to-beijing", "lanzhou-beijing"]
    assert set(tiny.figures) == set(FIGURES)
    growth = {entry.demand.id: entry.growth_per_year for entry in tiny.demands}
    assert growth["train"] is tiny.figures["growth_per_year"]
    assert (growth["backup"].value, growth["backup"].low, growth["backup"].high) == (0.1, 0.0, 0.2)
    assert growth["backup"].provenance.assumption == "nightly, grows slowly"  # that of its demand
    spacing = tiny.figures["amplifier_spacing_km"]
    assert spacing.is_certain
    assert spacing.distribution is Distribution.TRIANGULAR
    assert "cable-lengths" in tiny.sources  # of the base
    assert "regional-cable" in tiny.sources  # its own
    assert tiny.provenance == Provenance(assumption="enough for any one of the three and for some pairs")


def test_a_candidate_has_the_length_of_what_it_follows(tiny: Study) -> None:
    links = tiny.base.links
    old = tiny.candidates["lanzhou-beijing"]
    assert old.route_km == pytest.approx(links["lanzhou--xian"].route_km + links["xian--beijing"].route_km)
    assert (old.along, old.follows_route_factor) == (("lanzhou", "xian", "beijing"), False)
    assert route_km(tiny, old, 1.3) == old.route_km
    new = tiny.candidates["to-beijing"]
    assert new.follows_route_factor
    assert new.route_km == pytest.approx(898.9 * 1.6, rel=1e-4)  # great circle of docs/model.md
    assert route_km(tiny, new, 1.3) == pytest.approx(898.9 * 1.3, rel=1e-4)
    assert new.name == Text("Qingyang - Beijing", "庆阳—北京")
    assert new.build is Build.EXISTING_FIBRE


def test_what_is_missing_to_an_end_is_great_circle_times_route_factor(qingyang: Study) -> None:
    nanjing = qingyang.candidates["nanjing"]
    assert nanjing.along == ("qingyang", "xian-telecom", "nanjing-telecom")
    assert nanjing.route_km == pytest.approx(qingyang.candidates["xian"].route_km + 1510, abs=0.002)
    shorter = qingyang.candidates["xian"].route_km * 1.3 / 1.6
    assert route_km(qingyang, nanjing, 1.3) == pytest.approx(shorter + 1510, abs=0.002)
    wuhu = qingyang.candidates["wuhu"]
    last = qingyang.base.link_between("nanjing-telecom", "wuhu").route_km
    assert wuhu.route_km == pytest.approx(nanjing.route_km + last, abs=0.002)


def test_the_issues_cities_are_all_there(qingyang: Study) -> None:
    cities = {re.split("-", candidate.b)[0] for candidate in qingyang.candidates.values()}
    assert cities >= {
        *("beijing", "zhangjiakou", "shanghai", "nanjing", "hangzhou", "wuhu", "guangzhou", "shenzhen"),
        *("shaoguan", "chengdu", "guian", "horinger", "zhongwei"),
    }
    assert all(candidate.a == "qingyang" for candidate in qingyang.candidates.values())
    assert len(qingyang.demands) == 25
    assert (
        sum(entry.demand.rate_gbps for entry in qingyang.demands if entry.demand.destination == "qingyang")
        == 350
    )


def test_the_study_is_not_decided_by_its_file(qingyang: Study) -> None:
    """Money for some candidates and not for all; routes that outgrow the base within the years."""
    last = Choice("xian", 400, qingyang.first_year + 2)
    assert with_portfolio(qingyang, [last]).links.keys() - qingyang.base.links.keys() == {"xian"}
    exit_gbps = sum(
        link.capacity_gbps for link in qingyang.base.links.values() if "qingyang" in (link.a, link.b)
    )
    towards = sum(
        entry.demand.rate_gbps for entry in qingyang.demands if entry.demand.destination == "qingyang"
    )
    growth = 1 + qingyang.figure("growth_per_year")
    assert towards < exit_gbps < towards * growth ** (qingyang.years - 1)


@pytest.mark.parametrize("name", study_names())
def test_every_figure_and_part_says_where_it_comes_from(name: str) -> None:
    study = load_study(name)
    figures = [*study.figures.values(), *(entry.growth_per_year for entry in study.demands)]
    traced = [figure.provenance for figure in figures]
    traced += [part.provenance for part in (*study.candidates.values(), *study.targets)]
    for provenance in traced:
        assert provenance.sources or provenance.assumption
        assert set(provenance.sources) <= study.sources.keys()
    for figure in figures:
        assert figure.low <= figure.value <= figure.high
    own = study.sources.keys() - study.base.sources.keys()
    used = {source for provenance in [*traced, study.provenance] for source in provenance.sources}
    assert own <= used, "a source that nothing names"


@pytest.mark.parametrize("name", study_names())
def test_the_json_schema_describes_the_shipped_studies(name: str) -> None:
    schema = json_schema()
    jsonschema.Draft202012Validator.check_schema(schema)
    data = parse((FOLDER / f"{name}.yaml").read_text(encoding="utf-8"), name).plain()
    validator = jsonschema.Draft202012Validator(schema)
    validator.validate(data)
    for broken in (
        data | {"proposal": 2},
        data | {"candidate": {}},
        data | {"figures": data["figures"] | {"wave_gbps": {"value": 0, "assumption": "x"}}},
        data | {"candidates": data["candidates"] | {"Bad Id": next(iter(data["candidates"].values()))}},
        {key: value for key, value in data.items() if key != "budget"},
    ):
        assert not validator.is_valid(broken)


def test_paths_are_relative_to_the_file(tmp_path: Path) -> None:
    (tmp_path / "base.yaml").write_text("onehop: 1\nbase: tiny\nid: mine\ntitle: T\n", encoding="utf-8")
    text = (FOLDER / "tiny-candidates.yaml").read_text(encoding="utf-8")
    (tmp_path / "study.yaml").write_text(
        re.sub(r"(?m)^base: tiny\b", "base: base.yaml", text), encoding="utf-8"
    )
    assert load_study(str(tmp_path / "study.yaml")).base.id == "mine"


def test_the_demands_of_the_base_count_unless_left_out(qingyang: Study, tmp_path: Path) -> None:
    text = (FOLDER / "qingyang-candidates.yaml").read_text(encoding="utf-8")
    (tmp_path / "without.yaml").write_text(text + "base_demands: false\n", encoding="utf-8")
    without = load_study(str(tmp_path / "without.yaml"))
    assert qingyang.demands[: len(qingyang.base.demands)] != without.demands[: len(qingyang.base.demands)]
    assert qingyang.demands[len(qingyang.base.demands) :] == without.demands


def study_check(content: bytes) -> list[str]:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "file.yaml"
        file.write_bytes(content)
        problems = [str(problem) for problem in check_study(str(file))]
        if not problems:
            load_study(str(file))
    return problems


@given(
    st.one_of(
        st.binary(max_size=200), st.text(alphabet="ab1.-:, []{}#&*!|>'\"%@\n庆", max_size=60).map(str.encode)
    )
)
@settings(max_examples=50)
def test_any_bytes_are_a_study_or_bad_input(content: bytes) -> None:
    assert study_check(content)  # no such bytes are a study


DATA: dict[str, Any] = yaml.safe_load((FOLDER / "tiny-candidates.yaml").read_text(encoding="utf-8"))


def places(data: Any, path: tuple[str | int, ...] = ()) -> list[tuple[str | int, ...]]:
    entries = data.items() if isinstance(data, dict) else enumerate(data) if isinstance(data, list) else ()
    return [place for key, below in entries for place in [(*path, key), *places(below, (*path, key))]]


PLACES = places(DATA)
ANYTHING = st.one_of(
    *(st.none(), st.booleans(), st.integers(-3, 3), st.floats(), st.integers(10**15, 10**18)),
    st.sampled_from(
        ["", "qingyang", "beijing", "new-cable", "x" * 70, "庆阳", {}, [], ["xian"], {"value": 1}]
    ),
)


@given(
    st.lists(
        st.tuples(st.sampled_from(PLACES), st.one_of(st.just("delete"), ANYTHING)), min_size=1, max_size=3
    )
)
@settings(max_examples=80)
def test_a_study_with_anything_anywhere_is_sound_or_told_what_is_wrong(
    changes: list[tuple[tuple[str | int, ...], Any]],
) -> None:
    data = copy.deepcopy(DATA)
    for path, value in changes:
        above: Any = data
        try:
            for step in path[:-1]:
                above = above[step]
            if value == "delete":
                del above[path[-1]]
            else:
                above[path[-1]] = value
        except (KeyError, IndexError, TypeError):  # another change has taken it away
            continue
    for problem in study_check(yaml.safe_dump(data, allow_unicode=True).encode()):
        assert problem.split("\n")[0].strip()
        assert "file.yaml:" in problem


PAGES = [
    Path(__file__).resolve().parents[3] / "docs" / name
    for name in ("proposals-data.md", "proposals-data.zh.md")
]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.name))
def test_the_tables_of_the_page_are_the_studys(page: Path, qingyang: Study) -> None:
    text = page.read_text(encoding="utf-8")
    language = "zh" if page.name.endswith(".zh.md") else "en"
    for one in qingyang.candidates.values():
        a, b = qingyang.base.sites[one.a], qingyang.base.sites[one.b]
        circle_km = great_circle_km(a.latitude_deg, a.longitude_deg, b.latitude_deg, b.longitude_deg)
        one_way_ms = qingyang.base.link_latency_ms(link_of(qingyang, one, 400))
        row = f"| `{one.id}` | {b.name.in_language(language)} | {circle_km:.0f} | {one.route_km:.0f} "
        row += f"| {one.route_km / circle_km:.2f} | {one_way_ms:.1f} "
        row += f"| {build_cny_million(qingyang, one, 400):.0f} |"
        assert row in text
    to = "至" if language == "zh" else "to"
    for name, figure in qingyang.figures.items():
        if not figure.is_certain:
            assert f"| {figure.value:g} | {figure.low:g} {to} {figure.high:g} |" in text, name


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.name))
def test_the_example_of_the_page_is_sound(page: Path, tmp_path: Path) -> None:
    (example,) = re.findall(r"^```yaml\n(.*?)^```", page.read_text(encoding="utf-8"), re.M | re.S)
    figures = "".join(
        f"  {name}: {{value: 1.6, assumption: x}}\n" for name in FIGURES if name != "route_factor"
    )
    figures = figures.replace("spacing_km: {value: 1.6", "spacing_km: {value: 80")
    figures = figures.replace("unserved_ms: {value: 1.6", "unserved_ms: {value: 40")
    figures = re.sub(r"((?:ratio|rate)_per_year: {value: )1.6", r"\g<1>0.1", figures)
    (tmp_path / "example.yaml").write_text(example.replace("  # ...\n", figures), encoding="utf-8")
    assert check_study(str(tmp_path / "example.yaml")) == []
