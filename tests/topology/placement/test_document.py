"""Files of machines: defaults, what holds for all pairs, the schema, and no input ends in a traceback."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml
from hypothesis import event, given
from hypothesis import strategies as st

from topology.emulation.layout import Layout
from topology.errors import InputError
from topology.placement.document import json_schema, load_fleet
from topology.placement.model import UnderlayPath
from topology.placement.parts import parts
from topology.placement.place import place
from topology.scenario import load

EXAMPLE = Path(__file__).resolve().parents[3] / "docs" / "examples" / "three-machines.yaml"
TINY = Layout.of(load("tiny"))


def fleet_of(text: str, folder: Path, layout: Layout = TINY) -> Any:
    file = folder / "machines.yaml"
    file.write_text(text, encoding="utf-8")
    return load_fleet(str(file), layout)


def test_defaults(tmp_path: Path) -> None:
    fleet = fleet_of(
        "placement: 1\nfragments: true\nmachines:\n"
        "  far: {address: 192.0.2.11}\n  here: {address: 192.0.2.10, reach: [], sites: 3}\n",
        tmp_path,
    )
    far, here = fleet.machines
    assert far.reach == ("ssh", "-o", "BatchMode=yes", "192.0.2.11")
    assert (far.program, far.weight, far.sites, far.mtu_bytes) == (("onehop",), 1.0, None, 1500)
    assert (here.is_local, here.sites) == (True, 3)
    assert fleet.controller == "here"
    assert (fleet.vxlan_port, fleet.first_vni, fleet.pins, fleet.underlay) == (14789, 1_000_000, {}, ())


def test_commands_are_texts_or_lists_and_the_first_carries_the_controller(tmp_path: Path) -> None:
    fleet = fleet_of(
        "placement: 1\nmachines:\n"
        "  a: {address: 192.0.2.1, reach: ssh -i 'my key' lab, program: [sudo, onehop], mtu_bytes: 1550}\n"
        "  b: {address: 192.0.2.2, reach: [ip, netns, exec, b], mtu_bytes: 1550}\n",
        tmp_path,
    )
    assert fleet.machines[0].reach == ("ssh", "-i", "my key", "lab")
    assert fleet.machines[0].program == ("sudo", "onehop")
    assert fleet.machines[1].reach == ("ip", "netns", "exec", "b")
    assert fleet.controller == "a"


def test_the_underlay_of_all_pairs_and_of_one() -> None:
    fleet = load_fleet(str(EXAMPLE), Layout.of(load("qingyang-direct")))
    assert fleet.underlay == (
        UnderlayPath("here", "lab-1", 0.1, 10000.0),
        UnderlayPath("here", "lab-2", 0.25, 1000.0),
        UnderlayPath("lab-1", "lab-2", 0.1, 10000.0),
    )


def test_the_example_and_the_schema_agree() -> None:
    schema = json_schema()
    jsonschema.Draft202012Validator.check_schema(schema)
    example = yaml.safe_load(EXAMPLE.read_text(encoding="utf-8"))
    jsonschema.validate(example, schema)
    for broken in ({**example, "vni": 1}, {**example, "machines": {"Big": {"address": "192.0.2.1"}}}):
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate(broken, schema)


_KEYS = st.sampled_from(
    [
        *("placement", "machines", "controller", "pins", "underlay", "balance", "fragments", "first_vni"),
        *("here", "there", "address", "reach", "program", "sites", "weight", "mtu_bytes"),
        *("between", "one_way_ms", "rate_mbps", "qingyang", "xian", "x"),
    ]
)
_VALUES = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(-2, 20_000_000),
        st.floats(),
        st.sampled_from(["here", "there", "192.0.2.1", "192.0.2.2", "ssh 'x", "", "qingyang"]),
    ),
    lambda below: st.one_of(st.lists(below, max_size=3), st.dictionaries(_KEYS, below, max_size=5)),
    max_leaves=20,
)
_MACHINE = st.fixed_dictionaries(
    {"address": st.sampled_from(["192.0.2.1", "192.0.2.2", "192.0.2.3"]) | _VALUES},
    optional={
        "reach": st.just([]) | _VALUES,
        "sites": st.integers(1, 4) | _VALUES,
        "weight": st.floats(0.01, 100) | _VALUES,
        "mtu_bytes": st.sampled_from([1500, 1550, 9000]) | _VALUES,
    },
)
_FILES = st.fixed_dictionaries(
    {"placement": st.just(1), "machines": st.dictionaries(_KEYS, _MACHINE, max_size=4) | _VALUES},
    optional={
        "pins": st.dictionaries(_KEYS, _KEYS, max_size=3) | _VALUES,
        "underlay": st.lists(
            st.fixed_dictionaries(
                {"one_way_ms": st.floats(0, 10)},
                optional={"between": st.lists(_KEYS, min_size=2, max_size=2)},
            ),
            max_size=3,
        )
        | _VALUES,
        "fragments": st.just(True) | _VALUES,
        "balance": st.floats(0, 2) | _VALUES,
    },
)


@st.composite
def _sound_shapes(draw: st.DrawFn) -> dict[str, Any]:
    """Files whose only mistakes are of sense: too many pinned, no room, links too fast."""
    names = ["here", "there", "x"][: draw(st.integers(1, 3))]
    sites, weights = st.none() | st.integers(1, 4), st.floats(0.1, 10)
    machines = {
        name: {"address": f"192.0.2.{n}", "mtu_bytes": 1550, "sites": draw(sites), "weight": draw(weights)}
        for n, name in enumerate(names, start=1)
    }
    pins = draw(st.dictionaries(st.sampled_from(list(TINY.sites)), st.sampled_from(names), max_size=2))
    underlay = [{"one_way_ms": draw(st.sampled_from([0.0, 1.0, 4.0, 10.0]))}]
    return {"placement": 1, "machines": machines, "pins": pins, "underlay": underlay}


@given(_sound_shapes() | _FILES | _VALUES)
def test_any_file_is_placed_or_refused(tmp_path_factory: pytest.TempPathFactory, data: Any) -> None:
    """What passes every check is placed, or told that no link is slow enough to cross."""
    text = yaml.safe_dump(data, allow_unicode=True)
    try:
        fleet = fleet_of(text, tmp_path_factory.getbasetemp())
        shares = parts(TINY, place(TINY, fleet))
    except InputError:
        event("refused")
        return
    event(f"placed on {len(shares)}")
    assert set(shares) == {machine.name for machine in fleet.machines}
    for machine in fleet.machines:
        assert 1 <= len(shares[machine.name].layout.sites) <= (machine.sites or len(TINY.sites))
