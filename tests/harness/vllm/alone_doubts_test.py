"""Sentinels of a run alone, and what is measured again because of them."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from client import Message, dense
from json_lines import read
from offline import run as offline_run
from offline.firing import Firing
from offline.journal import id_of
from offline.resume import ResumeState, read_state
from runs_alone import SENTINEL, FakeWorker, run


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
    lines = read(tmp_path / "out")
    sentinels = [line for line in lines if line["type"] == "sentinel"]
    assert [line["samples"]["layer"][0] for line in sentinels] == [10.1, 10.0]


def test_what_is_in_doubt_is_measured_again_after_the_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(offline_run, "SENTINEL_S", 0.0)
    worker = FakeWorker(slow_from(5, 6))  # two sentinels, three shots, and then a slow sentinel
    path = tmp_path / "out"
    assert run(path, worker) == 0
    # The fourth to the sixth began while the device drifted, for all that the sentinel before them says.
    again = [["1", "2", "3"], ["4", "5", "6"]]
    assert worker.fired_shots() == [["1", "2", "3"], ["4", "5", "6"], ["a"], *again]
    judge = read_state(path, {}).judge
    assert not any(map(judge.in_doubt, judge.measured))


def test_a_device_that_does_not_come_back_stands_and_the_next_run_measures_again(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path, worker = tmp_path / "out", FakeWorker(slow_from(2))
    assert run(path, worker) == 1
    assert worker.fired_shots() == [["1", "2", "3"], ["4", "5", "6"], ["a"]]
    assert "the device drifted: 7 shots are in doubt at tp 1" in capsys.readouterr().err
    worker = FakeWorker()
    assert run(path, worker) == 0
    assert worker.fired_shots() == [["1", "2", "3"], ["4", "5", "6"], ["a"]]
    assert run(path, FakeWorker()) == 0
    assert "0 of 7 shots are left" in capsys.readouterr().err


def test_a_shot_that_others_have_slowed_is_measured_again_and_one_that_lowers_the_clock_is_not(
    tmp_path: Path,
) -> None:
    worker = FakeWorker()
    begun = iter([1400])  # the third shot of the plan, once

    def clocks(shot: Message) -> tuple[int, int]:
        tokens = shot.get("tokens")
        return (next(begun, 1929) if tokens == 3 else 1929, 1400 if tokens == 2 else 1929)

    worker.clocks = clocks
    assert run(tmp_path / "out", worker) == 0
    assert worker.fired_shots() == [["1", "2", "3"], ["4", "5", "6"], ["a"], ["3"]]
    worker.clocks = lambda shot: (1400 if shot.get("tokens") == 3 else 1929, 1929)
    assert run(tmp_path / "slow", worker) == 1


def test_measuring_again_ends_when_the_device_keeps_moving(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Firing, "sentinel", moving(Firing.sentinel))
    path, worker = tmp_path / "out", FakeWorker()
    for _ in range(4):
        assert run(path, worker, [dense(1), SENTINEL]) == 1
    assert len([chunk for chunk in worker.fired_shots() if chunk == ["1"]]) == 3


@pytest.mark.parametrize(
    ("shots", "settled", "rounds", "told"),
    [
        (64, 0, 2, "the device drifts with 64 shots at tp 1 (measured again, 0 of 64 were settled)"),
        (127, 63, 2, "the device drifts with 64 shots at tp 1 (measured again, 63 of 127 were settled)"),
        (128, 64, 3, "64 shots are measured again at tp 1"),
        (63, 0, 3, "63 shots are measured again at tp 1"),
    ],
)
def test_many_shots_that_move_the_device_themselves_are_measured_again_once(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    shots: int,
    settled: int,
    rounds: int,
    told: str,
) -> None:
    plan = [dense(tokens + 1) for tokens in range(shots)]
    worker = FakeWorker()
    # Of shots that were measured again the first ones are settled.
    calm = {id_of(shot) for shot in plan[:settled]}
    monkeypatch.setattr(
        ResumeState,
        "is_due",
        lambda state, shot: (
            len(state.judge.measured.get(shot, ())) < (2 if shot in calm else 9) and shot in state.answered
        ),
    )
    run(tmp_path / "out", worker, plan)
    fired = [name for chunk in worker.fired_shots() for name in chunk]
    assert fired.count(str(shots)) == rounds
    assert told in capsys.readouterr().err


def moving(sentinel: Any) -> Any:
    """Return a sentinel that has moved whenever shots were fired before it, and is back when asked again."""

    def fire(self: Any, shot: Message, first: bool) -> bool:
        judge = self.state.judge
        unjudged = judge.stretch is not None and any(
            known.chunk is not None and known.chunk.stretch is judge.stretch
            for each in judge.measured.values()
            for known in each
        )
        time_us = self.worker.time_us
        self.worker.time_us = (lambda _: 11.0) if unjudged else time_us
        try:
            return bool(sentinel(self, shot, first))
        finally:
            self.worker.time_us = time_us

    return fire
