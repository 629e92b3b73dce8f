"""The kernel timer with a recording that is made up: each module launches what its body says."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from engine.layers import Part
from fakes import Engine, Module
from faults import Fault
from timing.device_clock import DeviceClock
from timing.jobs import Job
from timing.kernel_sums import Event
from timing.kernel_timer import KernelTimer, RangeMarks
from timing.profiler import CLOCK_CYCLES
from timing.timed import Timed, WallTimer

BATCH = ((1, 0),)


class Recording:
    """In place of a session and of record_function: time goes on by 10 ns with everything that happens."""

    def __init__(self) -> None:
        self.events: list[Event] = []
        self.now = 0
        self.free = 0
        self.clocks: list[int] = []
        """Megahertz of each count of cycles to come; none where the device does not count."""

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

    def clock(self, name: str) -> None:
        if self.clocks:
            with self.range(name):
                self.launch("spin", round(1e3 * CLOCK_CYCLES / self.clocks.pop(0)))


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


TOP, OWN_FALL = (2000, 2000), (2000, 1500)
"""Clocks before and behind a job that leaves it where it is, and of one that lowers it."""

CLOCKS = [
    ("steady", [2000] * 8, [2, 4, 6, 8], [1, 1, 1, 1], [TOP] * 4),
    (
        "within a twentieth",
        [2000, 2000, 1901, 2000, *[2000] * 4],
        [2, 4, 6, 8],
        [1] * 4,
        [TOP, (1901, 2000), TOP, TOP],
    ),
    (
        "one lowers it by itself, and it is back",
        [2000, 1500, *[2000] * 6],
        *([2, 4, 6, 8], [1, 1, 1, 1], [OWN_FALL, TOP, TOP, TOP]),
    ),
    (
        "two begin behind it: fired again together, once it is back",
        [2000, 1500, 1500, 1700, 1700, 2000, 2000, 2000, *(1800, 1899, 1900), *TOP, *TOP],
        *([2, 10, 12, 8], [1, 2, 2, 1], [OWN_FALL, TOP, TOP, TOP]),
    ),
    (
        "one of them lowers it for the other again, which is fired by itself",
        [2000, 1500, 1500, 1400, 1400, 2000, 2000, 2000, 2000, *(2000, 1500), *(1500, 1900), 2000, *TOP],
        *([2, 10, 14, 8], [1, 2, 3, 1], [OWN_FALL, OWN_FALL, TOP, TOP]),
    ),
    (
        "it is lower each time: the first counts",
        [*TOP, *TOP, *TOP, 1500, 2000, 2000, 1500, 1500, 2000, 1400, 1400],
        *([2, 4, 6, 8], [1, 1, 1, 1], [TOP, TOP, TOP, (1500, 2000)]),
    ),
    ("not known", [], [2, 4, 6, 8], [1, 1, 1, 1], [None] * 4),
]
"""Megahertz in the order in which they are counted; which pass counts of each job, recordings and clocks."""


@pytest.mark.parametrize(
    ("counted", "passes", "recordings", "clocks"),
    [case[1:] for case in CLOCKS],
    ids=[case[0] for case in CLOCKS],
)
def test_jobs_that_began_at_a_clock_that_others_had_lowered_are_fired_again(
    recording: Recording,
    counted: list[int],
    passes: list[int],
    recordings: list[int],
    clocks: list[tuple[int, int] | None],
) -> None:
    recording.clocks = [*counted]
    durations = iter(range(1000, 99_000, 1000))
    module = Module(lambda: recording.launch("kernel", next(durations)))
    engine: Any = Engine(module)
    outcomes = timer_of(recording, engine).measure(engine, [Job(BATCH, {"a": [module]})] * 4, 1).outcomes
    assert outcomes == [
        Timed({"a": [float(number)]}, {"a": ["kernel"]}, recordings=again, clocks_mhz=own)
        for number, again, own in zip(passes, recordings, clocks, strict=True)
    ]
    assert recording.clocks == []


def test_a_device_that_does_not_come_back_is_taken_as_it_is(
    recording: Recording, monkeypatch: pytest.MonkeyPatch
) -> None:
    moments = iter([0.0, 0.1, 0.21])
    monkeypatch.setattr("timing.device_clock.time.monotonic", lambda: next(moments))
    monkeypatch.setattr("timing.device_clock.time.sleep", lambda _: None)
    recording.clocks = [2000, 1500, 1500, 1500, *(1500, 1500), *([1500] * 4)]
    module = Module(lambda: recording.launch("kernel", 1000))
    engine: Any = Engine(module)
    timer = timer_of(recording, engine)
    slow = Timed({"a": [1.0]}, {"a": ["kernel"]}, clocks_mhz=(1500, 1500))
    jobs = [Job(BATCH, {"a": [module]})] * 2
    assert timer.measure(engine, jobs, 1).outcomes == [replace(slow, clocks_mhz=(2000, 1500)), slow]
    assert timer.measure(engine, jobs, 1).outcomes == [slow, slow]
    assert recording.clocks == []


def counting(recording: Recording, *counts: int) -> tuple[Any, Job]:
    """Return an engine of one module that launches so many kernels with each call, and a job of it."""
    left = iter(counts)

    def launch() -> None:
        for _ in range(next(left)):
            recording.launch("kernel", 1000)

    module = Module(launch)
    return Engine(module), Job(BATCH, {"a": [module]})


WHOLE, LOST = (1, 1, 1), (1, 1, 2)
"""Kernels of a warm-up and two passes that agree, and of two that do not."""


def test_a_job_that_lost_kernels_at_a_fallen_clock_is_recorded_until_it_has_them(
    recording: Recording,
) -> None:
    recording.clocks = [2000, 1500, 1500, 1500, *TOP]
    engine, job = counting(recording, *WHOLE, *LOST, *WHOLE)
    outcomes = timer_of(recording, engine).measure(engine, [job] * 2, 2).outcomes
    one = Timed({"a": [1.0, 1.0]}, {"a": ["kernel"]}, clocks_mhz=OWN_FALL)
    assert outcomes == [one, replace(one, recordings=2, clocks_mhz=TOP)]
    assert recording.clocks == []


def test_one_that_lost_kernels_is_recorded_also_where_the_clock_does_not_come_back(
    recording: Recording, monkeypatch: pytest.MonkeyPatch
) -> None:
    moments = iter([0.0, 0.0, 0.21])
    monkeypatch.setattr("timing.device_clock.time.monotonic", lambda: next(moments))
    slow = (1500, 1500)
    recording.clocks = [*OWN_FALL, *slow, *slow, 1900, *slow, *slow, 1500, *slow]
    engine, job = counting(recording, *WHOLE, *WHOLE, *LOST, *WHOLE, *LOST, *WHOLE)
    measured = timer_of(recording, engine).measure(engine, [job] * 3, 2)
    one = Timed({"a": [1.0, 1.0]}, {"a": ["kernel"]}, clocks_mhz=slow)
    assert measured.outcomes == [replace(one, clocks_mhz=OWN_FALL), one, replace(one, recordings=3)]
    assert recording.clocks == []
    counted_us = CLOCK_CYCLES / 2000 + 11 * CLOCK_CYCLES / 1500
    assert measured.device_busy_us == pytest.approx(20 + counted_us, rel=1e-4), "that of all recordings"


def test_a_time_at_a_fallen_clock_stays_where_the_next_lost_kernels_or_has_no_clock(
    recording: Recording,
) -> None:
    recording.clocks = [*OWN_FALL, 1500, 1500, 1900, *TOP, 1900]
    engine, job = counting(recording, *WHOLE, *WHOLE, *LOST, *WHOLE)
    outcomes = timer_of(recording, engine).measure(engine, [job] * 2, 2).outcomes
    one = Timed({"a": [1.0, 1.0]}, {"a": ["kernel"]}, clocks_mhz=OWN_FALL)
    assert outcomes == [one, replace(one, clocks_mhz=(1500, 1500))]
    assert recording.clocks == []


def test_an_engine_that_dies_while_jobs_are_recorded_again_fires_nothing_more(recording: Recording) -> None:
    engine, job = counting(recording, *WHOLE, *LOST, *LOST)
    fire, fired = engine.forward, []

    def forward(requests: Any) -> None:
        fired.append(requests)
        if len(fired) > 9:
            raise RuntimeError("CUDA error: an illegal memory access was encountered")
        fire(requests)

    engine.forward = forward
    outcomes = timer_of(recording, engine).measure(engine, [job] * 3, 2).outcomes
    assert [outcome.kind if isinstance(outcome, Fault) else "timed" for outcome in outcomes] == [
        *("timed", "engine_dead", "unsupported"),
    ]
    assert len(fired) == 10


def test_a_clock_that_cannot_be_counted_takes_nothing_from_a_job(
    recording: Recording, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_: str) -> None:
        raise RuntimeError("CUDA error: device-side assert triggered")

    monkeypatch.setattr(recording, "clock", fail)
    module = Module(lambda: recording.launch("kernel", 1000))
    engine: Any = Engine(module)
    outcomes = timer_of(recording, engine).measure(engine, [Job(BATCH, {"a": [module]})] * 2, 1).outcomes
    assert outcomes == [Timed({"a": [1.0]}, {"a": ["kernel"]})] * 2


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
    marks = RangeMarks(recording, DeviceClock(recording, lambda: None))
    list(marks.each([Job(BATCH, {})]))
    marks.begin(0)
    marks.enter("a")
    marks.enter("b")
    marks.end()
    assert [name for name, *_ in recording.events] == ["shotlab:1", "shotlab:0"]


FUSED = "_fused_qk_rmsnorm_rope_gate_kernel"
OWN = (
    ("void at::native::unrolled_elementwise_kernel<at::native::direct_copy_kernel_cuda", 2240),
    ("void at::native::vectorized_elementwise_kernel<4, at::native", 992),
    (FUSED, 17920),
    ("void at::native::vectorized_elementwise_kernel<8, at::native::sigmoid", 6464),
)
"""What vLLM 0.26's Qwen3NextAttention launched beside its modules on an H200: names and nanoseconds."""


class Attention:
    """A decoder layer whose attention launches kernels itself, between a projection and its own attention."""

    def __init__(self, recording: Recording) -> None:
        self.qkv = Module(lambda: recording.launch("nvjet_sm90", 51039))
        self.attn = Module(lambda: recording.launch("flash_fwd", 26144))

        def own() -> None:
            self.qkv()
            for name, duration in OWN:
                recording.launch(name, duration)
            self.attn()

        self.block = Module(own)

        def decoder() -> None:
            self.block()
            recording.launch("aten::add", 3000)

        self.decoder = Module(decoder)
        self.part = Part("qk_norm_rope", self.block, (FUSED,))


@pytest.mark.parametrize(
    ("sites", "expected"),
    [
        (
            ["qkv_proj", "attn_glue", "qk_norm_rope"],
            {"qkv_proj": 51.039, "attn_glue": 9.696, "qk_norm_rope": 17.92},
        ),
        (["attn_glue"], {"attn_glue": 9.696}),
        (["qkv_proj", "qk_norm_rope"], {"qkv_proj": 51.039, "qk_norm_rope": 17.92}),
        (["layer_glue", "qk_norm_rope"], {"layer_glue": 12.696, "qk_norm_rope": 17.92}),
    ],
    ids=["beside the rest", "the rest alone", "no rest", "the rest belongs to the block around"],
)
def test_kernels_of_a_name_are_a_layer_apart_from_the_rest_of_their_module(
    recording: Recording, sites: list[str], expected: dict[str, float]
) -> None:
    made = Attention(recording)
    modules: dict[str, list[Any]] = {
        "qkv_proj": [made.qkv],
        "attn_glue": [made.block],
        "layer_glue": [made.decoder],
        "qk_norm_rope": [],
    }
    inner = tuple(each for name, each in (("qkv_proj", made.qkv), ("", made.attn)) if name not in sites)
    engine: Any = Engine(made.decoder)
    job = Job(BATCH, {name: modules[name] for name in sites}, inner=inner, parts=(made.part,))
    (outcome,) = timer_of(recording, engine).measure(engine, [job], 2).outcomes
    assert isinstance(outcome, Timed)
    assert outcome.samples == {name: [us, us] for name, us in expected.items()}
    if "qk_norm_rope" in sites:
        assert outcome.kernels["qk_norm_rope"] == [FUSED]
    assert not made.block.before


def test_a_layer_of_kernels_or_modules_is_timed_by_what_there_is_and_refused_without_either(
    recording: Recording,
) -> None:
    made = Attention(recording)
    norm = Module(lambda: recording.launch("rms_norm", 4000))
    engine: Any = Engine(norm)
    job = Job(BATCH, {"qk_norm_rope": [norm]}, parts=(made.part,))
    (outcome,) = timer_of(recording, engine).measure(engine, [job], 1).outcomes
    assert outcome == Timed({"qk_norm_rope": [4.0]}, {"qk_norm_rope": ["rms_norm"]})
    fault = WallTimer(engine.synchronize).measure(Engine(made.decoder), [job], 1).outcomes[0]  # type: ignore[arg-type]
    assert isinstance(fault, Fault)
    assert fault.message == (
        "layer 'qk_norm_rope' was found, but its modules were not called and no kernel"
        f" {FUSED} was seen (the quantity kernel alone sees them) in a forward"
    )
