"""Lines of the journal: what each answer becomes, and what is written around a chunk."""

from pathlib import Path
from typing import Any

import pytest
from client import Message, dense
from json_lines import read
from messages import Done, Failed, Fire, Kernels, Precision, Result, State, Sustained, SustainedTimes
from offline.firing import Firing, line_of
from offline.journal import Journal, id_of, shot_hash
from offline.plan import Plan
from offline.resume import ResumeState, read_state
from runs_alone import HEADER, SENTINEL, SHOTS, FakeWorker

KEY = {"category": "dense", "tp": 1, "key": [2]}
TWO = [dense(1), dense(2)]


@pytest.mark.parametrize(
    ("answer", "line"),
    [
        (Result(3, 1, {"a": [1.5]}), {"type": "shot", **KEY, "samples": {"a": [1.5]}}),
        (
            Result(3, 1, {"a": [1.5]}, "precision", {"a": ["ab"]}, 2, {"a": [2.5]}, (1929, 1384)),
            {
                "type": "shot",
                **KEY,
                "samples": {"a": [1.5]},
                "stop": "precision",
                "kernels": {"a": ["ab"]},
                "recordings": 2,
                "kernel_sums": {"a": [2.5]},
                "shot_clocks_mhz": (1929, 1384),
            },
        ),
        (Failed(3, 1, "timeout", "late"), {"type": "failed", **KEY, "kind": "timeout", "message": "late"}),
        (
            Sustained(3, 1, {"a": SustainedTimes(1.5, 300.0, 1500)}),
            {
                "type": "sustained",
                **KEY,
                "layers": {"a": {"time_us": 1.5, "power_w": 300.0, "sm_clock_mhz": 1500, "busy_share": 1.0}},
            },
        ),
        (Done(3, 5.5, 9.0), {"type": "cost", "wall_us": 9.0, "device_busy_us": 5.5}),
        (Done(3, None, 9.0), {"type": "cost", "wall_us": 9.0}),
        (Done(3), {"type": "cost", "wall_us": 0}),
        (Kernels({"ab": "gemm"}), {"type": "kernels", "names": {"ab": "gemm"}}),
    ],
)
def test_an_answer_is_a_line_that_names_its_shot(answer: Any, line: Message) -> None:
    assert line_of(answer, TWO) == line


def test_a_state_is_a_line_with_its_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("time.time", lambda: 1.23456)
    assert line_of(State(3, 1500, None, 38, 90.5, ["sw_power_cap"]), []) == {
        "type": "state",
        "sm_clock_mhz": 1500,
        "memory_clock_mhz": None,
        "temperature_c": 38,
        "power_w": 90.5,
        "throttle": ["sw_power_cap"],
        "at_s": 1.235,
    }


class Scripted(FakeWorker):
    """Answers with what it is told to, whatever is asked; notes the requests."""

    def __init__(self, *answers: Any) -> None:
        super().__init__()
        self.answers = answers
        self.requests: list[Any] = []

    def fire(self, request: Fire) -> Any:
        self.requests.append(request)
        yield from self.answers

    def sustain(self, request: Any) -> Any:
        return self.fire(request)


def firing_on(
    path: Path, worker: Any, settings: Message | None = None
) -> tuple[Firing, Journal, ResumeState]:
    header = {**HEADER, "settings": {**HEADER["settings"], **(settings or {})}}
    plan, journal = Plan(header, SHOTS), Journal(path)
    journal.begin(plan.header, "kernel")
    state = read_state(path, {id_of(shot): shot_hash(shot) for shot in SHOTS})
    firing = Firing(worker, plan, journal, state)
    firing.quantity = "kernel"
    firing.write({"type": "session", "watch": {"every_s": 10.0, "share": 0.03}})
    return firing, journal, state


def lines_of(path: Path) -> list[Message]:
    """Return the lines of chunks and answers."""
    return [line for line in read(path) if line["type"] not in ("plan", "session")]


def test_a_chunk_is_written_before_it_is_fired_and_its_answers_after(tmp_path: Path) -> None:
    path = tmp_path / "out"
    worker = Scripted(Result(1, 0, {"a": [1.0]}), Failed(1, 1, "infeasible", "no room"), Done(1, None, 2.0))
    firing, journal, state = firing_on(path, worker, {"precision": {"relative": 0.1, "min": 2, "max": 8}})
    assert firing.fire(TWO) == [True, False]
    assert firing.fire(TWO) == [True, False]
    journal.close()
    lines = lines_of(path)
    assert [line["type"] for line in lines] == ["chunk", "shot", "failed", "cost"] * 2
    assert lines[0] == {"type": "chunk", "shots": [shot_hash(shot) for shot in TWO]}
    first, second = worker.requests
    assert (first.seq, second.seq, first.quantity, first.iterations) == (1, 2, "kernel", 3)
    assert (first.shots, first.precision) == (tuple(TWO), Precision(0.1, 2, 8))
    assert state.answered == {id_of(shot) for shot in TWO}


@pytest.mark.parametrize(
    ("settings", "iterations"),
    [({}, 3), ({"measurement_iterations": 7}, 7), ({"measurement_iterations": None}, 3)],
)
def test_a_shot_is_timed_as_often_as_the_plan_says(
    tmp_path: Path, settings: Message, iterations: int
) -> None:
    worker = Scripted(Result(1, 0, {"a": [1.0]}))
    firing, journal, _ = firing_on(tmp_path / "out", worker, settings)
    firing.fire([dense(1)])
    journal.close()
    assert (worker.requests[0].iterations, worker.requests[0].precision) == (iterations, None)


def test_of_a_death_nobody_is_blamed_but_a_shot_that_was_alone_for_the_second_time(tmp_path: Path) -> None:
    path = tmp_path / "out"
    dead = Failed(1, 0, "engine_dead", "illegal access")
    firing, journal, _ = firing_on(path, Scripted(dead))
    assert firing.fire(TWO) == [False]
    journal.close()
    assert [line["type"] for line in lines_of(path)] == ["chunk"]

    firing, journal, _ = firing_on(path, Scripted(dead))
    assert [firing.deaths(dense(tokens)) for tokens in (1, 2, 3)] == [1, 1, 0]
    assert firing.fire([dense(1)]) == [False]
    journal.close()
    # The process was killed in the second shot: nothing was answered.
    firing, journal, _ = firing_on(path, Scripted())
    assert firing.fire([dense(2)]) == []
    journal.close()

    firing, journal, _ = firing_on(path, Scripted())
    assert [firing.give_up(dense(tokens)) for tokens in (1, 2, 3)] == [False, True, False]
    journal.close()
    failed = [line for line in lines_of(path) if line["type"] == "failed"]
    assert [(line["key"], line["kind"], line["message"]) for line in failed] == [
        ([1], "engine_dead", "illegal access"),
        ([2], "engine_dead", "the worker died 2 times while it fired this shot"),
    ]


@pytest.mark.parametrize(
    ("deaths", "shots", "written"),
    [(0, [dense(1)], False), (1, [dense(1)], True), (1, TWO, False)],
    ids=["the first death", "the second death", "not alone"],
)
def test_a_death_is_written_for_a_shot_that_was_alone_and_not_for_the_first_time(
    tmp_path: Path, deaths: int, shots: list[Message], written: bool
) -> None:
    path = tmp_path / "out"
    firing, journal, state = firing_on(path, Scripted(Failed(1, 0, "engine_dead", "illegal access")))
    state.deaths[shot_hash(dense(1))] = deaths
    firing.fire(shots)
    journal.close()
    assert [line["type"] for line in lines_of(path)] == ["chunk"] + ["failed"] * written


def test_a_sentinel_that_cannot_be_fired_is_tried_once(tmp_path: Path) -> None:
    worker = Scripted(Failed(1, 0, "infeasible", "no room"), Done(1))
    firing, journal, _ = firing_on(tmp_path / "out", worker)
    assert not firing.sentinel(SENTINEL, True)
    journal.close()
    assert len(worker.requests) == 1
    assert [line["type"] for line in lines_of(tmp_path / "out")] == ["chunk", "failed", "cost"]


@pytest.mark.parametrize(("deaths", "fired"), [(1, True), (2, False)])
def test_a_sentinel_that_a_worker_died_of_twice_is_not_fired(
    tmp_path: Path, deaths: int, fired: bool
) -> None:
    worker = Scripted(Result(1, 0, {"a": [1.0]}), Done(1))
    firing, journal, state = firing_on(tmp_path / "out", worker)
    state.deaths[f"sentinel {shot_hash(SENTINEL)}"] = deaths
    assert firing.sentinel(SENTINEL, True) == fired
    journal.close()
    assert len(worker.requests) == 2 * fired


def test_a_sentinel_has_the_clocks_since_the_one_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("time.time", lambda: 5.0004)

    def state(mhz: int | None) -> State:
        return State(1, mhz, None, None, None, [])

    path, worker = tmp_path / "out", Scripted()
    firing, journal, _ = firing_on(path, worker)

    def told(*clocks: int | None, us: float = 10.0) -> None:
        worker.answers = (*map(state, clocks), Result(1, 0, {"a": [us]}), Done(1))

    told(1200, 1980)
    assert firing.sentinel(SENTINEL, True)
    assert len(worker.requests) == 2, "two in a row agree"
    assert not firing.clock_has_moved
    told(1300, 1400)
    firing.fire([dense(1)])
    assert firing.clock_has_moved
    told(None)
    firing.fire([dense(2)])
    told(1980)
    assert firing.sentinel(SENTINEL, False)
    worker.answers = (Result(1, 0, {"a": [10.0]}, shot_clocks_mhz=(1929, 1920)), Done(1))
    assert firing.sentinel(SENTINEL, False)
    worker.answers = (Failed(1, 0, "infeasible", "no room"), Done(1))
    assert not firing.sentinel(SENTINEL, False)
    journal.close()
    sentinels = [line for line in lines_of(path) if line["type"] == "sentinel" or line.get("sentinel")]
    assert [line["type"] for line in sentinels] == [
        *("chunk", "sentinel") * 3,
        *("chunk", "failed"),
    ]
    told_of = [line for line in sentinels if line["type"] == "sentinel"]
    assert [(line["clock_mhz"], line.get("clocks_mhz"), line["at_s"]) for line in told_of] == [
        (1980, [1980, 1980], 5.0),
        (1980, [1400, 1980], 5.0),
        (1980, None, 5.0),
    ]
    assert [line.get("shot_clocks_mhz") for line in told_of] == [None, None, [1929, 1920]]
    assert [request.iterations for request in worker.requests] == [9, 9, 3, 3, 9, 9, 9]


def test_an_unsteady_first_sentinel_is_fired_five_times(tmp_path: Path) -> None:
    times = iter([100.0, 90.0, 80.0, 70.0, 60.0, 50.0])
    worker = FakeWorker(lambda _: next(times))
    firing, journal, _ = firing_on(tmp_path / "out", worker)
    assert firing.sentinel(SENTINEL, True)
    journal.close()
    (line,) = [line for line in lines_of(tmp_path / "out") if line["type"] == "sentinel"]
    assert (len(worker.fired), line["samples"]) == (5, {"layer": [60.0] * 9})


def test_a_shot_that_cannot_be_sustained_is_told_and_left_out(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    times = {"a": SustainedTimes(1.0, 2.0, 3)}
    worker = Scripted(Sustained(1, 0, times), Failed(1, 1, "infeasible", "shot 1 (dense): no room"), Done(1))
    firing, journal, state = firing_on(tmp_path / "out", worker)
    firing.sustain(TWO)
    journal.close()
    assert [line["type"] for line in lines_of(tmp_path / "out")] == ["sustained"]
    (request,) = worker.requests
    assert (request.seq, request.seconds, request.shots) == (1, 0.5, tuple(TWO))
    assert state.sustained == {id_of(dense(1))}
    assert capsys.readouterr().err == "not sustained: shot 1 (dense): no room\n"
