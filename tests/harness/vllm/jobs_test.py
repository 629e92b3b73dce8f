from types import SimpleNamespace
from typing import Any

import pytest
from engine.caches import CacheGroup
from engine.layers import Part
from engine.shots import Shot
from fakes import Engine, Module
from messages import Limits
from timing.jobs import job_of, jobs_of
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
        decoders={},
    )
    job = job_of(facts, Shot("dense", ((16, 0),)))  # type: ignore[arg-type]
    assert job.inner == (attention,)
    (outcome,) = WallTimer(engine.synchronize).measure(engine, [job], 1).outcomes
    assert isinstance(outcome, Timed)
    # Six readings of the clock: the block's own time is what is left between those of the two within it.
    assert outcome.samples == {"glue": [3.0], "norm": [1.0]}


FIRST, SECOND, WINDOW, MIXER, NORM = (Module() for _ in range(5))
ONE, TWO = Module(), Module()


@pytest.mark.parametrize(
    ("sites", "decoders", "repeated"),
    [
        ({"attention": [FIRST]}, {FIRST: ONE}, [ONE]),
        ({"attention": [FIRST], "sliding": [WINDOW]}, {FIRST: ONE, WINDOW: TWO}, [ONE, TWO]),
        ({"attention": [FIRST, SECOND]}, {FIRST: ONE, SECOND: TWO}, [ONE, TWO]),
        ({"attention": [FIRST, SECOND]}, {FIRST: ONE}, []),
        ({"attention": [FIRST], "sliding": [WINDOW]}, {FIRST: ONE, WINDOW: ONE}, []),
    ],
    ids=["one layer", "two kinds", "one kind twice", "outside of a layer", "two in one layer"],
)
def test_layers_are_repeated_where_each_timed_module_has_one_of_its_own(
    sites: dict[str, list[Module]], decoders: dict[Module, Module], repeated: list[Module]
) -> None:
    facts = engine_of({"attention": sites}, decoders)
    assert job_of(facts, Shot("attention", ((16, 0),))).decoders == tuple(repeated)


def test_layers_are_not_repeated_where_some_of_their_kernels_are_bound_by_name() -> None:
    facts = engine_of({"attention": {"attention": [FIRST]}}, {FIRST: ONE})
    for layer, repeated in (("qk_norm_rope", (ONE,)), ("attention", ())):
        facts.parts = (Part(layer, ONE, ("flash",)),)
        assert job_of(facts, Shot("attention", ((16, 0),))).decoders == repeated


def test_recurrent_layers_are_repeated_and_those_of_other_categories_are_not() -> None:
    layers = {"linear_attention": {"gdn": [MIXER]}, "dense": {"norm": [NORM]}}
    facts = engine_of(layers, {MIXER: ONE, NORM: ONE})
    assert job_of(facts, Shot("linear_attention", ((16, 0),))).decoders == (ONE,)
    assert job_of(facts, Shot("dense", ((16, 0),))).decoders == ()


def test_a_skew_case_repeats_the_layer_of_the_attention_over_a_whole_history_alone() -> None:
    facts = engine_of({"attention": {"sliding": [WINDOW], "attention": [FIRST]}}, {WINDOW: ONE, FIRST: TWO})
    case = {"n": 4, "nb": 1, "kvs": 16, "kv_big": 64, "kv_mean": 28, "pc": 0, "kp": 0, "parts": ["t_skew"]}
    (job,) = jobs_of(facts, {"category": "skew", **case})
    assert (job.sites, job.decoders) == ({"t_skew": [FIRST]}, (TWO,))


def engine_of(layers: Any, decoders: dict[Module, Module]) -> Any:
    """Return what jobs read of an engine."""
    return SimpleNamespace(
        layers=layers,
        decoders={id(module): decoder for module, decoder in decoders.items()},
        routers=[],
        limits=LIMITS,
        batches=SimpleNamespace(groups=(CacheGroup("full", 16),)),
        inner={},
        parts=(),
        occurrences={},
    )
