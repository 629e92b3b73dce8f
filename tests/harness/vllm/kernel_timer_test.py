"""The kernel timer with a recording that is made up: each module launches what its body says."""

from collections.abc import Iterator
from typing import Any

import pytest
from fakes import Engine, Module
from faults import Fault
from timing.jobs import Job
from timing.kernel_sums import Event
from timing.kernel_timer import KernelTimer, RangeMarks
from timing.timed import Timed

BATCH = ((1, 0),)


class Recording:
    """In place of a session and of record_function: time goes on by 10 ns with everything that happens."""

    def __init__(self) -> None:
        self.events: list[Event] = []
        self.now = 0
        self.free = 0

    def start(self) -> None:
        self.events.clear()

    def stop(self) -> Iterator[Event]:
        return iter(list(self.events))

    def tick(self) -> int:
        self.now += 10
        return self.now

    def launch(self, name: str, duration: int) -> None:
        at, correlation = self.tick(), len(self.events)
        start = max(at + 7, self.free)
        self.free = start + duration
        self.events.append(("cudaLaunchKernel", False, correlation, at, 5))
        self.events.append((name, True, correlation, start, duration))

    def range(self, name: str) -> Any:
        recording = self

        class Range:
            def __enter__(self) -> None:
                self.start = recording.tick()

            def __exit__(self, *_: Any) -> None:
                recording.events.append((name, False, 0, self.start, recording.tick() - self.start))

        return Range()


@pytest.fixture
def recording() -> Recording:
    return Recording()


def timer_of(recording: Recording, engine: Any) -> KernelTimer:
    return KernelTimer(engine, recording)


def test_kernels_are_summed_by_layer_and_pass_and_named_in_their_order(recording: Recording) -> None:
    norm = Module(lambda: recording.launch("rms", 2000))
    again = Module(lambda: recording.launch("fused_rms", 4000))

    def two() -> None:
        recording.launch("gemm", 6000)
        recording.launch("reduce", 500)

    linear = Module(two)
    engine: Any = Engine(norm, linear, again)
    job = Job(BATCH, {"norm": [norm, again], "linear": [linear]}, occurrences={"norm": 2, "linear": 1})
    measured = timer_of(recording, engine).measure(engine, [job], 2)
    assert measured.outcomes == [
        Timed(
            {"norm": [3.0, 3.0], "linear": [6.5, 6.5]},
            {"norm": ["rms", "fused_rms"], "linear": ["gemm", "reduce"]},
        )
    ]
    assert measured.device_busy_us == 3 * 12.5


def test_jobs_of_a_chunk_do_not_mix_and_one_that_fails_is_alone(recording: Recording) -> None:
    def exhaust() -> None:
        raise RuntimeError("CUDA out of memory. Tried to allocate 2 GiB")

    good = Module(lambda: recording.launch("good", 1000))
    full = Module(exhaust)
    quiet = Module()
    engine: Any = Engine()

    def forward(_: Any) -> None:
        engine.modules[0]()

    engine.forward = lambda requests: [good, full, quiet][requests[0][0]]()
    jobs = [
        Job(((0, 0),), {"good": [good]}),
        Job(((1, 0),), {"full": [full]}),
        Job(((2, 0),), {"quiet": [quiet]}),
        Job(((0, 0),), {"good": [good]}),
    ]
    outcomes = timer_of(recording, engine).measure(engine, jobs, 1).outcomes
    assert outcomes[0] == outcomes[3] == Timed({"good": [1.0]}, {"good": ["good"]})
    assert isinstance(outcomes[1], Fault)
    assert outcomes[1].kind == "out_of_memory"
    assert isinstance(outcomes[2], Fault)
    assert outcomes[2].message == "no device kernels were seen in layer 'quiet'"


class Flaky:
    """A module of two kernels, of which a pass loses the second where a recording is said to."""

    def __init__(self, recording: Recording, losses: dict[int, set[int]]) -> None:
        self.recording, self.losses, self.passes = recording, losses, -1

    def __call__(self) -> None:
        self.passes += 1
        session, number = divmod(self.passes, 4)
        self.recording.launch("first", 1000)
        if number - 1 not in self.losses.get(session, ()):
            self.recording.launch("second", 500)


@pytest.mark.parametrize(
    ("losses", "recordings"),
    [({}, 1), ({0: {0, 1}}, 2), ({0: {2}, 1: {1}}, 3)],
    ids=["none", "the first passes of a recording", "of two recordings"],
)
def test_a_recording_that_lost_kernels_is_made_again(
    recording: Recording, losses: dict[int, set[int]], recordings: int
) -> None:
    module = Module(Flaky(recording, losses))
    engine: Any = Engine(module)
    (outcome,) = timer_of(recording, engine).measure(engine, [Job(BATCH, {"a": [module]})], 3).outcomes
    assert outcome == Timed({"a": [1.5] * 3}, {"a": ["first", "second"]}, recordings=recordings)


def test_passes_that_never_agree_make_no_row(recording: Recording) -> None:
    module = Module(Flaky(recording, {0: {0}, 1: {0}, 2: {0}}))
    engine: Any = Engine(module)
    (outcome,) = timer_of(recording, engine).measure(engine, [Job(BATCH, {"a": [module]})], 3).outcomes
    assert isinstance(outcome, Fault)
    assert outcome.message == (
        "the passes of a shot must launch the same kernels:"
        " layer 'a' launched 1, 2, 2, not all of them 'second'"
    )


def test_kernels_that_overlap_count_once_and_in_full_beside(recording: Recording) -> None:
    def overlap() -> None:
        at = recording.tick()
        for correlation, duration in ((at, 100), (at + 1, 60)):
            recording.events.append(("cudaLaunchKernel", False, correlation, at, 5))
            recording.events.append(("expert", True, correlation, at + 7, duration))

    module = Module(overlap)
    engine: Any = Engine(module)
    (outcome,) = timer_of(recording, engine).measure(engine, [Job(BATCH, {"moe": [module]})], 1).outcomes
    assert outcome == Timed({"moe": [0.1]}, {"moe": ["expert", "expert"]}, {"moe": [0.16]})


def test_an_error_that_the_device_reports_late_kills_the_engine(recording: Recording) -> None:
    module = Module(lambda: recording.launch("kernel", 1000))
    engine: Any = Engine(module)

    def report() -> None:
        raise RuntimeError("CUDA error: an illegal memory access was encountered")

    engine.synchronize = report
    jobs = [Job(BATCH, {"a": [module]})] * 3
    (outcome,) = timer_of(recording, engine).measure(engine, jobs, 1).outcomes
    assert isinstance(outcome, Fault)
    assert outcome.kind == "engine_dead"


def test_ranges_that_a_failure_left_open_are_closed_with_the_pass(recording: Recording) -> None:
    marks = RangeMarks(recording.range)
    list(marks.each([Job(BATCH, {})]))
    marks.begin(0)
    marks.enter("a")
    marks.enter("b")
    marks.end()
    assert [name for name, *_ in recording.events] == ["shotlab:1", "shotlab:0"]
