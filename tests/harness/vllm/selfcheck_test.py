from types import SimpleNamespace
from typing import Any

import pytest
from engine.caches import CacheGroup
from faults import Fault
from messages import Limits
from timing.jobs import Job
from timing.selfcheck import check
from timing.timed import Measured, Timed

LIMITS = Limits(2048, 256, 1_000_000, 32768, 128, 8, 16)
WEIGHT = SimpleNamespace(numel=lambda: 600 << 20, element_size=lambda: 2)


WHOLE = (CacheGroup("full", 16),)


def engine(limits: Limits = LIMITS, token_bytes: float = 4096, groups: Any = WHOLE) -> Any:
    experts = SimpleNamespace(parameters=lambda: iter([WEIGHT]))
    layers = {"attention": {"attention": [object()]}, "moe": {"moe": [experts]}}
    return SimpleNamespace(
        layers=layers,
        routers=[object()],
        limits=limits,
        token_bytes=token_bytes,
        batches=SimpleNamespace(groups=groups),
        num_blocks=limits.num_cache_tokens,
        inner={},
        parts=(),
        occurrences={},
        decoders={},
        direct="written",
        conditions={"inputs": "direct"},
    )


class Timer:
    """A timer whose times are what a function of the job says."""

    chunk = 1

    def __init__(self, us: Any, quantity: str = "kernel") -> None:
        self.us = us
        self.quantity = quantity
        self.fired = 0

    def measure(self, _: Any, jobs: Any, iterations: int) -> Measured:
        self.fired += len(jobs)
        outcomes = [
            job if isinstance(job, Fault) else Timed({"a": [self.us(job)] * iterations}) for job in jobs
        ]
        return Measured(outcomes)


def sound(job: Job) -> float:
    return 10.0 + sum(history for _, history in job.requests) / 1000 + (job.activated_experts or 0)


@pytest.mark.parametrize(
    ("us", "message"),
    [
        (sound, None),
        (
            lambda job: 10.0 if job.activated_experts is None else sound(job),
            "times of attention must grow: 10.0 and 10.0 µs with 1 and 16384 KV tokens",
        ),
        (
            lambda job: sound(job) if len(job.requests) > 1 else 10.0,
            "times of attention must grow: 10.0 and 10.0 µs with 0 and 16384 KV tokens",
        ),
        (
            lambda job: sound(job) if job.activated_experts is None else 50.0,
            "times of moe must grow: 50.0 and 50.0 µs with 8 and 128 activated experts",
        ),
    ],
    ids=["sound", "decodes", "prefill", "experts"],
)
def test_times_must_grow_with_what_they_depend_on(us: Any, message: str | None) -> None:
    if message is None:
        check(engine(), Timer(us))
        return
    with pytest.raises(Fault) as refused:
        check(engine(), Timer(us))
    assert refused.value.message == message


def test_engines_too_small_to_tell_are_only_fired() -> None:
    timer = Timer(lambda _: 10.0)
    small = engine(Limits(64, 8, 4096, 512, None, None, 16), token_bytes=64)
    check(small, timer)
    assert timer.fired == 2


def test_the_hosts_clock_is_no_measure_of_growth() -> None:
    check(engine(), Timer(lambda _: 10.0, "wall"))


def test_attention_within_a_window_need_not_grow_with_the_history() -> None:
    flat = Timer(lambda job: 10.0 if job.activated_experts is None else sound(job))
    check(engine(groups=(CacheGroup("sliding", 16, 1024),)), flat)
    with pytest.raises(Fault, match="times of attention must grow"):
        check(engine(groups=(CacheGroup("sliding", 16, 1024), CacheGroup("full", 16))), flat)


class Unrepeatable(Timer):
    """A timer that cannot repeat decoder layers."""

    def measure(self, engine: Any, jobs: Any, iterations: int) -> Measured:
        if any(job.decoders for job in jobs):
            raise TypeError("forward() got an unexpected keyword argument 'positions'")
        return super().measure(engine, jobs, iterations)


def test_unlike_layers_that_cannot_be_repeated_are_timed_in_whole_forwards(capsys: Any) -> None:
    made = engine()
    sliding = object()
    made.layers["attention"]["sliding"] = [sliding]
    (full,) = made.layers["attention"]["attention"]
    made.decoders = {id(full): object(), id(sliding): object()}
    check(made, Unrepeatable(sound))
    assert (made.decoders, made.direct, made.conditions) == ({}, None, {"inputs": "scheduled"})
    assert capsys.readouterr().err == (
        "attention is timed in whole forwards: TypeError: forward() got an unexpected keyword argument"
        " 'positions'\n"
    )


def test_a_single_layer_that_cannot_be_repeated_is_refused() -> None:
    made = engine()
    (full,) = made.layers["attention"]["attention"]
    made.decoders = {id(full): object()}
    with pytest.raises(TypeError, match="unexpected keyword"):
        check(made, Unrepeatable(sound))


@pytest.mark.parametrize("cause", [ValueError("a weight is missing"), None])
def test_a_smallest_shot_that_fails_is_refused_with_what_it_failed_of(cause: Exception | None) -> None:
    fault = Fault("unsupported", "the forward failed")
    fault.__cause__ = cause

    class Failing(Timer):
        def measure(self, _: Any, jobs: Any, iterations: int) -> Measured:
            return Measured([fault for _ in jobs])

    with pytest.raises(Exception) as refused:
        check(engine(), Failing(sound))
    assert refused.value is (cause or fault)


def test_shots_that_must_only_run_are_timed_once_and_those_that_must_grow_three_times() -> None:
    class Counting(Timer):
        def measure(self, engine: Any, jobs: Any, iterations: int) -> Measured:
            counts.append((len(jobs), iterations))
            return super().measure(engine, jobs, iterations)

    counts: list[tuple[int, int]] = []
    check(engine(), Counting(sound))
    assert counts == [(2, 1), (2, 3), (2, 3), (2, 3)]


@pytest.mark.parametrize(("grown", "fits"), [(1.19, False), (1.2, True)])
def test_a_time_grows_by_a_share_at_least(grown: float, fits: bool) -> None:
    timer = Timer(
        lambda job: 10.0 * (1.0 if job.requests[0][1] < 2 else grown) + (job.activated_experts or 0)
    )
    if fits:
        check(engine(), timer)
        return
    with pytest.raises(Fault, match="times of attention must grow"):
        check(engine(), timer)
