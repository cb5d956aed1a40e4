"""The sweep on one and several processes: the same results, whatever dies on the way."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import pytest

from experiments.proposals.sweep import Sweep
from experiments.proposals.sweep.fingerprint import program
from tests.experiments.proposals import sweep_tasks as work
from topology.errors import InputError, MachineError

ROOT = Path(__file__).resolve().parents[3]


def until(condition: Callable[[], bool]) -> None:
    """Wait for it; the suite's own limit ends what never comes."""
    while not condition():
        time.sleep(0.01)


def alive(process: int) -> bool:
    try:
        state = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state != "Z"


@contextmanager
def steady_sources() -> Iterator[None]:
    """Skips a test whose processes did not all have the same program, because someone was editing it."""
    program.cache_clear()
    begun = program()
    try:
        yield
    except (AssertionError, MachineError):
        program.cache_clear()
        if program() != begun:
            pytest.skip("the sources were changed while the test ran")
        raise


@pytest.mark.parametrize("workers", [1, 2, 4])
def test_results_come_in_the_order_of_the_items(workers: int) -> None:
    with Sweep(workers) as sweep:
        assert sweep.map(work.square, range(20), label="squares") == [n * n / 7 for n in range(20)]
        offset = {"b": 1.5, "a": 2.5}
        results = sweep.map(partial(work.shared, offset), [1, 2, 3], label="more, on the same workers")
        assert [list(result.items()) for result in results] == [
            [("b", 1.5 * n), ("a", 2.5 * n)] for n in (1, 2, 3)
        ]
        assert sweep.map(work.square, [], label="none") == []


@pytest.mark.parametrize("workers", [1, 3])
def test_the_error_is_that_of_the_first_item(workers: int) -> None:
    with Sweep(workers) as sweep:
        with pytest.raises(InputError, match="3 is too many") as caught:
            sweep.map(work.fail_above_two, [3, 2, 5, 1], label="some")  # 5 fails sooner
        assert caught.value.problems[0].hint == "fewer"
        assert sweep.map(work.square, [7], label="the workers still stand") == [7.0]


def test_a_killed_worker_costs_only_its_task(tmp_path: Path) -> None:
    results = Sweep(2).map(partial(work.die_once, tmp_path), range(8), label="tasks")
    assert results == [number * 10 for number in range(8)]
    begun = Counter(number for number, _ in work.logged(tmp_path))
    assert begun == {number: 2 if number % 2 else 1 for number in range(8)}


def test_a_task_that_kills_its_worker_three_times_is_named() -> None:
    with pytest.raises(MachineError, match=r"figures: item one: its worker ended 3 times .*SIGKILL"):
        Sweep(2).map(
            work.die_always, [0, 1, 2], label="figures", name=["zero", "item one", "two"].__getitem__
        )


def test_workers_keep_to_one_thread_and_off_the_output(capfd: pytest.CaptureFixture[str]) -> None:
    assert Sweep(2).map(work.threads_of_libraries, [1, 2], label="threads") == ["1", "1"]
    assert capfd.readouterr() == ("", "")


def test_finished_tasks_are_kept_and_found_again(tmp_path: Path) -> None:
    function = partial(work.slow, tmp_path)
    sentences: list[str] = []
    store = tmp_path / "kept"
    assert Sweep(1).map(function, [1, 2], label="a", store=store) == [10, 20]
    assert Sweep(1).map(function, [0, 1, 2, 3], label="b", store=store, say=sentences.append) == [
        0,
        10,
        20,
        30,
    ]
    assert Counter(number for number, _ in work.logged(tmp_path)) == {0: 1, 1: 1, 2: 1, 3: 1}
    assert sentences == ["b: 4, 2 known from before"]

    for file in store.iterdir():  # what was damaged is done again, not believed
        file.write_bytes(file.read_bytes()[:-1] + b"?")
    assert Sweep(1).map(function, [0, 1, 2, 3], label="c", store=store) == [0, 10, 20, 30]
    assert len(work.logged(tmp_path)) == 8


def test_another_function_finds_nothing(tmp_path: Path) -> None:
    store = tmp_path / "kept"
    assert Sweep(1).map(work.square, [7], label="a", store=store) == [7.0]
    assert Sweep(1).map(work.fail_above_two, [1], label="b", store=store) == [1]
    assert Sweep(1).map(partial(work.shared, {"a": 1.0}), [7], label="c", store=store) == [{"a": 7.0}]
    assert Sweep(1).map(partial(work.shared, {"a": 2.0}), [7], label="d", store=store) == [{"a": 14.0}]


SCRIPT = """
import signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background jobs are started without
from functools import partial
from pathlib import Path
from experiments.proposals.sweep import Sweep
from tests.experiments.proposals import sweep_tasks as work
folder = Path(sys.argv[2])
function = partial(getattr(work, sys.argv[1]), folder)
print(Sweep(2).map(function, range(12), label="tasks", store=folder / "kept"))
"""


def start(function: str, folder: Path, **options: object) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", SCRIPT, function, str(folder)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        **options,  # type: ignore[call-overload]
    )


def test_a_run_killed_outright_goes_on_where_it_stopped(tmp_path: Path) -> None:
    with steady_sources():
        first = start("slow", tmp_path)
        until(lambda: len(list((tmp_path / "kept").glob("*.result"))) >= 4)
        first.kill()
        first.communicate()
        workers = {process for _, process in work.logged(tmp_path)}
        until(lambda: not any(map(alive, workers)))  # they end with it, busy or not
        begun = len(work.logged(tmp_path))
        kept = len(list((tmp_path / "kept").glob("*.result")))
        assert 4 <= kept < 12

        second = start("slow", tmp_path)
        output, _ = second.communicate()
        assert output == f"{[number * 10 for number in range(12)]}\n"
        assert len(work.logged(tmp_path)) - begun == 12 - kept


def test_ctrl_c_leaves_nothing_behind(tmp_path: Path) -> None:
    run = start("for_ever", tmp_path, process_group=0)
    until(lambda: len(work.logged(tmp_path)) == 2)
    os.killpg(run.pid, signal.SIGINT)  # as a terminal does: to all of the group
    _, complaints = run.communicate()
    assert complaints.count("KeyboardInterrupt\n") == 1  # ours; no worker's
    assert not any(alive(process) for _, process in work.logged(tmp_path))
    assert list((tmp_path / "kept").iterdir()) == []


def test_the_same_bytes_under_any_hash_seed_and_number_of_workers() -> None:
    script = (
        "import sys\n"
        "from functools import partial\n"
        "from experiments.proposals.sweep import Sweep\n"
        "from experiments.proposals.sweep.fingerprint import fingerprint\n"
        "from tests.experiments.proposals import sweep_tasks as work\n"
        "function = partial(work.shared, {'x': 0.1, 'y': 0.2})\n"
        "results = Sweep(int(sys.argv[1])).map(function, range(6), label='tasks')\n"
        "print(fingerprint(results), fingerprint(function), fingerprint({'c', 'b', 'a'}))\n"
    )
    outputs = {
        subprocess.run(
            [sys.executable, "-c", script, str(workers)],
            cwd=ROOT,
            env=os.environ | {"PYTHONHASHSEED": str(seed)},
            check=True,
            capture_output=True,
            text=True,
        ).stdout
        for workers, seed in ((1, 1), (2, 2), (4, 3))
    }
    assert len(outputs) == 1


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"workers": 0}, "at least 1 worker"),
        ({"workers": 2, "scheduler": "tcp://a:1"}, "not here"),
        ({"scheduler": "nowhere"}, "no address"),
    ],
)
def test_options_that_make_no_sense(options: dict[str, object], message: str) -> None:
    with pytest.raises(InputError, match=message):
        Sweep(**options)  # type: ignore[arg-type]


def test_a_store_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(MachineError, match="cannot keep finished work"):
        Sweep(1).map(work.square, [1], label="a", store=tmp_path / "file")
