"""The result folder: nothing is overwritten, a killed run stays readable, damage is named."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from experiments.results import ResultFolder
from tests.experiments.synthetic import manifest, networks, write_folder
from topology.errors import InputError

REPOSITORY = Path(__file__).parents[2]


def test_create_never_overwrites(tmp_path: Path) -> None:
    first = ResultFolder.create(manifest("running"), parent=tmp_path)
    second = ResultFolder.create(manifest("running"), parent=tmp_path)
    assert first.path.name == "20240601T080000Z-one-hop"
    assert second.path.name == "20240601T080000Z-one-hop-2"


def test_create_refuses_a_folder_with_something_in_it(tmp_path: Path) -> None:
    (tmp_path / "precious.txt").write_text("mine")
    with pytest.raises(InputError, match="not empty") as caught:
        ResultFolder.create(manifest("running"), path=tmp_path)
    assert caught.value.problems[0].hint
    assert os.listdir(tmp_path) == ["precious.txt"]


def test_create_takes_an_empty_folder(tmp_path: Path) -> None:
    assert ResultFolder.create(manifest("running"), path=tmp_path).manifest.status == "running"


def test_create_where_nothing_can_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="cannot make"):
        ResultFolder.create(manifest("running"), path=tmp_path / "file" / "folder")


def test_a_killed_run_leaves_a_readable_folder(tmp_path: Path) -> None:
    script = f"""
import os, signal
from pathlib import Path
from experiments.results import ResultFolder
from tests.experiments.synthetic import manifest
folder = ResultFolder.create(manifest("running"), path=Path({str(tmp_path / "run")!r}))
os.kill(os.getpid(), signal.SIGKILL)
"""
    done = subprocess.run([sys.executable, "-c", script], cwd=REPOSITORY, check=False)
    assert done.returncode == -signal.SIGKILL
    folder = ResultFolder.open(tmp_path / "run")
    assert folder.manifest.status == "running"
    assert folder.links is None
    assert folder.network("base") is None
    assert folder.round_trips("base", "idle") == {}
    with pytest.raises(InputError, match=r"no summary\.json"):
        _ = folder.summary


def test_an_interrupted_write_keeps_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = ResultFolder.create(manifest("running"), path=tmp_path)

    def fail(*_: object) -> None:
        raise OSError("disk full")

    monkeypatch.setattr(os, "replace", fail)
    with pytest.raises(OSError, match="disk full"):
        folder.write_report("half")
    assert [path.name for path in tmp_path.iterdir()] == ["manifest.json"]


def test_update_manifest_changes_only_what_it_names(tmp_path: Path) -> None:
    folder = ResultFolder.create(manifest("running"), path=tmp_path)
    before = folder.manifest
    folder.update_manifest(status="complete", finished="2024-06-01T08:05:00Z")
    after = folder.manifest
    assert after == before.model_copy(update={"status": "complete", "finished": "2024-06-01T08:05:00Z"})
    with pytest.raises(ValueError, match="status"):
        folder.update_manifest(status="excellent")
    assert folder.manifest == after


def test_networks_come_back_as_they_were(tmp_path: Path) -> None:
    folder = ResultFolder.create(manifest("running"), path=tmp_path)
    for variant, network in networks().items():
        folder.write_network(variant, network)
        again = folder.network(variant)
        assert again == network
        assert again is not None
        assert again.digest() == network.digest()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "not valid JSON"),
        ("{", "not valid JSON"),
        ("[]", "no schema_version"),
        ('{"schema_version": "1"}', "no schema_version"),
        ('{"schema_version": 99}', "schema version 99"),
        ('{"schema_version": 1, "surprise": 1}', "Field required"),
    ],
)
def test_a_damaged_manifest_is_named(tmp_path: Path, content: str, message: str) -> None:
    (tmp_path / "manifest.json").write_text(content)
    with pytest.raises(InputError) as caught:
        ResultFolder.open(tmp_path)
    assert message in str(caught.value)
    assert str(tmp_path / "manifest.json") in caught.value.problems[0].where
    assert caught.value.exit_code == 2


def test_every_wrong_field_is_reported_at_once(tmp_path: Path) -> None:
    folder = ResultFolder.create(manifest("running"), path=tmp_path)
    data = json.loads((tmp_path / "manifest.json").read_text())
    data["seed"] = "many"
    data["surprise"] = 1
    del data["rate_scale"]
    (tmp_path / "manifest.json").write_text(json.dumps(data))
    with pytest.raises(InputError) as caught:
        _ = folder.manifest
    places = {problem.where.split()[-1] for problem in caught.value.problems}
    assert places == {"seed", "surprise", "rate_scale"}


def test_no_folder_and_no_manifest(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such result folder"):
        ResultFolder.open(tmp_path / "missing")
    with pytest.raises(InputError, match=r"no manifest\.json"):
        ResultFolder.open(tmp_path)


def test_a_damaged_network_is_named(tmp_path: Path) -> None:
    folder = ResultFolder.create(manifest("running"), path=tmp_path)
    (tmp_path / "network-base.json").write_text('{"id": "x"}')
    with pytest.raises(InputError, match="no network") as caught:
        folder.network("base")
    assert "network-base.json" in caught.value.problems[0].where


def test_samples_cut_short_by_a_kill_are_left_out(tmp_path: Path) -> None:
    folder = write_folder(tmp_path, samples=20)
    path = folder.samples_path("base", "idle")
    whole = folder.round_trips("base", "idle")
    assert len(whole) == 9
    assert all(len(rtts) == 20 for rtts in whole.values())
    text = path.read_text()
    path.write_text(text[:-30])
    cut = folder.round_trips("base", "idle")
    assert sum(map(len, cut.values())) == sum(map(len, whole.values())) - 1


def test_a_pair_measured_again_is_read_from_its_last_attempt(tmp_path: Path) -> None:
    folder = write_folder(tmp_path, samples=20)
    first = folder.round_trips("base", "idle")
    header, *lines = folder.samples_path("base", "idle").read_text().splitlines()
    again = json.loads(header)
    again["pairs"] = again["pairs"][:1]
    kept = [line for line in lines if json.loads(line).get("pair") == 0][:5]
    folder.samples_path("base", "idle", 2).write_text("\n".join([json.dumps(again), *kept, ""]))
    found = folder.round_trips("base", "idle")
    changed = {pair for pair in first if found[pair] != first[pair]}
    assert {len(found[pair]) for pair in changed} == {5}
    assert changed == {tuple(again["pairs"][0])}


def test_a_damaged_sample_is_named_by_its_line(tmp_path: Path) -> None:
    folder = write_folder(tmp_path, samples=20)
    path = folder.samples_path("base", "idle")
    lines = path.read_text().split("\n")
    lines[6] = '{"pair": 0}'
    path.write_text("\n".join(lines))
    with pytest.raises(InputError) as caught:
        folder.round_trips("base", "idle")
    assert caught.value.problems[0].where == f"{path}:7"


def test_samples_of_another_kind_are_refused(tmp_path: Path) -> None:
    folder = ResultFolder.create(manifest("running"), path=tmp_path)
    folder.samples_path("base", "idle").write_text('{"format": "other", "version": 1, "pairs": []}\n')
    with pytest.raises(InputError, match="another format or version"):
        folder.round_trips("base", "idle")
