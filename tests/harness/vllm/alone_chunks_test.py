"""Chunks of a run alone, and shots among them that a worker dies of."""

from pathlib import Path

import pytest
from client import dense
from json_lines import read
from loop import EngineDead
from offline.journal import id_of
from offline.resume import read_state
from runs_alone import SENTINEL, FakeWorker, Killed, run


def test_a_chunk_has_shots_of_one_category(tmp_path: Path) -> None:
    worker = FakeWorker()
    assert run(tmp_path / "out", worker, [dense(1), dense(2), SENTINEL, dense(3)]) == 0
    assert worker.fired_shots() == [["1", "2"], ["a"], ["3"]]


def outcomes(path: Path) -> list[tuple[str, str]]:
    """Return what the file tells of shots that are no sentinels."""
    return [
        (line["type"], str(line["key"][0]) if line["category"] == "dense" else "a")
        for line in read(path)
        if line["type"] in ("shot", "failed") and "sentinel" not in line
    ]


@pytest.mark.parametrize("death", [EngineDead, Killed])
def test_a_shot_that_kills_twice_has_failed_and_the_others_are_measured(
    tmp_path: Path, death: type[BaseException]
) -> None:
    path, statuses, fired = tmp_path / "out", [], []
    for _ in range(4):
        worker = FakeWorker()
        worker.deadly[id_of(dense(5))] = death
        statuses.append(run(path, worker))
        fired.append(worker.fired_shots())
        if statuses[-1] == 0:
            break
    dead = None if death is Killed else 1
    assert fired[:2] == [[["1", "2", "3"], ["4", "5", "6"]], [["4"], ["5"]]]
    assert fired[2] == [["6"], ["a"]]
    assert statuses[:2] == [dead, dead]
    assert sorted(outcomes(path)) == [
        ("failed", "5"),
        *(("shot", name) for name in ("1", "2", "3", "4", "6", "a")),
    ]


def test_a_failed_shot_that_is_asked_for_again_begins_without_deaths(tmp_path: Path) -> None:
    path = tmp_path / "out"
    for _ in range(3):
        worker = FakeWorker()
        worker.deadly[id_of(dense(5))] = EngineDead
        run(path, worker)
    worker = FakeWorker()
    assert run(path, worker, retry_failed=True) == 0
    assert worker.fired_shots() == [["5"]]


def test_an_interrupted_chunk_is_no_death(tmp_path: Path) -> None:
    path, worker = tmp_path / "out", FakeWorker()
    worker.deadly[id_of(dense(5))] = KeyboardInterrupt
    assert run(path, worker) is None
    assert not +read_state(path, {}).deaths
    worker = FakeWorker()
    worker.deadly[id_of(SENTINEL)] = KeyboardInterrupt
    assert run(path, worker) is None
    assert not +read_state(path, {}).deaths
    worker = FakeWorker()
    assert run(path, worker) == 0
    assert worker.fired_shots() == [["4", "5", "6"], ["a"]]


def test_a_sentinel_that_kills_twice_is_fired_no_more(tmp_path: Path) -> None:
    path = tmp_path / "out"
    for status in (1, 1, 0):
        worker = FakeWorker()
        worker.deadly[id_of(SENTINEL)] = EngineDead
        assert run(path, worker, [dense(1)]) == status
    assert outcomes(path) == [("shot", "1")]
