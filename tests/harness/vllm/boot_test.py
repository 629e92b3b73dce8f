"""How a request becomes an engine, on made-up parts of vLLM."""

import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
import torch
from engine import boot as booting
from engine.boot import (
    ENVIRONMENT,
    boot_engine,
    clean_up,
    engine_arguments,
    find_direct,
    free_memory,
    guard_inputs,
    wrap,
)
from engine.expert_tiles import ExpertTiles
from faults import Fault
from messages import Architecture, Boot, Entry, Limits

CATALOG = {"attention": {"attention": Entry(("Attention",), ())}, "moe": {"moe": Entry(("FusedMoE",), ())}}


def request(**changes: Any) -> Boot:
    fields = {
        "tp": 1,
        "config": {"rope_theta": 10000},
        "architecture": Architecture(CATALOG, ("attention",), None, {"attention": 1}),
        "dtype": "bfloat16",
        "kv_cache_dtype": "auto",
        "block_size": None,
        "max_num_batched_tokens": 64,
        "max_num_seqs": 8,
    }
    return Boot(**{**fields, **changes})


ASKED = {
    "load_format": "dummy",
    "enforce_eager": True,
    "skip_tokenizer_init": True,
    "enable_prefix_caching": False,
    "async_scheduling": False,
    "generation_config": "vllm",
    "tensor_parallel_size": 1,
    "max_num_batched_tokens": 72,
    "max_num_seqs": 9,
    "max_model_len": -1,
    "dtype": "bfloat16",
    "kv_cache_dtype": "auto",
    "disable_log_stats": True,
}


@pytest.mark.parametrize(("block_size", "found"), [(None, 32), (16, 16)])
def test_vllm_is_asked_for_a_plain_engine_with_room_for_one_request_more(
    monkeypatch: pytest.MonkeyPatch, block_size: int | None, found: int
) -> None:
    monkeypatch.setattr(booting, "choose_pool", lambda boot, size: 1000 * boot.tp + size)
    assert engine_arguments(request(block_size=block_size), on_cpu=True) == {
        **ASKED,
        "block_size": found,
        "kv_cache_memory_bytes": 1000 + found,
    }


@pytest.mark.parametrize(
    ("free", "total", "share"), [(139, 140, 0.9), (70, 140, 0.475), (1, 3, 0.317), (95, 100, 0.902)]
)
def test_a_device_gives_what_is_free_but_for_a_twentieth(
    monkeypatch: pytest.MonkeyPatch, free: int, total: int, share: float
) -> None:
    refused: list[Any] = []
    monkeypatch.setattr(booting, "steady_memory", lambda read: (free, total))
    monkeypatch.setattr(booting, "refuse_too_large", lambda *asked: refused.append(asked))
    boot = request()
    arguments = engine_arguments(boot, on_cpu=False)
    assert arguments == {**ASKED, "block_size": 16, "gpu_memory_utilization": min(0.9, share)}
    assert refused == [(boot, 16, free, total)]


def kind(name: str, **fields: Any) -> Any:
    """Return a torch module of a class of this name."""
    made = type(name, (torch.nn.Module,), {})()
    for field, value in fields.items():
        setattr(made, field, value)
    return made


def model_of(decoders: int = 1, experts: bool = True) -> Any:
    """Return a model of decoder layers, each with an attention and, if there are any, experts."""

    def decoder(number: int) -> Any:
        router = SimpleNamespace(_compute_routing=None, global_num_experts=8 + number, top_k=2 + number)
        moe = {"moe": kind("FusedMoE", router=router)} if experts else {}
        made = kind("Decoder", attn=kind("Attention"), **moe)
        made.forward = lambda hidden_states, residual: None
        return made

    return kind("Model", layers=torch.nn.ModuleList(map(decoder, range(decoders))))


def spec(name: str, block_size: int, **fields: Any) -> Any:
    """Return vLLM's description of a cache whose blocks have 64 bytes a token."""
    made = type(name, (), {})()
    vars(made).update(block_size=block_size, page_size_bytes=64 * block_size, **fields)
    return SimpleNamespace(kv_cache_spec=made, layer_names=["layers.0.attn"])


FULL = [spec("FullAttentionSpec", 16)]
MIXED = [spec("SlidingWindowSpec", 32, sliding_window=64), spec("FullAttentionSpec", 16)]


def llm_of(
    model: Any, groups: Any = None, device: str = "cpu", tokens: int = 72, seqs: int = 9, wrapped: bool = True
) -> Any:
    """Return what vLLM boots, as far as it is looked at."""
    runner = SimpleNamespace(
        device=SimpleNamespace(type=device),
        kv_cache_config=SimpleNamespace(kv_cache_groups=groups or FULL, num_blocks=40),
        kv_caches=["pool"],
        get_model=lambda: model,
        sampler=kind("Sampler", logits=kind("LogitsProcessor")),
    )
    worker = SimpleNamespace(model_runner=runner)
    executor = SimpleNamespace(driver_worker=SimpleNamespace(worker=worker) if wrapped else worker)
    config = SimpleNamespace(
        scheduler_config=SimpleNamespace(max_num_batched_tokens=tokens, max_num_seqs=seqs),
        model_config=SimpleNamespace(max_model_len=512, get_vocab_size=lambda: 1000),
    )
    core = SimpleNamespace(engine_core=SimpleNamespace(model_executor=executor))
    return SimpleNamespace(llm_engine=SimpleNamespace(vllm_config=config, engine_core=core))


@pytest.fixture(autouse=True)
def parts(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """Stand in for vLLM and for what writes to a device; notes what that was asked."""
    noted: dict[str, Any] = {}

    def note(name: str, answer: Any = None) -> None:
        monkeypatch.setattr(booting, name, lambda *asked: noted.update({name: asked}) or answer)

    for name, answer in (("fill_cache", None), ("guard_inputs", None), ("layer_before", "before")):
        note(name, answer)
    for name, answer in (("Batches", "batches"), ("find_direct", "direct")):
        note(name, answer)
    monkeypatch.setattr(
        booting, "fill_weights", lambda named: noted.update(fill_weights=[name for name, _ in named])
    )
    filler = SimpleNamespace(cache_bytes=5, filler_bytes=10)
    note("CacheFiller", filler)
    vllm = ModuleType("vllm")
    vars(vllm)["__version__"] = "0.32.0"
    monkeypatch.setitem(sys.modules, "vllm", vllm)
    return noted


def test_an_engine_of_experts_on_the_cpu(parts: dict[str, Any]) -> None:
    model, tiles = model_of(), ExpertTiles()
    tiles.again = lambda tokens: {"BLOCK_SIZE_M": 16}
    engine = wrap(llm_of(model), request(max_num_batched_tokens=2), {"dtype": "auto"}, tiles)
    layer = model.layers[0]
    assert engine.limits == Limits(2, 8, 640, 512, 8, 2, 16)
    assert engine.layers == {"attention": {"attention": [layer.attn]}, "moe": {"moe": [layer.moe]}}
    assert (engine.routers, engine.experts) == ([layer.moe.router], [layer.moe])
    assert engine.logits == [engine.runner.sampler.logits]
    assert engine.decoders == {id(layer.attn): layer}
    assert (engine.num_blocks, engine.token_bytes) == (40, 64)
    assert (engine.batches, engine.direct, engine.before) == ("batches", "direct", None)
    assert (engine.arguments, engine.occurrences) == ({"dtype": "auto"}, {"attention": 1})
    assert engine.conditions == {
        "cache_bytes": 5,
        "filler_bytes": 10,
        "values": "dummy",
        "residual": True,
        "routing": "balanced",
        "expert_tiles": {"1": 16, "2": 16},
        "inputs": "direct",
    }
    groups, *rest = parts["Batches"]
    assert ([group.kind for group in groups], rest) == (["full"], [40, 1000, 512])
    assert parts["find_direct"] == (engine.runner, "batches", engine.limits)
    assert not {"guard_inputs", "fill_weights", "fill_cache", "layer_before"} & set(parts)


def test_a_devices_engine_has_values_and_a_layer_before(parts: dict[str, Any]) -> None:
    model = model_of()
    model.layers[0].attn.weight = torch.nn.Parameter(torch.zeros(1))
    engine = wrap(llm_of(model, device="cuda"), request(), {}, ExpertTiles())
    layer = model.layers[0]
    assert (engine.before, engine.conditions["values"]) == ("before", "normal")
    assert parts["guard_inputs"] == (engine.runner,)
    assert (parts["fill_weights"], parts["fill_cache"]) == (["layers.0.attn.weight"], (["pool"],))
    assert parts["layer_before"] == (layer, [layer.attn], [layer.moe], engine.filler, free_memory)


def test_several_decoder_layers_have_none_before_them(parts: dict[str, Any]) -> None:
    engine = wrap(llm_of(model_of(2), device="cuda"), request(), {}, ExpertTiles())
    assert (engine.before, len(engine.decoders), "layer_before" in parts) == (None, 2, False)
    assert (engine.limits.num_experts, engine.limits.top_k) == (8, 2)


def test_an_engine_without_experts_decoders_or_a_residual(
    monkeypatch: pytest.MonkeyPatch, parts: dict[str, Any]
) -> None:
    model = kind("Model", attn=kind("Attention"))
    engine = wrap(llm_of(model, device="cuda"), request(), {}, ExpertTiles())
    assert (engine.limits.num_experts, engine.limits.top_k) == (None, None)
    assert engine.conditions == {
        "cache_bytes": 5,
        "filler_bytes": 10,
        "values": "normal",
        "residual": False,
        "inputs": "scheduled",
    }
    assert (engine.before, engine.direct, engine.decoders) == (None, None, {})
    assert not {"layer_before", "find_direct"} & set(parts)


def test_a_decoder_layer_that_takes_no_residual_is_given_none() -> None:
    model = model_of()
    model.layers[0].forward = lambda hidden_states: None
    assert wrap(llm_of(model), request(), {}, ExpertTiles()).conditions["residual"] is False


def test_inputs_are_written_where_they_can_be_and_else_it_is_told(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(booting, "direct_inputs", lambda *asked: asked)
    asked: Any = ("runner", "batches", "limits")
    assert find_direct(*asked) == asked

    def refuse(*_: Any) -> Any:
        raise Fault("unsupported", "the runner has no seq_lens")

    monkeypatch.setattr(booting, "direct_inputs", refuse)
    assert find_direct(*asked) is None
    assert capsys.readouterr().err == "requests are taken in one by one: the runner has no seq_lens\n"


@pytest.mark.parametrize(
    ("groups", "block_size", "cached"), [(FULL, 16, 640), (MIXED, 16, 320), (MIXED[:1], 32, 1280)]
)
def test_the_block_is_that_of_the_group_that_keeps_all_tokens(
    groups: Any, block_size: int, cached: int
) -> None:
    engine = wrap(llm_of(model_of(), groups), request(), {}, ExpertTiles())
    assert (engine.limits.block_size, engine.limits.num_cache_tokens) == (block_size, cached)
    assert engine.token_bytes == 64


@pytest.mark.parametrize(
    ("tokens", "seqs", "limits"), [(72, 9, (64, 8)), (40, 5, (32, 4)), (4096, 1024, (64, 8))]
)
def test_limits_are_those_of_the_engine_where_it_has_less_room(
    tokens: int, seqs: int, limits: tuple[int, int]
) -> None:
    llm = llm_of(model_of(), tokens=tokens, seqs=seqs, wrapped=False)
    found = wrap(llm, request(), {}, ExpertTiles()).limits
    assert (found.max_num_batched_tokens, found.max_num_seqs) == limits


def test_quantized_layers_are_told_and_a_checkpoint_that_has_none_is_refused() -> None:
    model, config = model_of(), {"quantization_config": {"quant_method": "awq"}}
    with pytest.raises(Fault, match="weights are quantized by 'awq', the engine quantized no layer"):
        wrap(llm_of(model), request(config=config), {}, ExpertTiles())
    model.layers[0].attn.quant_method = type("AWQMethod", (), {})()
    engine = wrap(llm_of(model), request(config=config), {}, ExpertTiles())
    assert engine.conditions["methods"] == {"attention": "AWQMethod"}


def test_ranks_that_would_be_another_model_are_refused(capsys: pytest.CaptureFixture[str]) -> None:
    config = {"hidden_size": 128, "num_attention_heads": 2, "head_dim": 32}
    model = model_of()
    model.layers[0].attn.head_size = 64
    with pytest.raises(Fault, match="vLLM derives heads of 64 numbers"):
        wrap(llm_of(model), request(config=config, tp=2), {}, ExpertTiles())
    model.layers[0].attn.head_size, model.layers[0].attn.num_heads = 32, 2
    model.layers[0].o_proj = kind("RowParallelLinear", input_size_per_partition=128)
    with pytest.raises(Fault, match="Decoder projects 128 numbers, a rank's heads give 64"):
        wrap(llm_of(model), request(config=config, tp=2), {}, ExpertTiles())
    assert capsys.readouterr().err == ""


def test_a_version_that_was_never_driven_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    vars(sys.modules["vllm"])["__version__"] = "9.1.0"
    wrap(llm_of(model_of()), request(), {}, ExpertTiles())
    assert capsys.readouterr().err.startswith("vLLM 9.1.0 was not tried, ")


class Booting:
    """vLLM's constructor and what is around it."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, fails: str = "") -> None:
        self.log: list[Any] = []
        self.fails = fails
        self.environment = {"PATH": os.environ["PATH"]}
        monkeypatch.setattr(os, "environ", self.environment)
        vars(sys.modules["vllm"])["LLM"] = self.llm
        monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
        monkeypatch.setattr(
            booting, "engine_arguments", lambda boot, on_cpu: {"cpu": on_cpu, "dtype": "auto"}
        )
        monkeypatch.setattr(booting, "lean_scheduler", lambda: "lean")
        for name in ("inspected_here", "without_top_k"):
            monkeypatch.setattr(booting, name, nullcontext)
        monkeypatch.setattr(booting, "with_head_width", self.around)
        monkeypatch.setattr(booting, "listened", self.around)
        monkeypatch.setattr(booting, "wrap", self.wrap)
        monkeypatch.setattr(booting, "shut_down", lambda llm: self.log.append(("shut down", llm)))
        monkeypatch.setattr(booting, "clean_up", lambda: self.log.append("clean up"))
        for what in ("layer_before", "kernels_before"):
            monkeypatch.setattr(
                booting, f"try_{what}", lambda engine, what=what: self.log.append((what, engine))
            )

    @contextmanager
    def around(self, *asked: Any) -> Iterator[Any]:
        self.log.append(asked)
        yield "tiles"

    def llm(self, model: str, **arguments: Any) -> str:
        self.log.append((json.loads(Path(model, "config.json").read_text()), arguments))
        if self.fails == "llm":
            raise ValueError("no such model")
        return "llm"

    def wrap(self, *asked: Any) -> str:
        if self.fails == "wrap":
            raise KeyboardInterrupt
        self.log.append(asked)
        return "engine"


ARGUMENTS = {"cpu": True, "dtype": "float32"}
BUILT = [
    ({"rope_theta": 10000}, 1),
    (True,),
    ({"rope_theta": 10000.0}, {"scheduler_cls": "lean", **ARGUMENTS}),
]


def test_a_boot_writes_the_configuration_builds_and_tries(monkeypatch: pytest.MonkeyPatch) -> None:
    booted, boot = Booting(monkeypatch), request()
    assert boot_engine(boot, {"dtype": "float32"}) == "engine"  # type: ignore[comparison-overlap]
    assert booted.log == [
        *BUILT,
        ("llm", boot, ARGUMENTS, "tiles"),
        ("layer_before", "engine"),
        ("kernels_before", "engine"),
    ]
    expected = {"PATH": booted.environment["PATH"], **ENVIRONMENT, "VLLM_LOGGING_LEVEL": "ERROR"}
    assert booted.environment == expected


def test_a_model_without_experts_is_not_listened_to_and_logs_as_asked(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    booted = Booting(monkeypatch)
    booted.environment["VLLM_LOGGING_LEVEL"] = "DEBUG"
    boot_engine(request(architecture=Architecture({**CATALOG, "moe": {}}, ())))
    assert booted.log[1] == (False,)
    assert booted.log[2][1]["dtype"] == "auto"
    assert booted.environment["VLLM_LOGGING_LEVEL"] == "DEBUG"


def test_a_boot_that_fails_is_cleaned_up_and_an_engine_that_does_not_suit_is_shut_down(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    booted = Booting(monkeypatch, "llm")
    with pytest.raises(ValueError, match="no such model"):
        boot_engine(request(), {"dtype": "float32"})
    assert booted.log == [*BUILT, "clean up"]
    booted = Booting(monkeypatch, "wrap")
    with pytest.raises(KeyboardInterrupt):
        boot_engine(request(), {"dtype": "float32"})
    assert booted.log == [*BUILT, ("shut down", "llm")]


def test_the_environment_keeps_vllm_in_this_process_and_off_the_network() -> None:
    assert ENVIRONMENT == {
        "VLLM_ENABLE_V1_MULTIPROCESSING": "0",
        "VLLM_USE_V2_MODEL_RUNNER": "0",
        "VLLM_USE_FLASHINFER_SAMPLER": "0",
        "VLLM_NO_USAGE_STATS": "1",
        "HF_HUB_OFFLINE": "1",
        "VLLM_HOST_IP": "127.0.0.1",
    }


def test_forwards_wait_for_the_inputs_of_the_one_before(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("torch.cuda.Event", lambda: "event")
    runner = SimpleNamespace(device=SimpleNamespace(type="cuda"), prepare_inputs_event=None)
    guard_inputs(runner)
    assert runner.prepare_inputs_event == "event"
    del runner.prepare_inputs_event
    with pytest.raises(Fault) as fault:
        guard_inputs(runner)
    assert (fault.value.kind, fault.value.message) == (
        "unsupported",
        "this version of vLLM has no prepare_inputs_event to wait for",
    )


def test_free_memory_is_what_nobody_has_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("torch.accelerator.get_memory_info", lambda: (5, 9))
    assert free_memory() == 5


def test_cleaning_up_is_vllms_own(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[str] = []
    module = ModuleType("vllm.distributed")
    vars(module)["cleanup_dist_env_and_memory"] = lambda: calls.append("cleaned")
    monkeypatch.setitem(sys.modules, "vllm.distributed", module)
    clean_up()
    assert calls == ["cleaned"]
