from collections.abc import Iterator
from typing import Any
from weakref import ref

import pytest
from engine.layers import Part
from fakes import Engine, Module
from faults import Fault
from timing.jobs import Job
from timing.timed import Timed, WallMarks, WallTimer, fire_jobs, samples_of

BATCH = ((16, 0),)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A clock that shows 0, 1000, 3000, 6000, ... ns: the n-th step takes n µs."""
    readings = iter(n * (n + 1) // 2 * 1000 for n in range(100))
    monkeypatch.setattr("time.perf_counter_ns", lambda: next(readings))
    return iter(())


def measure(engine: Any, sites: Any, iterations: int) -> Timed | Fault:
    (outcome,) = WallTimer(engine.synchronize).measure(engine, [Job(BATCH, sites)], iterations).outcomes
    return outcome


@pytest.mark.usefixtures("clock")
def test_repeats_of_a_layer_in_one_forward_are_averaged() -> None:
    one, two, other = Module(), Module(), Module()
    outcome = measure(Engine(one, other, two), {"norm": [one, two], "linear": [other]}, 2)
    assert outcome == Timed({"norm": [3.0, 9.0], "linear": [3.0, 9.0]})


def test_the_device_is_waited_for_on_both_sides() -> None:
    module = Module()
    engine = Engine(module)
    measure(engine, {"norm": [module]}, 3)
    assert engine.waits == 6


def test_hooks_are_gone_when_a_forward_fails() -> None:
    def fail() -> None:
        raise RuntimeError("no")

    module = Module(fail)
    outcome = measure(Engine(module), {"norm": [module]}, 1)
    assert isinstance(outcome, Fault)
    assert (outcome.kind, outcome.message) == ("engine_dead", "the forward failed: no")
    assert (module.before, module.after) == ([], [])


def test_what_a_failed_job_holds_is_given_back_before_the_next_one() -> None:
    class Workspace: ...

    held: list[ref[Workspace]] = []
    left: list[int] = []

    def exhaust() -> None:
        left.append(sum(each() is not None for each in held))
        workspace = Workspace()
        held.append(ref(workspace))
        raise MemoryError("CUDA out of memory")

    module = Module(exhaust)
    engine: Any = Engine(module)
    jobs = [Job(BATCH, {"attention": [module]})] * 3
    faults = fire_jobs(engine, jobs, 1, WallMarks(engine.synchronize), layer_only=False)
    assert len(faults) == 3 and None not in faults
    assert left == [0, 0, 0]


def test_a_layer_that_does_not_run_is_an_error() -> None:
    outcome = measure(Engine(), {"norm": [Module()]}, 1)
    assert isinstance(outcome, Fault)
    assert outcome.message == "layer 'norm' was found, but its modules were not called in a forward"


def test_an_engine_that_died_is_given_no_more_jobs() -> None:
    def fail() -> None:
        raise RuntimeError("CUDA error: an illegal memory access was encountered")

    engine: Any = Engine(Module(fail))
    jobs = [Job(BATCH, {"norm": [engine.modules[0]]})] * 3
    assert len(WallTimer(engine.synchronize).measure(engine, jobs, 1).outcomes) == 1
    (fault,) = fire_jobs(engine, jobs, 1, WallMarks(engine.synchronize), layer_only=False)
    assert isinstance(fault, Fault)
    assert (fault.kind, str(fault.__cause__)) == (
        "engine_dead",
        "CUDA error: an illegal memory access was encountered",
    )


@pytest.mark.parametrize(
    ("occurrences", "samples"),
    [({"norm": 2}, [3.0, 5.0]), ({"norm": 1}, [6.0, 10.0]), ({"other": 1}, [3.0, 5.0])],
    ids=["named twice: the mean", "named once: the sum", "not named: the mean"],
)
def test_calls_of_a_pass_are_shared_out_to_how_often_the_walk_names_the_layer(
    occurrences: dict[str, int], samples: list[float]
) -> None:
    spans = [("norm", 0, 2.0), ("norm", 0, 4.0), ("norm", 1, 8.0), ("norm", 1, 2.0)]
    job = Job(BATCH, {"norm": []}, occurrences=occurrences)
    assert samples_of(spans, job, 2) == {"norm": samples}


def test_a_job_that_failed_leaves_the_others() -> None:
    tries = iter([MemoryError("CUDA out of memory"), None, None, None])

    def run() -> None:
        error = next(tries)
        if error is not None:
            raise error

    module = Module(run)
    engine: Any = Engine(module)
    jobs = [Job(BATCH, {"norm": [module]})] * 2
    first, second = WallTimer(engine.synchronize).measure(engine, jobs, 2).outcomes
    assert isinstance(first, Fault) and isinstance(second, Timed)


@pytest.mark.usefixtures("clock")
def test_the_wall_clock_times_whole_forwards_and_no_kernels_within_them() -> None:
    inside = Module()
    block = Module(inside)
    engine: Any = Engine(block)
    engine.forward_into = None
    parts = (Part("rope", inside, ("rope",)),)
    job = Job(BATCH, {"block": [block]}, decoders=(block,), parts=parts)
    timer = WallTimer(engine.synchronize)
    assert timer.measure(engine, [job], 2).outcomes == [Timed({"block": [1.0, 3.0]})]
    assert (timer.quantity, timer.chunk) == ("wall", 1)


def test_what_a_pass_left_open_is_nobodys_of_the_next_one() -> None:
    marks = WallMarks(lambda: None)
    assert (marks.number, marks.splits) == (0, False)
    marks.begin(3)
    marks.enter("norm")
    marks.end()
    assert (marks.number, marks.open, marks.within_ns, marks.spans) == (3, [], [], [])
    marks.begin(None)
    marks.enter(None)
    marks.leave()
    assert (marks.number, marks.spans) == (0, [])


def test_samples_are_rounded_to_nanoseconds() -> None:
    spans = [("norm", 0, 1.0), ("norm", 0, 1.0), ("norm", 0, 2.00049)]
    assert samples_of(spans, Job(BATCH, {"norm": []}), 1) == {"norm": [1.333]}


@pytest.mark.parametrize(
    ("sites", "message"),
    [
        ([object()], "its modules were not called and no kernel a* or b or c was seen"),
        ([], "no kernel a* or b or c was seen"),
    ],
)
def test_a_layer_that_is_not_in_every_pass_is_an_error(sites: list[object], message: str) -> None:
    parts = (
        Part("rope", object(), ("c", "a*")),
        Part("rope", object(), ("b",)),
        Part("norm", object(), ("z",)),
    )
    with pytest.raises(Fault) as refused:
        samples_of([("rope", 1, 2.0)], Job(BATCH, {"rope": sites}, parts=parts), 2)
    assert refused.value.message == (
        f"layer 'rope' was found, but {message} (the quantity kernel alone sees them) in a forward"
    )


def test_the_time_of_a_module_within_another_is_taken_out(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter([0, 1000, 4000, 10_000, 20_000, 21_000, 24_000, 32_000])
    monkeypatch.setattr("timing.timed.time.perf_counter_ns", lambda: next(clock))
    inside = Module()
    block = Module(inside)
    engine: Any = Engine(block)
    job = Job(BATCH, {"block": [block]}, inner=(inside,))
    (outcome,) = WallTimer(engine.synchronize).measure(engine, [job], 2).outcomes
    assert isinstance(outcome, Timed)
    assert outcome.samples == {"block": [7.0, 9.0]}
