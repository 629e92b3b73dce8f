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

    def start(self) -> None:
        self.events.clear()

    def stop(self) -> Iterator[Event]:
        return iter(list(self.events))

    def tick(self) -> int:
        self.now += 10
        return self.now

    def launch(self, name: str, duration: int) -> None:
        at, correlation = self.tick(), len(self.events)
        self.events.append(("cudaLaunchKernel", False, correlation, at, 5))
        self.events.append((name, True, correlation, at + 7, duration))

    def range(self, name: str) -> Any:
        recording = self

        class Range:
            def __enter__(self) -> None:
                self.start = recording.tick()

            def __exit__(self, *_: Any) -> None:
                recording.events.append((name, False, 0, self.start, recording.tick() - self.start))

        return Range()


@pytest.fixture
def recording(monkeypatch: pytest.MonkeyPatch) -> Recording:
    made = Recording()
    monkeypatch.setattr("torch.autograd.profiler.record_function", made.range)
    return made


def timer_of(recording: Recording, engine: Any) -> KernelTimer:
    timer = KernelTimer(engine, "CUDA")
    monkey: Any = timer
    monkey.session = recording
    return timer


def test_kernels_are_summed_by_layer_and_pass_and_named_in_their_order(recording: Recording) -> None:
    norm = Module(lambda: recording.launch("rms", 2000))
    again = Module(lambda: recording.launch("fused_rms", 4000))

    def two() -> None:
        recording.launch("gemm", 6000)
        recording.launch("reduce", 500)

    linear = Module(two)
    engine: Any = Engine(norm, linear, again)
    job = Job(BATCH, {"norm": [norm, again], "linear": [linear]})
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
    marks = RangeMarks()
    list(marks.each([Job(BATCH, {})]))
    marks.begin(0)
    marks.enter("a")
    marks.enter("b")
    marks.end()
    assert [name for name, *_ in recording.events] == ["shotlab:1", "shotlab:0"]
