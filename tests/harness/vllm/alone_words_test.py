"""What a run alone says on standard error, word by word, and which line says who writes."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from client import Message, attention, dense
from json_lines import read
from loop import EngineDead
from messages import Answer, Fire
from offline import run as offline_run
from offline.journal import id_of
from offline.plan import Plan
from offline.run import session_line
from runs_alone import HEADER, SENTINEL, SHOTS, FakeWorker, run


class Clock:
    """Seconds that pass when a worker fires."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 100.0
        monkeypatch.setattr("time.monotonic", lambda: self.now)


class Slow(FakeWorker):
    """A worker that needs a second for each chunk."""

    def __init__(self, clock: Clock, **settings: Any) -> None:
        super().__init__(**settings)
        self.clock = clock

    def fire(self, request: Fire) -> Iterator[Answer]:
        self.clock.now += 1
        yield from super().fire(request)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    return Clock(monkeypatch)


def said(capsys: pytest.CaptureFixture[str]) -> list[str]:
    return capsys.readouterr().err.splitlines()


def test_a_run_says_how_far_it_is_every_five_seconds_and_at_its_end(
    tmp_path: Path, clock: Clock, capsys: pytest.CaptureFixture[str]
) -> None:
    shots = [*(dense(tokens) for tokens in range(1, 19)), SENTINEL]
    assert run(tmp_path / "out", Slow(clock), shots) == 0
    # Two sentinels, and chunks of three in a second each: after three of them five seconds have passed.
    assert said(capsys) == [
        "19 of 19 shots are left",
        "9 of 19 shots, 0 failed, 333.3 ms each, about 3 s left",
        "19 of 19 shots, 0 failed, 368.4 ms each, about 0 s left",
    ]
    assert run(tmp_path / "out", Slow(clock), shots) == 0
    assert said(capsys) == ["0 of 19 shots are left"]


def test_a_sentinel_is_fired_again_after_ten_seconds(tmp_path: Path, clock: Clock) -> None:
    worker = Slow(clock)
    assert run(tmp_path / "out", worker, [dense(tokens) for tokens in range(1, 40)]) == 0
    kinds = ["s" if chunk == [SENTINEL] else "c" for chunk in worker.fired]
    assert "".join(kinds) == "ss" + "c" * 10 + "s" + "c" * 3 + "s"


def test_an_engine_that_died_and_shots_that_failed_are_told(
    tmp_path: Path, clock: Clock, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "out"
    for _ in range(2):
        worker = Slow(clock)
        worker.deadly[id_of(dense(5))] = EngineDead
        assert run(path, worker) == 1
        assert said(capsys)[-1] == "the engine died (illegal access): run the same command again to go on"
    worker = Slow(clock)
    assert run(path, worker) == 0
    # The fifth had failed when it was alone and the engine died of it; the sixth and the sentinel are left.
    assert said(capsys)[0] == "3 of 7 shots are left"


@pytest.mark.parametrize(
    ("shots", "told"),
    [([dense(1)], False), ([dense(1), SENTINEL], True)],
    ids=["no attention to watch by", "attention"],
)
def test_a_plan_without_a_sentinel_says_that_nothing_watches(
    tmp_path: Path, clock: Clock, capsys: pytest.CaptureFixture[str], shots: list[Message], told: bool
) -> None:
    header = {name: value for name, value in HEADER.items() if name != "sentinels"}
    assert run(tmp_path / "out", Slow(clock), shots, header=header) == 0
    words = "the plan names no sentinel at tp 1: nothing watches the device"
    assert said(capsys).count(words) == int(told)


def test_shots_in_doubt_are_told_with_what_can_be_done(
    tmp_path: Path, clock: Clock, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(offline_run, "SENTINEL_S", 1e9)
    # Two sentinels at the full clock, then all is 5% slower.
    assert run(tmp_path / "out", slower_after_two(clock)) == 1
    assert said(capsys)[1:] == [
        "7 of 7 shots, 0 failed, 428.6 ms each, about 0 s left",
        "the device drifted: 7 shots are in doubt at tp 1",
        "7 of 7 shots, 0 failed, 428.6 ms each, about 0 s left",
        "7 shots are in doubt: the device drifted, or nothing says that it did not; the same command measures"
        " them again when it is back, --accept-speed takes its present speed for the right one",
    ]
    assert run(tmp_path / "one", slower_after_two(clock), [dense(1)]) == 1
    assert said(capsys)[1:] == [
        "the device drifted: 1 shot is in doubt at tp 1",
        "1 of 1 shot, 0 failed, 1000.0 ms each, about 0 s left",
        "1 shot is in doubt: the device drifted, or nothing says that it did not; the same command measures"
        " it again when it is back, --accept-speed takes its present speed for the right one",
    ]


def slower_after_two(clock: Clock) -> Slow:
    asked = iter(range(10**9))
    return Slow(clock, time_us=lambda _: 10.5 if next(asked) >= 2 else 10.0)


def test_engines_are_booted_as_they_are_met_and_only_for_what_is_left(tmp_path: Path, clock: Clock) -> None:
    booted: list[int] = []

    class Boots(Slow):
        def boot(self, request: Any) -> Any:
            booted.append(request.tp)
            return super().boot(request)

    path = tmp_path / "out"
    two = [{**dense(1), "tp": 2}, dense(1), {**dense(2), "tp": 2}]
    assert run(path, Boots(clock), two) == 0
    assert booted == [2, 1]
    assert run(path, Boots(clock), [*two, dense(3)]) == 0
    assert booted == [2, 1, 1]
    assert [line["tp"] for line in read(path) if line["type"] == "engine"] == [2, 1, 1]


def test_a_session_names_what_its_rows_are_of() -> None:
    settings = {**HEADER["settings"], "clock": 1500, "model_revision": "abc", "quantity": "wall", "seed": 3}
    hello = FakeWorker().hello(None)  # type: ignore[arg-type]
    line = session_line(hello, Plan({**HEADER, "settings": settings}, SHOTS), "kernel", 0.03, True)
    assert line.pop("started")
    assert line == {
        "type": "session",
        "format": 2,
        "identity": {
            "harness": "fake",
            "harness_version": "1",
            "engine": "fake",
            "engine_version": "1",
            "device": "Abacus",
            "driver": "none",
            "runtime": "wood",
            "dtype": "bfloat16",
            "kv_cache_dtype": "auto",
            "quantity": "kernel",
            "model_revision": "abc",
            "clock_mhz": 1500,
        },
        "settings": settings,
        "watch": {"every_s": 10.0, "share": 0.03},
        "accept_speed": True,
    }
    plain = session_line(hello, Plan(HEADER, SHOTS), "wall", 0.25, False)
    assert "accept_speed" not in plain
    assert "clock_mhz" not in plain["identity"]


def test_what_is_left_of_a_plan_is_not_fired_with_another_quantity(tmp_path: Path, clock: Clock) -> None:
    path = tmp_path / "out"
    run(path, Slow(clock), [dense(1)])
    assert read(path)[0]["quantity"] == "kernel"
    assert attention(16, 0, 2, 128) == SENTINEL
