"""The engine in this process, where a forward can be watched and broken."""

from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from client import attention
from engine.boot import boot_engine, guard_inputs
from engine.boot_faults import boot_fault
from engine.engine import Engine
from engine.kernel_before import KernelBefore
from engine.shots import Shot, read_shot
from faults import Fault
from models import NO_FP8_CACHE, boot
from protocol import parse_boot
from timing.jobs import job_of
from timing.passes import run_passes
from timing.timed import Timed, WallMarks, WallTimer

DENSE = Shot("dense", ((16, 0),))
TIMER = WallTimer(lambda: None)


def fire(engine: Engine, shot: Shot, iterations: int) -> Timed | Fault:
    (outcome,) = TIMER.measure(engine, [job_of(engine, shot)], iterations).outcomes
    return outcome


def test_a_processor_without_avx512_and_amx_is_refused_an_fp8_cache(monkeypatch: pytest.MonkeyPatch) -> None:
    import torch

    for name in ("_is_avx512_supported", "_is_amx_tile_supported"):
        monkeypatch.setattr(torch.cpu, name, lambda: False)
    with pytest.raises(NotImplementedError) as refused:
        boot_engine(parse_boot(boot("llama", kv_cache_dtype="fp8")))
    assert (boot_fault(refused.value).kind, boot_fault(refused.value).message) == (
        "unsupported",
        NO_FP8_CACHE,
    )


@pytest.fixture(scope="module")
def engine() -> Iterator[Engine]:
    booted = boot_engine(parse_boot(boot("qwen3_moe")))
    yield booted
    booted.close()


def watched(engine: Engine, requests: tuple[tuple[int, int], ...]) -> list[str]:
    """Return the classes of the timed modules that ran in a forward, in their order."""
    ran: list[str] = []
    modules = [module for sites in engine.layers.values() for layer in sites.values() for module in layer]
    hooks = [module.register_forward_hook(lambda m, *_: ran.append(type(m).__name__)) for module in modules]
    engine.forward(requests)
    for hook in hooks:
        hook.remove()
    return ran


def test_a_forward_that_ends_before_the_logits_runs_every_layer_before_them(engine: Engine) -> None:
    whole = watched(engine, DENSE.requests)
    with engine.without_logits():
        short = watched(engine, DENSE.requests)
    assert whole == [*short, "LogitsProcessor", "Sampler"]
    assert short[-1] == "RMSNorm"


def test_history_reaches_the_attention(engine: Engine) -> None:
    seen: list[tuple[list[int], list[int]]] = []

    def look(*_: Any) -> None:
        from vllm.forward_context import get_forward_context

        (metadata, *_rest) = get_forward_context().attn_metadata.values()
        starts = metadata.query_start_loc[:4].tolist()
        seen.append((starts, metadata.seq_lens[:3].tolist()))

    (module,) = engine.layers["attention"]["attention"]
    hook = module.register_forward_pre_hook(look)
    engine.forward(((16, 100), (1, 40), (1, 40)))
    drafts = read_shot({**attention(16, 100, 2, 40), "decode_q_len": 4})
    engine.forward(drafts.requests)
    hook.remove()
    assert seen == [([0, 16, 17, 18], [116, 41, 41]), ([0, 16, 20, 24], [116, 44, 44])]


def test_experts_are_those_of_the_shot(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    from engine import routing

    routes: list[Any] = []
    monkeypatch.setattr(routing, "Route", recording(routing.Route, routes))
    fire(engine, Shot("moe", ((16, 0),), 5), 2)
    (route,) = routes
    assert route.calls == 3
    assert set(route.ids.flatten().tolist()) == {0, 1, 2, 3, 4}


def recording(kind: Any, made: list[Any]) -> Any:
    """Return a maker of `kind` that remembers what it made."""

    def make(*args: Any) -> Any:
        made.append(kind(*args))
        return made[-1]

    return make


def test_a_router_that_is_never_asked_is_an_error(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine, "routers", [SimpleNamespace(top_k=2)])
    monkeypatch.setattr(engine, "experts", [])
    outcome = fire(engine, Shot("moe", ((16, 0),), 5), 1)
    assert isinstance(outcome, Fault)
    assert outcome.message == "forced routing must be asked once per forward (2): asked [0]"


def test_a_forward_that_runs_out_of_memory_is_survived(engine: Engine) -> None:
    import torch

    (module,) = engine.layers["attention"]["attention"]

    def exhaust(*_: Any) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB")

    for _ in range(3):
        hook = module.register_forward_pre_hook(exhaust)
        outcome = fire(engine, DENSE, 1)
        hook.remove()
        assert isinstance(outcome, Fault)
        assert outcome.kind == "out_of_memory"
        outcome = fire(engine, DENSE, 1)
        assert isinstance(outcome, Timed)
        assert len(outcome.samples["embedding"]) == 1


def test_a_category_without_layers_is_unsupported(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(engine.layers, "dense", {})
    with pytest.raises(Fault, match="the architecture has no dense layers"):
        fire(engine, DENSE, 1)


def test_the_decoder_layer_is_repeated_up_to_the_attention(engine: Engine) -> None:
    ran: list[str] = []
    modules = [module for sites in engine.layers.values() for layer in sites.values() for module in layer]
    hooks = [module.register_forward_hook(lambda m, *_: ran.append(type(m).__name__)) for module in modules]
    marks = Log()
    shot = Shot("attention", ((16, 8), (1, 40)))
    run_passes(engine, job_of(engine, shot), 2, marks, layer_only=True)
    for hook in hooks:
        hook.remove()
    before, *passes = "".join(f"{name} " for name in ran).split("RMSNorm QKVParallelLinear ")
    assert before == "VocabParallelEmbedding "
    assert passes == ["RMSNorm RMSNorm RotaryEmbedding Attention "] * 3
    assert marks.log == [
        *("begin None", "enter attention", "leave", "end"),
        *("begin 0", "enter attention", "leave", "end"),
        *("begin 1", "enter attention", "leave", "end"),
    ]
    assert watched(engine, DENSE.requests)[-1] == "Sampler"


class Log:
    """Marks that write down what they are told."""

    def __init__(self) -> None:
        self.log: list[str] = []

    def begin(self, number: int | None) -> None:
        self.log.append(f"begin {number}")

    def end(self) -> None:
        self.log.append("end")

    def enter(self, layer: str) -> None:
        self.log.append(f"enter {layer}")

    def leave(self) -> None:
        self.log.append("leave")


def test_a_kernel_runs_before_over_blocks_that_the_batch_does_not_have(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    (kernel,) = engine.layers["attention"]["attention"]
    before = KernelBefore(kernel, engine.decoders[id(kernel)], engine.num_blocks, engine.filler)
    monkeypatch.setattr(engine, "kernels_before", {id(kernel): before})
    pool = kernel.kv_cache
    before.other.zero_()
    job = job_of(engine, Shot("attention", ((engine.limits.block_size, 0),)))
    run_passes(engine, job, 1, WallMarks(lambda: None), layer_only=True)
    (axis,) = (at for at, size in enumerate(pool.shape) if size == engine.num_blocks)
    written = pool.narrow(axis, 0, 1)
    assert kernel.kv_cache is pool
    assert written.abs().sum() > 0
    assert torch.equal(before.other.narrow(axis, 0, 1), written)


def test_a_forward_that_ends_early_must_not_lose_its_inputs_to_the_next(engine: Engine) -> None:
    assert engine.runner.prepare_inputs_event is None
    with pytest.raises(Fault, match="no prepare_inputs_event to wait for"):
        guard_inputs(SimpleNamespace())
