from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any

import pytest
from engine.layers import Part
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


@pytest.mark.parametrize("activated", [5, None])
def test_experts_are_forced_in_the_warm_up_and_every_pass(
    monkeypatch: pytest.MonkeyPatch, activated: int | None
) -> None:
    asked: list[tuple[Any, ...]] = []

    @contextmanager
    def forced(*given: Any) -> Iterator[None]:
        asked.append(given)
        yield

    monkeypatch.setattr("timing.passes.forced", forced)
    engine: Any = Engine(Module())
    engine.routers, engine.device, engine.experts = ["router"], "cpu", ["experts"]
    job = Job(((3, 0), (1, 7)), {"moe": list(engine.modules)}, activated_experts=activated)
    run_passes(engine, job, 6, Log(), layer_only=False)
    assert asked == ([] if activated is None else [(["router"], 4, 5, 7, "cpu", ["experts"])])


def test_a_call_that_the_engine_makes_for_itself_is_nobodys() -> None:
    log = Log()
    module = Module(lambda: log.append("run"))
    engine: Any = Engine(module)
    told: list[Any] = []

    @contextmanager
    def after_another(timed: Any, untimed: Any) -> Iterator[None]:
        told.append(timed)
        with untimed():
            module()
        yield

    engine.after_another = after_another
    run_passes(engine, Job(((1, 0),), {"norm": [module]}), 1, log, layer_only=False)
    assert told == [[module]]
    own = ["enter ", "run", "leave"]
    assert log == ["begin None", "run", "end", *own, "begin 0", "enter norm", "run", "leave", "end"]


class Split(Log):
    """Marks that tell kernels of parts apart, or not."""

    def __init__(self, splits: bool) -> None:
        super().__init__()
        self.splits = splits

    def enter(self, layer: str | None, parts: Sequence[Part] = ()) -> None:
        self.append(f"enter {layer}: {', '.join(part.layer for part in parts)}")


@pytest.mark.parametrize(
    ("splits", "entered"),
    [(True, ["enter norm: scale", "enter None: rope, gate"]), (False, ["enter norm: "])],
)
def test_a_module_that_launches_parts_is_marked_once_with_all_of_them(
    splits: bool, entered: list[str]
) -> None:
    log = Split(splits)
    norm, attention = Module(), Module()
    parts = (Part("rope", attention, ("r",)), Part("gate", attention, ("g",)), Part("scale", norm, ("s",)))
    engine: Any = Engine(norm, attention)
    run_passes(engine, Job(((1, 0),), {"norm": [norm]}, parts=parts), 1, log, layer_only=False)
    assert [line for line in log if line.startswith("enter")] == entered
    assert log.count("leave") == len(entered)


@pytest.mark.parametrize("with_logits", [True, False])
def test_a_forward_goes_on_to_the_logits_where_the_job_wants_it(with_logits: bool) -> None:
    log = Log()
    engine: Any = Engine(Module(lambda: log.append("run")))

    @contextmanager
    def without_logits() -> Iterator[None]:
        log.append("without logits")
        yield

    engine.without_logits = without_logits
    run_passes(engine, Job(((1, 0),), {}, with_logits), 1, log, layer_only=False)
    assert log.count("without logits") == int(not with_logits)


def test_what_is_done_before_a_module_is_its_own_and_not_that_of_one_within() -> None:
    log = Log()
    inside, block = Module(), Module()
    for name, module in (("block", block), ("inside", inside)):
        module.register_forward_pre_hook(lambda *_, name=name: log.append(f"before {name}"))
    engine: Any = Engine(block, inside)
    run_passes(engine, Job(((1, 0),), {"block": [block]}, inner=(inside,)), 1, log, layer_only=False)
    assert log[log.index("begin 0") + 1 : -1] == [
        *("before block", "enter block", "leave"),
        *("enter ", "before inside", "leave"),
    ]
