"""Runs alone with a worker of plain Python: what is measured again, and shots that a worker dies of."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import alone
import pytest
from alone import Alone
from client import Message, attention, dense
from firing import Firing
from loop import EngineDead
from messages import Answer, Boot, Booted, Done, Failed, Fire, Hello, HelloAnswer, Limits, Result
from plan import Plan
from results import Results, shot_hash, shot_key
from resumed import read_before

HEADER: Message = {
    "format": "shotlab-plan",
    "version": 1,
    "settings": {
        "dtype": "bfloat16",
        "kv_cache_dtype": "auto",
        "max_num_batched_tokens": 64,
        "max_num_seqs": 8,
        "measurement_iterations": 3,
    },
    "configs": {"1": {}, "2": {}},
    "architecture": {"sequence": {}, "catalog": {}},
}
SENTINEL = attention(16, 0, 2, 128)
SHOTS = [*(dense(tokens) for tokens in range(1, 7)), SENTINEL]
LIMITS = Limits(64, 8, 4096, 512, None, None, 16)


class Killed(BaseException):
    """The process of the worker is gone."""


class FakeWorker:
    """Answers every shot with a time; a process of it lives until a shot kills it."""

    def __init__(self, time_us: Callable[[Message], float] = lambda _: 10.0) -> None:
        self.time_us = time_us
        self.fired: list[list[Message]] = []
        self.iterations: list[int] = []
        self.deadly: dict[str, type[BaseException]] = {}
        self.booted: list[int] = []

    def hello(self, _: Hello) -> HelloAnswer:
        return HelloAnswer(1, "fake", "1", "fake", "1", "Abacus", "none", "wood", ["kernel"], 1)

    def boot(self, request: Boot) -> Booted:
        self.booted.append(request.tp)
        return Booted(request.tp, LIMITS, 256, {}, {})

    def fire(self, request: Fire) -> Iterator[Answer]:
        shots = [dict(shot) for shot in request.shots]
        self.fired.append(shots)
        self.iterations.append(request.iterations)
        for shot in shots:
            kind = self.deadly.get(shot_key(shot))
            if kind is EngineDead:
                yield Failed(request.seq, 0, "engine_dead", "illegal access")
                raise EngineDead("illegal access")
            if kind is not None:
                raise kind
        for index, shot in enumerate(shots):
            yield Result(request.seq, index, {"layer": [self.time_us(shot)] * request.iterations})
        yield Done(request.seq, 5.0, 9.0)

    def fired_shots(self) -> list[list[str]]:
        """Return the chunks that were fired, the sentinel's left out."""
        return [
            ["".join(str(shot.get("tokens", "a"))) for shot in chunk]
            for chunk, iterations in zip(self.fired, self.iterations, strict=True)
            if iterations == 3
        ]


@pytest.fixture(autouse=True)
def chunks_of_three(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(alone.CHUNKS, "kernel", 3)


def run(path: Path, worker: Any, shots: list[Message] = SHOTS, retry_failed: bool = False) -> int | None:
    """Run a plan on a file; returns its exit status, None when the worker was killed."""
    before, results = read_before(path, retry_failed), Results(path)
    try:
        return Alone(Plan(HEADER, list(shots)), results, before, worker).run(None)
    except (Killed, KeyboardInterrupt):
        return None
    finally:
        results.close()


def outcomes(path: Path) -> list[tuple[str, str]]:
    """Return what the file tells of shots that are no sentinels."""
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    return [
        (line["type"], str(line["shot"].get("tokens", "a")))
        for line in lines
        if "shot" in line and "sentinel" not in line
    ]


def slow_from(count: int, until: int = 10**9) -> Callable[[Message], float]:
    """Return times that are 5% longer from the so manyth shot on."""
    asked = iter(range(10**9))
    return lambda _: 10.5 if count <= next(asked) < until else 10.0


def test_the_first_sentinel_is_fired_until_two_agree_and_the_last_is_kept(tmp_path: Path) -> None:
    times = iter([12.0, 11.0, 10.0, 10.1])  # the last two are within 3%
    worker = FakeWorker(lambda _: next(times, 10.0))
    assert run(tmp_path / "out", worker) == 0
    assert [chunk == [SENTINEL] for chunk in worker.fired[:5]] == [True] * 4 + [False]
    assert worker.iterations[:5] == [9, 9, 9, 9, 3]
    lines = [json.loads(line) for line in (tmp_path / "out").read_text().splitlines()]
    sentinels = [line for line in lines if line["type"] == "result" and line.get("sentinel")]
    assert [line["samples"]["layer"][0] for line in sentinels] == [10.1, 10.0]


def test_what_is_in_doubt_is_measured_again_after_the_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(alone, "SENTINEL_S", 0.0)
    worker = FakeWorker(slow_from(5, 6))  # two sentinels, three shots, and then a slow sentinel
    path = tmp_path / "out"
    assert run(path, worker) == 0
    assert worker.fired_shots() == [["1", "2", "3"], ["4", "5", "6"], ["a"], ["1", "2", "3"]]
    assert read_before(path).doubts.standing == set()


def test_a_device_that_does_not_come_back_stands_and_the_next_run_measures_again(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path, worker = tmp_path / "out", FakeWorker(slow_from(2))
    assert run(path, worker) == 0
    assert worker.fired_shots() == [["1", "2", "3"], ["4", "5", "6"], ["a"]]
    assert "the device has moved: 7 shots at tp 1 are in doubt" in capsys.readouterr().err
    worker = FakeWorker()
    assert run(path, worker) == 0
    assert worker.fired_shots() == [["1", "2", "3"], ["4", "5", "6"], ["a"]]
    assert run(path, FakeWorker()) == 0
    assert "0 of 7 shots are left" in capsys.readouterr().err


def test_measuring_again_ends_when_the_device_keeps_moving(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Firing, "sentinel", moving(Firing.sentinel))
    path, worker = tmp_path / "out", FakeWorker()
    assert run(path, worker, [dense(1), SENTINEL]) == 0
    for _ in range(3):
        assert run(path, worker, [dense(1), SENTINEL]) == 0
    assert len([chunk for chunk in worker.fired_shots() if chunk == ["1"]]) == 3


def moving(sentinel: Any) -> Any:
    """Return a sentinel that has moved whenever shots were fired before it, and is back when asked again."""

    def fire(self: Any, shot: Message, first: bool) -> bool:
        unjudged = bool(self.before.doubts.unjudged)
        time_us = self.worker.time_us
        self.worker.time_us = (lambda _: 11.0) if unjudged else time_us
        try:
            return bool(sentinel(self, shot, first))
        finally:
            self.worker.time_us = time_us

    return fire


@pytest.mark.parametrize("death", [EngineDead, Killed])
def test_a_shot_that_kills_twice_has_failed_and_the_others_are_measured(
    tmp_path: Path, death: type[BaseException]
) -> None:
    path, statuses, fired = tmp_path / "out", [], []
    for _ in range(4):
        worker = FakeWorker()
        worker.deadly[shot_key(dense(5))] = death
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
        *(("result", name) for name in ("1", "2", "3", "4", "6", "a")),
    ]


def test_a_failed_shot_that_is_asked_for_again_begins_without_deaths(tmp_path: Path) -> None:
    path = tmp_path / "out"
    for _ in range(3):
        worker = FakeWorker()
        worker.deadly[shot_key(dense(5))] = EngineDead
        run(path, worker)
    worker = FakeWorker()
    assert run(path, worker, retry_failed=True) == 0
    assert worker.fired_shots() == [["5"]]


def test_an_interrupted_chunk_is_no_death(tmp_path: Path) -> None:
    path, worker = tmp_path / "out", FakeWorker()
    worker.deadly[shot_key(dense(5))] = KeyboardInterrupt
    assert run(path, worker) is None
    assert not +read_before(path).deaths
    worker = FakeWorker()
    worker.deadly[shot_key(SENTINEL)] = KeyboardInterrupt
    assert run(path, worker) is None
    assert not +read_before(path).deaths
    worker = FakeWorker()
    assert run(path, worker) == 0
    assert worker.fired_shots() == [["4", "5", "6"], ["a"]]


def test_a_sentinel_that_kills_twice_is_fired_no_more(tmp_path: Path) -> None:
    path, shots = tmp_path / "out", [dense(1), {**SENTINEL, "tp": 2}, SENTINEL]
    header = {**HEADER, "sentinel": SENTINEL}
    for status in (1, 1, 0):
        before, results, worker = read_before(path), Results(path), FakeWorker()
        worker.deadly[shot_key(SENTINEL)] = EngineDead
        assert Alone(Plan(header, shots[:1]), results, before, worker).run(None) == status  # type: ignore[arg-type]
        results.close()
    assert outcomes(path) == [("result", "1")]


def test_the_hash_of_a_shot_is_that_of_its_sorted_fields() -> None:
    assert shot_hash({"tp": 1, "tokens": 16, "category": "dense"}) == "3d2ff94a"


def test_a_chunk_has_shots_of_one_category(tmp_path: Path) -> None:
    worker = FakeWorker()
    assert run(tmp_path / "out", worker, [dense(1), dense(2), SENTINEL, dense(3)]) == 0
    assert worker.fired_shots() == [["1", "2"], ["a"], ["3"]]
