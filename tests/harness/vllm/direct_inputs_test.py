"""Inputs written directly, on vLLM's CPU engine: they are those that its runner makes of the same batch."""

import random
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pytest
from engine.boot import boot_engine, find_direct
from engine.direct_inputs import DirectInputs, verify
from engine.engine import Engine
from engine.given import given_to, same
from engine.layers import Part
from engine.shots import Shot, broken_limit
from engine.values import fill_cache
from faults import Fault
from messages import Limits
from models import boot
from protocol import parse_boot
from timing.jobs import Job, job_of
from timing.passes import run_passes

Requests = tuple[tuple[int, int], ...]


@pytest.fixture(scope="module")
def engine() -> Iterator[Engine]:
    booted = boot_engine(parse_boot(boot("llama", max_num_seqs=16, max_num_batched_tokens=256)))
    yield booted
    booted.close()


def direct_of(engine: Engine) -> DirectInputs:
    assert engine.direct is not None
    return engine.direct


def random_batch(rng: random.Random, limits: Limits) -> Requests:
    """Return a batch that the engine takes: prefills, decodes, or both, in any order."""
    while True:
        requests = [
            (rng.choice((1, 1, 1, rng.randint(1, 60))), rng.choice((0, rng.randint(0, 450))))
            for _ in range(rng.randint(1, limits.max_num_seqs + 1))
        ]
        if rng.random() < 0.5:
            requests.sort(reverse=rng.random() < 0.5)
        if broken_limit(Shot("attention", tuple(requests)), limits) is None:
            return tuple(requests)


def test_the_engine_says_how_its_inputs_come(engine: Engine) -> None:
    assert engine.conditions["inputs"] == "direct"


def test_batches_are_given_to_the_model_as_the_runner_gives_them(engine: Engine) -> None:
    rng, model = random.Random(2022), engine.runner.get_model()
    for _ in range(40):
        requests = random_batch(rng, engine.limits)
        assert direct_of(engine).differs(model, requests) is None, requests


def outputs(engine: Engine, forward: Callable[[Requests], None], batches: Sequence[Requests]) -> list[Any]:
    """Return what the attention gives for each batch, with the same KV cache before each."""
    kept: list[Any] = []
    (module,) = engine.layers["attention"]["attention"]
    hook = module.register_forward_hook(lambda _, __, output: kept.append(output.clone()))
    for requests in batches:
        fill_cache(engine.runner.kv_caches)
        forward(requests)
    hook.remove()
    return [output[: sum(new for new, _ in batch)] for output, batch in zip(kept, batches, strict=True)]


def test_layers_compute_the_same_of_both_in_any_order(engine: Engine) -> None:
    rng = random.Random(7)
    batches = [random_batch(rng, engine.limits) for _ in range(12)]
    with engine.without_logits():
        outputs(engine, engine.forward, batches)
        usual = outputs(engine, engine.forward, batches)
        direct = outputs(engine, engine.forward_into, batches[::-1])[::-1]
        after = outputs(engine, engine.forward, batches)
    for requests, one, other, again in zip(batches, usual, direct, after, strict=True):
        assert same(one, other), requests
        assert same(one, again), requests
    assert not same(usual[0][:1], usual[1][:1])


def test_attention_alone_has_its_inputs_written(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    written: list[Sequence[tuple[int, int]]] = []
    execute = DirectInputs.execute

    def noted(self: DirectInputs, requests: Sequence[tuple[int, int]]) -> None:
        written.append(requests)
        execute(self, requests)

    monkeypatch.setattr(DirectInputs, "execute", noted)
    shots = [Shot("dense", ((8, 0),)), Shot("per_sequence", ((1, 0),)), Shot("attention", ((8, 32), (1, 40)))]
    for shot in shots:
        run_passes(engine, job_of(engine, shot), 1, Silent(), layer_only=True)
    assert written == [shots[2].requests]


def test_an_attention_job_has_the_same_passes_by_both(engine: Engine) -> None:
    ran = []
    for direct in (engine.direct, None):
        kept, engine.direct = engine.direct, direct
        ran.append(classes_run(engine, job_of(engine, Shot("attention", ((8, 32),)))))
        engine.direct = kept
    assert ran[0] == ran[1]
    assert (ran[0].count("VocabParallelEmbedding"), ran[0].count("RotaryEmbedding")) == (1, 3)


def classes_run(engine: Engine, job: Job) -> list[str]:
    """Return the classes of the modules that a job runs, in their order."""
    ran: list[str] = []
    modules = [module for _, module in engine.runner.get_model().named_modules()]
    hooks = [module.register_forward_hook(lambda m, *_: ran.append(type(m).__name__)) for module in modules]
    run_passes(engine, job, 2, Silent(), layer_only=True)
    for hook in hooks:
        hook.remove()
    return ran


class Silent:
    """Marks that note nothing."""

    splits = False

    def begin(self, number: int | None) -> None: ...

    def end(self) -> None: ...

    def enter(self, layer: str | None, _: Sequence[Part] = ()) -> None: ...

    def leave(self) -> None: ...


def test_a_forward_that_fails_leaves_the_runner_as_it_was(engine: Engine) -> None:
    import torch

    def exhaust(*_: Any) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB")

    (module,) = engine.layers["attention"]["attention"]
    job = job_of(engine, Shot("attention", ((16, 0),)))
    before = engine.runner.input_batch.req_ids
    hook = module.register_forward_pre_hook(exhaust)
    with pytest.raises(torch.OutOfMemoryError):
        run_passes(engine, job, 1, Silent(), layer_only=True)
    hook.remove()
    assert engine.runner.input_batch.req_ids == before
    assert not {"_update_states", "_prepare_inputs"} & set(vars(engine.runner))
    run_passes(engine, job, 1, Silent(), layer_only=True)
    engine.forward(job.requests)


def test_a_forward_that_does_not_end_within_the_model_is_an_error(engine: Engine) -> None:
    with pytest.raises(Fault, match=r"^a forward that was to end within the model did not$"):
        engine.forward_into(((4, 0),))
    engine.forward(((4, 0),))


FORGOTTEN = {
    "block_table": "block_table",
    "slot_mapping": "slot",
    "seq_lens": "seq_len",
    "positions": "positions",
    "query_start_loc": "query_start_loc",
    "input_ids": "input_ids",
}


@pytest.mark.parametrize("forgotten", FORGOTTEN)
def test_inputs_that_are_not_written_are_seen(
    engine: Engine, forgotten: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    write = DirectInputs.write

    def forget(self: DirectInputs, output: Any, new: Any) -> Any:
        result = write(self, output, new)
        buffer = getattr(self.runner, forgotten, None)
        buffer = getattr(self.table, forgotten) if buffer is None else buffer
        getattr(buffer, "gpu", buffer).zero_()
        return result

    monkeypatch.setattr(DirectInputs, "write", forget)
    with pytest.raises(Fault, match=f"^inputs that are written differ in .*{FORGOTTEN[forgotten]}"):
        verify(direct_of(engine), engine.limits)


@pytest.mark.parametrize("threshold", [1, 64, 200])
def test_an_order_that_the_runner_changes_is_seen(
    engine: Engine, threshold: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine.runner, "reorder_batch_threshold", threshold)
    with pytest.raises(Fault, match=r"^inputs that are written differ in "):
        verify(direct_of(engine), engine.limits)


def test_a_way_to_write_that_fails_is_not_taken(
    engine: Engine, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken(self: DirectInputs, output: Any, new: Any) -> Any:
        raise IndexError("row 7 of 7")

    monkeypatch.setattr(DirectInputs, "write", broken)
    assert find_direct(engine.runner, engine.batches, engine.limits) is None
    assert capsys.readouterr().err == "requests are taken in one by one: IndexError: row 7 of 7\n"
    engine.forward(((4, 0),))


def test_what_the_model_is_given_is_kept_as_it_was(engine: Engine) -> None:
    model = engine.runner.get_model()
    found = given_to(model, lambda: engine.runner.execute_model(engine.batches.build(((3, 5), (1, 9)))))
    direct_of(engine).differs(model, ((1, 1),))
    assert found["positions"].tolist() == [5, 6, 7, 9]
    lengths = next(value for name, value in found.items() if name.endswith(": seq_lens"))
    assert lengths.tolist() == [8, 10]
