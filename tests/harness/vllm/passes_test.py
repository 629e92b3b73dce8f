from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
from fakes import Engine, Module
from timing.jobs import Job
from timing.passes import run_passes


class Log(list[str]):
    """Marks that write down what they are told."""

    def begin(self, number: int | None) -> None:
        self.append(f"begin {number}")

    def end(self) -> None:
        self.append("end")

    def enter(self, layer: str) -> None:
        self.append(f"enter {layer}")

    def leave(self) -> None:
        self.append("leave")


def decoder_of(log: Log, *attentions: Module) -> tuple[Any, list[Module]]:
    """Return an engine and its decoder layers: a norm, an attention, and what comes behind it."""

    def body_of(attention: Module) -> Callable[[], None]:
        def body() -> None:
            log.append("norm")
            attention()
            log.append("mlp")

        return body

    decoders = [Module(body_of(attention)) for attention in attentions]
    return Engine(Module(lambda: log.append("embedding")), *decoders), decoders


def test_whole_forwards_have_marks_around_modules_but_not_in_the_warm_up() -> None:
    log = Log()
    module = Module(lambda: log.append("run"))
    engine: Any = Engine(module)
    run_passes(engine, Job(((1, 0),), {"norm": [module]}), 1, log, layer_only=True)
    assert log == ["begin None", "run", "end", "begin 0", "enter norm", "run", "leave", "end"]
    assert engine.evicted == 1


@pytest.mark.parametrize("with_logits", [True, False])
def test_every_timed_forward_finds_an_empty_cache(with_logits: bool) -> None:
    log = Log()
    engine: Any = Engine(Module(lambda: log.append("run")))
    engine.evict = lambda: log.append("evict")
    job = Job(((1, 0),), {"norm": list(engine.modules)}, with_logits)
    run_passes(engine, job, 2, log, layer_only=False)
    one = ["enter norm", "run", "leave", "end"]
    assert log == ["begin None", "run", "end", "evict", "begin 0", *one, "evict", "begin 1", *one]


@pytest.mark.parametrize(("layer_only", "ways"), [(True, ["forward_into"]), (False, ["forward"] * 2)])
def test_a_forward_that_ends_in_its_layer_is_run_into_it(layer_only: bool, ways: list[str]) -> None:
    called: list[str] = []
    attention = Module()
    engine, decoders = decoder_of(Log(), attention)
    engine.forward = lambda _: called.append("forward")
    engine.forward_into = lambda _: called.append("forward_into")
    job = Job(((1, 0),), {"attention": [attention]}, decoders=tuple(decoders))
    run_passes(engine, job, 1, Log(), layer_only=layer_only)
    assert called == ways


def test_the_layer_is_repeated_up_to_the_timed_module_with_an_empty_cache() -> None:
    log = Log()
    attention = Module(lambda: log.append("attention"))
    engine, decoders = decoder_of(log, attention)
    job = Job(((1, 0),), {"attention": [attention]}, decoders=tuple(decoders))
    run_passes(engine, job, 1, log, layer_only=True)
    one = ["norm", "enter attention", "attention", "leave", "end"]
    assert log == ["embedding", "begin None", *one, "begin 0", *one]
    assert engine.evicted == 2
    assert [*attention.before, *attention.after, *decoders[0].before] == []


def test_unlike_layers_are_repeated_one_behind_the_other_and_the_forward_stops_before_them() -> None:
    log = Log()
    sliding, full = (Module(partial(log.append, kind)) for kind in ("sliding", "full"))
    engine, decoders = decoder_of(log, sliding, full)
    job = Job(((1, 0),), {"sliding": [sliding], "attention": [full]}, decoders=tuple(decoders))
    run_passes(engine, job, 1, log, layer_only=True)
    first = ["norm", "enter sliding", "sliding", "leave", "end"]
    second = ["norm", "enter attention", "full", "leave", "end"]
    assert log == [
        *("embedding", "begin None", *first, "begin 0", *first),
        *("begin None", *second, "begin 0", *second),
    ]
    assert engine.evicted == 4
    modules = [sliding, full, *decoders]
    assert [hook for module in modules for hook in [*module.before, *module.after]] == []


@pytest.mark.parametrize(("timer", "job"), [(False, True), (True, False)])
def test_whole_forwards_are_run_where_the_timer_or_the_job_wants_them(timer: bool, job: bool) -> None:
    log = Log()
    attention = Module()
    engine, decoders = decoder_of(log, attention)
    of_job = tuple(decoders) if job else ()
    run_passes(engine, Job(((1, 0),), {"attention": [attention]}, decoders=of_job), 1, log, layer_only=timer)
    assert log.count("mlp") == 2


def test_a_pass_that_fails_is_ended_and_leaves_no_hooks() -> None:
    def fail() -> None:
        raise RuntimeError("no")

    log = Log()
    attention = Module(fail)
    engine, decoders = decoder_of(log, attention)
    job = Job(((1, 0),), {"a": [attention]}, decoders=tuple(decoders))
    with pytest.raises(RuntimeError, match="no"):
        run_passes(engine, job, 3, log, layer_only=True)
    assert log == ["embedding", "begin None", "norm", "enter a", "end"]
    assert [*attention.before, *attention.after, *decoders[0].before] == []
