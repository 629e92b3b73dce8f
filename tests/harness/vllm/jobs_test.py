from types import SimpleNamespace
from typing import Any

from engine.caches import CacheGroup
from engine.shots import Shot
from fakes import Engine, Module
from messages import Limits
from timing.jobs import job_of
from timing.timed import Timed, WallTimer

LIMITS = Limits(2048, 256, 1_000_000, 32768, None, None, 16)


def test_a_layer_within_another_is_timed_once_and_taken_out_of_it(monkeypatch: Any) -> None:
    clock = iter(range(0, 100_000, 1000))
    monkeypatch.setattr("timing.timed.time.perf_counter_ns", lambda: next(clock))
    norm, attention = Module(), Module()

    def body() -> None:
        norm()
        attention()

    block = Module(body)
    engine: Any = Engine(block)
    facts = SimpleNamespace(
        layers={"dense": {"glue": [block], "norm": [norm]}, "attention": {"attention": [attention]}},
        routers=[],
        limits=LIMITS,
        batches=SimpleNamespace(groups=(CacheGroup("full", 16),)),
        inner={id(block): [norm, attention]},
        parts=(),
        occurrences={},
    )
    job = job_of(facts, Shot("dense", ((16, 0),)))  # type: ignore[arg-type]
    assert job.inner == (attention,)
    (outcome,) = WallTimer(engine.synchronize).measure(engine, [job], 1).outcomes
    assert isinstance(outcome, Timed)
    # Six readings of the clock: the block's own time is what is left between those of the two within it.
    assert outcome.samples == {"glue": [3.0], "norm": [1.0]}
