"""Chunks over a timer that answers from a list: what becomes of each shot of a request."""

from collections.abc import Sequence
from typing import Any

import pytest
from client import Message, dense, skew
from engine.caches import CacheGroup
from engine.layers import Sites
from faults import Fault
from messages import Failed, Fire, Kernels, Limits, Precision, Result
from timing.chunks import Chunk, merge_parts, new_names, short_hash
from timing.jobs import Job
from timing.timed import Measured, Timed

LIMITS = Limits(
    max_num_batched_tokens=64,
    max_num_seqs=8,
    num_cache_tokens=4096,
    max_model_len=512,
    num_experts=None,
    top_k=None,
    block_size=16,
)
RULE = Precision(relative=0.01, min=3, max=6)


class Batches:
    groups: tuple[Any, ...] = (CacheGroup("full", 16, None),)


class Engine:
    """An engine that fires nothing: what jobs are made from."""

    def __init__(self) -> None:
        self.layers: dict[str, Sites] = {"dense": {"norm": [object()]}, "attention": {"attn": [object()]}}
        self.routers: list[Any] = []
        self.limits = LIMITS
        self.num_blocks = 256
        self.batches = Batches()
        self.inner: dict[Any, Any] = {}
        self.parts = ()
        self.occurrences: dict[str, int] = {}
        self.decoders: dict[int, Any] = {}


class Scripted:
    """A timer that hands out outcomes, and notes what it was asked for."""

    def __init__(self, *outcomes: Timed | Fault, chunk: int = 8, busy_us: float | None = 7.0) -> None:
        self.outcomes = list(outcomes)
        self.chunk = chunk
        self.busy_us = busy_us
        self.asked: list[tuple[int, int]] = []

    def measure(self, _engine: Any, jobs: Sequence[Job], iterations: int) -> Measured:
        self.asked.append((len(jobs), iterations))
        given = self.outcomes[: len(jobs)]
        del self.outcomes[: len(jobs)]
        return Measured(given, self.busy_us)


def fire(
    timer: Scripted, shots: Sequence[Message], told: set[str] | None = None, start: int = 0, **more: Any
) -> tuple[list[Any], Chunk]:
    engine: Any = Engine()
    anything: Any = timer
    chunk = Chunk(engine, anything, Fire(5, tuple(shots), 3, "wall", **more), start)
    return list(chunk.fire(set() if told is None else told)), chunk


def timed(us: float, **more: Any) -> Timed:
    return Timed({"norm": [us] * 3}, **more)


OUT = Fault("out_of_memory", "no room")
DEAD = Fault("engine_dead", "the frame broke")


@pytest.mark.parametrize(
    ("outcomes", "expected"),
    [
        ([timed(1), timed(2), timed(3)], [1, 2, 3]),
        ([timed(1), OUT, timed(3)], [1, "out_of_memory", 3]),
        ([timed(1), DEAD], [1, "engine_dead"]),
        ([DEAD], ["engine_dead"]),
    ],
    ids=["all are measured", "one has no room", "the engine dies at the second", "the engine dies at once"],
)
def test_every_shot_is_answered_up_to_the_end_of_the_engine(
    outcomes: list[Timed | Fault], expected: list[float | str]
) -> None:
    answers, _ = fire(Scripted(*outcomes), [dense(1), dense(2), dense(3)])
    assert [a.samples["norm"][0] if isinstance(a, Result) else a.kind for a in answers] == expected
    assert [(a.seq, a.index) for a in answers] == [(5, index) for index in range(len(expected))]


def test_a_shot_that_cannot_be_fired_is_told_in_its_place_and_not_timed() -> None:
    timer = Scripted(timed(1), timed(3))
    answers, chunk = fire(timer, [dense(1), dense(999), dense(3)])
    assert timer.asked == [(2, 3)]
    assert [type(answer) for answer in answers] == [Result, Failed, Result]
    assert answers[1].kind == "infeasible"
    assert answers[1].message.startswith("shot 1 (dense): ")
    assert chunk.device_busy_us == 7.0


def test_a_chunk_without_a_shot_to_time_asks_for_nothing() -> None:
    timer = Scripted()
    answers, chunk = fire(timer, [dense(999), {"category": "conv"}])
    assert timer.asked == []
    assert [answer.kind for answer in answers] == ["infeasible", "bad_request"]
    assert chunk.device_busy_us is None


def test_a_chunk_begins_where_it_is_told_and_is_as_long_as_the_timer_likes() -> None:
    timer = Scripted(timed(3), timed(4), chunk=2)
    answers, _ = fire(timer, [dense(1), dense(2), dense(3), dense(4), dense(5)], start=2)
    assert [(answer.index, answer.samples["norm"][0]) for answer in answers] == [(2, 3), (3, 4)]


def test_the_parts_of_a_skew_case_are_one_answer_and_a_part_that_fails_fails_it() -> None:
    case = skew(4, 1, ["t_mean", "t_skew"], kvs=64)
    whole: list[Timed | Fault] = [
        Timed({"t_mean": [1.0]}, recordings=2, clocks_mhz=(1980, 1500)),
        Timed({"t_skew": [2.0]}, recordings=3, clocks_mhz=(1965, 1980)),
    ]
    (answer,), _ = fire(Scripted(*whole), [case])
    assert (answer.samples, answer.recordings) == ({"t_mean": [1.0], "t_skew": [2.0]}, 3)
    assert answer.shot_clocks_mhz == (1965, 1500)
    (answer,), _ = fire(Scripted(whole[0], Timed({"t_skew": [2.0]})), [case])
    assert answer.shot_clocks_mhz is None
    (answer, after), _ = fire(Scripted(whole[0], OUT, timed(9)), [case, dense(1)])
    assert (answer.kind, answer.message) == ("out_of_memory", "shot 0 (skew): no room")
    assert after.samples == {"norm": [9] * 3}


def test_names_of_kernels_are_told_once_and_before_the_shots_that_ran_them() -> None:
    told = {"gather"}
    run: list[Timed | Fault] = [
        timed(1, kernels={"norm": ["rms", "gather"]}),
        OUT,
        timed(2, kernels={"norm": ["add"]}),
    ]
    answers, _ = fire(Scripted(*run), [dense(1), dense(2), dense(3)], told)
    assert answers[0] == Kernels({short_hash("add"): "add", short_hash("rms"): "rms"})
    assert list(answers[0].names.values()) == ["add", "rms"]
    assert answers[1].kernels == {"norm": [short_hash("rms"), short_hash("gather")]}
    assert told == {"gather", "rms", "add"}
    assert new_names(Measured([*run]), told) == {}
    assert short_hash("rms") == "413ec43d"


@pytest.mark.parametrize(
    ("samples", "stop"),
    [([10.0, 10.0, 10.0], "precision"), ([10.0, 12.0, 14.0], "max")],
)
def test_a_rule_of_precision_says_why_there_are_no_more_samples(samples: list[float], stop: str) -> None:
    timer = Scripted(*[Timed({"norm": samples})] * 2)
    (answer,), chunk = fire(timer, [dense(1)], precision=RULE)
    assert answer.stop == stop
    assert timer.asked == ([(1, 3)] if stop == "precision" else [(1, 3), (1, 3)])
    assert chunk.device_busy_us == (7.0 if stop == "precision" else 14.0)


def test_what_there_is_nothing_to_say_about_is_left_out() -> None:
    (answer,), _ = fire(Scripted(timed(1)), [dense(1)])
    assert answer == Result(5, 0, {"norm": [1] * 3}, None, None, None, None)
    sums = {"norm": [4.0] * 3}
    (answer,), _ = fire(Scripted(timed(1, kernel_sums=sums, recordings=2)), [dense(1)])
    assert (answer.recordings, answer.kernel_sums) == (2, sums)


def test_merged_parts_have_the_kernels_and_the_sums_of_each() -> None:
    parts = [
        Timed({"a": [1.0]}, {"a": ["x"]}, {"a": [3.0]}),
        Timed({"b": [2.0]}, {"b": ["y"]}, {"b": [4.0]}, 5),
    ]
    assert merge_parts(parts) == Timed(
        {"a": [1.0], "b": [2.0]}, {"a": ["x"], "b": ["y"]}, {"a": [3.0], "b": [4.0]}, 5
    )
