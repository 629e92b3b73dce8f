"""What a boot is checked with, shot by shot, and what walks make of calls and of several forwards."""

from collections.abc import Sequence
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest
from engine.caches import CacheGroup
from engine.shots import Shot
from faults import Fault
from messages import Limits
from selfcheck_test import LIMITS, WHOLE, engine
from timing.jobs import SKEWED
from timing.kernel_timer import KernelTimer, LostKernels, Recorded
from timing.profiler import CLOCK_CYCLES, PREFIX
from timing.selfcheck import activations, histories, medians, smallest
from timing.timed import Measured, Timed
from timing.walk import LONGEST_NAME, PASSES, WARM_UP, Node, Recorder, numbers

SMALL = Limits(8, 4, 4096, 512, None, None, 16)


def with_layers(limits: Limits, *categories: str) -> Any:
    made = engine(limits)
    made.layers = {category: {"attention": [object()]} for category in categories}
    return made


def test_the_smallest_shot_of_each_category_that_has_layers() -> None:
    assert smallest(with_layers(LIMITS, "dense", "per_sequence", "attention", "linear_attention", "moe")) == [
        Shot("dense", ((16, 0),)),
        Shot("per_sequence", ((1, 0),)),
        Shot("attention", ((16, 1), (1, 1))),
        Shot("linear_attention", ((16, 0), (1, 1))),
        Shot("moe", ((16, 0),), 8),
    ]
    assert smallest(with_layers(SMALL, "dense", "attention")) == [
        Shot("dense", ((8, 0),)),
        Shot("attention", ((8, 1), (1, 1))),
    ]


@pytest.mark.parametrize(
    ("limits", "token_bytes", "groups", "expected"),
    [
        (LIMITS, 4096, WHOLE, (32, 64, 16384)),
        (Limits(32, 4, 1_000_000, 2000, None, None, 16), 65536, WHOLE, (4, 32, 1967)),
        (Limits(64, 8, 8192, 9000, None, None, 16), 65536, WHOLE, (8, 64, 960)),
        (LIMITS, 128, WHOLE, (32, 64, 16384)),
        (LIMITS, 127, WHOLE, None),
        (LIMITS, 4096, (CacheGroup("sliding", 16, 16384),), None),
        (LIMITS, 4096, (CacheGroup("sliding", 16, 16385),), (32, 64, 16384)),
        (LIMITS, 4096, (CacheGroup("sliding", 16, 1024), CacheGroup("full", 16)), (32, 64, 16384)),
        (LIMITS, 4096, (CacheGroup("state", 16),), None),
    ],
    ids=[
        "as long as can be",
        "as the model",
        "as the pool",
        "just enough bytes",
        "too few bytes",
        "a window",
        "a longer window",
        "one that remembers all",
        "a state",
    ],
)
def test_histories_are_probed_where_they_are_long_enough_to_tell(
    limits: Limits, token_bytes: float, groups: Any, expected: tuple[int, int, int] | None
) -> None:
    found = histories(engine(limits, token_bytes, groups))
    if expected is None:
        assert found == []
        return
    decodes, chunk, kv = expected
    assert found == [
        (Shot("attention", ((1, 1),) * decodes), Shot("attention", ((1, kv),) * decodes)),
        (Shot("attention", ((chunk, 0),)), Shot("attention", ((chunk, kv),))),
    ]


@pytest.mark.parametrize(
    ("experts", "top_k", "tokens", "weights", "expected"),
    [
        (128, 8, 2048, 1200 << 20, (16, 128)),
        (60, 8, 2048, 1200 << 20, (8, 60)),
        (128, 8, 4, 1200 << 20, (4, 32)),
        (8, 2, 64, 256 << 20, (4, 8)),
        (8, 2, 64, 80 << 20, None),
        (None, None, 64, 1200 << 20, None),
    ],
)
def test_experts_are_probed_from_the_fewest_to_the_most(
    experts: int | None, top_k: int | None, tokens: int, weights: int, expected: tuple[int, int] | None
) -> None:
    made = engine(Limits(tokens, 256, 1_000_000, 32768, experts, top_k, 16))
    weight = SimpleNamespace(numel=lambda: weights // 2, element_size=lambda: 2)
    made.layers["moe"] = {"moe": [SimpleNamespace(parameters=lambda: iter([weight]))]}
    if expected is None:
        assert activations(made) == []
        return
    new, most = expected
    assert activations(made) == [(Shot("moe", ((new, 0),), top_k), Shot("moe", ((new, 0),), most))]


def test_the_median_of_whole_attention_counts_where_there_are_several_kinds() -> None:
    class Timer:
        def measure(self, _engine: Any, jobs: Sequence[Any], iterations: int) -> Measured:
            samples = {"sliding": [1.0] * iterations, SKEWED: [5.0, 9.0, 6.0]}
            return Measured([Timed(samples) for _ in jobs])

    anything: Any = Timer()
    assert medians(engine(), anything, [Shot("attention", ((1, 1),))] * 2, 3) == [6.0, 6.0]


def test_recordings_of_a_chunk_add_up_to_what_the_device_worked() -> None:
    lost = LostKernels("unsupported", "some are lost")
    timer, asked = rounds_of(
        Recorded([lost, Timed({"a": [1.0]})], 10.0),
        Recorded([Timed({"a": [2.0]})], 4.0),
    )
    measured = timer.measure(object(), ["one", "two"], 1)
    assert asked == [["one", "two"], ["one"]]
    assert measured.device_busy_us == 14.0
    assert measured.outcomes == [Timed({"a": [2.0]}, recordings=2), Timed({"a": [1.0]})]


def rounds_of(*rounds: Recorded) -> tuple[Any, list[list[str]]]:
    """Return a timer with recordings that are made up, and the jobs that it asks for in each."""
    timer: Any = KernelTimer(SimpleNamespace(synchronize=None), SimpleNamespace())  # type: ignore[arg-type]
    timer.clock = SimpleNamespace(had_fallen=lambda clocks: clocks == FALLEN, rest=lambda: True)
    left = iter(rounds)
    asked: list[list[str]] = []

    def once(_engine: Any, jobs: Sequence[Any], _iterations: int) -> Any:
        asked.append(list(jobs))
        return next(left)

    timer.measure_once = once
    return timer, asked


def test_jobs_are_recorded_again_in_their_order() -> None:
    lost = LostKernels("unsupported", "some are lost")
    one = Timed({"a": [1.0]})
    timer, asked = rounds_of(
        Recorded([lost if at in (1, 8) else one for at in range(9)], 1.0),
        Recorded([Timed({"a": [2.0]}), Timed({"a": [3.0]})], 1.0),
    )
    outcomes = timer.measure(object(), list("abcdefghi"), 1).outcomes
    assert asked == [list("abcdefghi"), ["b", "i"]]
    assert outcomes[1] == Timed({"a": [2.0]}, recordings=2)
    assert outcomes[8] == Timed({"a": [3.0]}, recordings=2)


def test_nothing_is_recorded_again_with_an_engine_that_died() -> None:
    dead = Fault("engine_dead", "illegal access")
    timer, asked = rounds_of(Recorded([LostKernels("unsupported", "some are lost"), dead], 1.0))
    assert timer.measure(object(), ["a", "b"], 1).outcomes[1] is dead
    assert asked == [["a", "b"]]


FALLEN, BACK = (900, 1980), (1980, 1980)
SLOW, FAST = Timed({"a": [2.0]}, clocks_mhz=FALLEN), Timed({"a": [1.0]}, clocks_mhz=BACK)
DEAD, UNFIT = Fault("engine_dead", "illegal access"), Fault("infeasible", "no room")
LOST = LostKernels("unsupported", "some are lost")


@pytest.mark.parametrize(
    ("again", "kept"),
    [
        ([FAST], replace(FAST, recordings=2)),
        ([replace(FAST, clocks_mhz=FALLEN)] * 2, SLOW),
        ([replace(FAST, clocks_mhz=(899, 1980))] * 2, SLOW),
        ([Timed({"a": [1.0]})] * 2, SLOW),
        ([UNFIT, FAST], replace(FAST, recordings=3)),
        ([LOST, LOST], SLOW),
        ([DEAD], DEAD),
    ],
    ids=[
        *("a faster clock", "the same clock", "a slower clock", "an unknown clock", "it fails once"),
        *("it loses kernels", "the engine dies"),
    ],
)
def test_of_a_job_that_began_at_a_fallen_clock_the_recording_at_the_faster_one_counts(
    again: list[Timed | Fault], kept: Timed | Fault
) -> None:
    timer, asked = rounds_of(Recorded([SLOW, FAST], 1.0), *(Recorded([each], 1.0) for each in again))
    assert timer.measure(object(), ["a", "b"], 1).outcomes == [kept, FAST]
    assert asked == [["a", "b"], *([["a"]] * len(again))]


def test_jobs_that_others_have_slowed_again_are_recorded_each_by_itself_until_the_engine_dies() -> None:
    timer, asked = rounds_of(
        Recorded([SLOW] * 4, 1.0),
        Recorded([FAST, SLOW, SLOW, SLOW], 1.0),
        Recorded([FAST], 1.0),
        Recorded([DEAD], 1.0),
    )
    outcomes = timer.measure(object(), list("abcd"), 1).outcomes
    assert outcomes == [replace(FAST, recordings=2), replace(FAST, recordings=3), DEAD, SLOW]
    assert asked == [list("abcd"), list("abcd"), ["b"], ["c"]]


def test_a_device_that_stays_slow_is_not_waited_for_again_but_lost_kernels_are_recorded() -> None:
    timer, asked = rounds_of(
        Recorded([SLOW, LOST, SLOW], 1.0),
        Recorded([LOST], 1.0),
        Recorded([replace(FAST, clocks_mhz=None)], 1.0),
    )
    rests: list[bool] = []

    def rest() -> bool:
        rests.append(False)
        return False

    timer.clock.rest = rest
    outcomes = timer.measure(object(), list("abc"), 1).outcomes
    assert outcomes == [SLOW, Timed({"a": [1.0]}, recordings=3), SLOW]
    assert asked == [list("abc"), ["b"], ["b"]]
    assert len(rests) == 2


@pytest.mark.parametrize(
    ("error", "faults"),
    [(DEAD, [DEAD, DEAD]), (MemoryError("CUDA out of memory"), None)],
    ids=["a fault", "an error of the device"],
)
def test_an_error_that_comes_late_is_that_of_jobs(
    monkeypatch: pytest.MonkeyPatch, error: Exception, faults: list[Fault] | None
) -> None:
    def synchronize() -> None:
        raise error

    session = SimpleNamespace(start=lambda: None)
    timer: Any = KernelTimer(SimpleNamespace(synchronize=synchronize), session)  # type: ignore[arg-type]
    monkeypatch.setattr("timing.kernel_timer.fire_jobs", lambda *_, **__: [None, None])
    found, sums, busy_ns = timer.record(object(), ["a", "b"], 1, SimpleNamespace(each=list))
    assert (sums, busy_ns) == ({}, 0)
    if faults is None:
        assert len(found) == 1 and "CUDA out of memory" in found[0].message
    else:
        assert found == faults


def test_the_clocks_of_a_job_are_its_cycles_by_their_time(monkeypatch: pytest.MonkeyPatch) -> None:
    timed, fault = Timed({"a": [1.0]}), Fault("infeasible", "no room")
    spun = {"before-0": 1.0, "behind-0": 2.0, "before-1": 1.0, "before-2": 1.0, "behind-2": 0.0}
    sums = {f"{PREFIX}{name}": SimpleNamespace(duration_ns=at * CLOCK_CYCLES) for name, at in spun.items()}
    session = SimpleNamespace(start=lambda: None, stop=lambda: "events")
    timer = KernelTimer(SimpleNamespace(synchronize=lambda: None), session)  # type: ignore[arg-type]
    asked: list[dict[str, Any]] = []

    def fire(_engine: Any, jobs: Any, *_: Any, **named: Any) -> list[Fault | None]:
        asked.append(named)
        return [None, None, None, fault]

    monkeypatch.setattr("timing.kernel_timer.fire_jobs", fire)
    monkeypatch.setattr("timing.kernel_timer.sum_kernels", lambda *_: (sums, 2500))
    monkeypatch.setattr("timing.kernel_timer.summed", lambda *_: timed)
    monkeypatch.setattr("timing.kernel_timer.RangeMarks.found", lambda *_: [])
    engine: Any = object()
    jobs: Any = ["a", "b", "c", "d"]
    outcomes = [replace(timed, clocks_mhz=(1000, 500)), timed, timed, fault]
    assert timer.measure_once(engine, jobs, 3) == Recorded(outcomes, 2.5)
    assert asked == [{"layer_only": True}]
    assert (timer.quantity, timer.chunk, timer.clock.fastest) == ("kernel", 128, 1000)


class Tensor:
    """What a tensor tells of itself."""

    def __init__(self, *shape: int) -> None:
        self.shape = shape

    def numel(self) -> int:
        count = 1
        for size in self.shape:
            count *= size
        return count


class Block:
    """A module with parameters."""

    def __init__(self, *weights: Tensor) -> None:
        self.weights = weights

    def parameters(self) -> Any:
        return iter(self.weights)


def recorder(**caches: int) -> tuple[Recorder, Block]:
    block = Block(Tensor(8, 4))
    made: Any = SimpleNamespace(
        layers={"dense": {"norm": [block]}},
        parts=(),
        device=SimpleNamespace(type="cpu"),
        forward=lambda _: None,
    )
    return Recorder(made, [("model.norm", block)], caches), block


def test_a_call_is_told_with_the_sizes_of_what_it_is_given() -> None:
    made, block = recorder(**{"model.norm": 1})
    other = Block(Tensor(3), block.weights[0])
    node = made.node("model.norm", block, 0, [Tensor(), Tensor(16, 4), other, None, 7])
    assert node == Node(
        "model.norm", "Block", 0, rows=16, elements=1 + 64, weights=32 + 3, cache=1, layer="norm"
    )
    block_any: Any = block
    block_any.router = SimpleNamespace(_compute_routing=None)
    block_any.layer_name = "elsewhere"
    node = made.node("model.norm", block, 4, [])
    assert (node.parent, node.rows, node.elements, node.cache, node.experts) == (4, None, 0, None, True)
    assert node.told()["class"] == "Block"
    assert numbers(None) == 0


def test_times_of_a_walk_are_medians_of_forwards_that_launched_the_same() -> None:
    made, _ = recorder()
    long = "k" * (LONGEST_NAME + 1)
    passes = iter(
        [
            [Node("", "F", None, kernels=[(long, 5.0), ("b", 1.0)]), Node("m", "M", 0)],
            [Node("", "F", None, kernels=[("other", 50.0)]), Node("m", "M", 0)],
            [Node("", "F", None, kernels=[(long, 8.0), ("b", 2.0004)]), Node("m", "M", 0)],
        ]
    )
    forwards: list[Any] = []
    anything: Any = made
    anything.record = lambda _: next(passes)
    anything.engine.forward = forwards.append
    first, second = made.nodes(((1, 0),))
    assert first.kernels == [("k" * LONGEST_NAME, 6.5), ("b", 1.5)]
    assert second.kernels == []
    assert (len(forwards), PASSES) == (WARM_UP, 3)
