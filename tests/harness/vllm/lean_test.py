"""What vLLM's boot leaves out for an engine that only fires shots."""

from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from engine.boot import boot_engine
from engine.lean import SCHEDULER_BLOCKS, inspected_here, replaced
from models import boot
from protocol import parse_boot


def test_the_scheduler_has_few_blocks_and_shots_have_the_whole_pool() -> None:
    engine = boot_engine(parse_boot(boot("llama")))
    try:
        core = engine.llm.llm_engine.engine_core.engine_core
        pool = core.scheduler.kv_cache_manager.block_pool
        assert len(pool.blocks) == pool.num_gpu_blocks == SCHEDULER_BLOCKS
        assert engine.num_blocks > SCHEDULER_BLOCKS
        assert engine.runner.kv_cache_config.num_blocks == engine.num_blocks
        assert list(engine.batches.block_ids) == list(range(engine.num_blocks))
    finally:
        engine.close()


def refuse(*_: Any, **__: Any) -> None:
    raise AssertionError("a process was started")


def test_a_class_is_inspected_without_a_process_and_remembered(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from vllm.model_executor.models import registry

    monkeypatch.setenv("VLLM_CACHE_ROOT", str(tmp_path))
    monkeypatch.setattr(registry.subprocess, "run", refuse)
    llama = registry.ModelRegistry.models["LlamaForCausalLM"]
    with inspected_here():
        found = llama.inspect_model_cls()
    assert (found.architecture, found.is_text_generation_model) == ("LlamaForCausalLM", True)
    assert list((tmp_path / "modelinfos").iterdir()) != []
    again = llama.inspect_model_cls()
    assert (again.architecture, again.supports_pp) == (found.architecture, found.supports_pp)
    with pytest.raises(AssertionError, match="a process was started"):
        registry.ModelRegistry.models["Qwen3ForCausalLM"].inspect_model_cls()


def test_a_boot_tries_the_sampler_without_top_k_and_leaves_it_as_it_was(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    import torch
    from vllm.v1.sample.ops import topk_topp_sampler as sampler

    logits = torch.tensor([[1.0, 2.0, 3.0]])
    chosen = sampler.apply_top_k_top_p(logits.clone(), torch.tensor([1]), None).tolist()

    def trial(**_: Any) -> None:
        assert sampler.apply_top_k_top_p(logits.clone(), torch.tensor([1]), None).tolist() == logits.tolist()
        raise EOFError

    monkeypatch.setattr("vllm.LLM", trial)
    with pytest.raises(EOFError):
        boot_engine(parse_boot(boot("llama")))
    assert sampler.apply_top_k_top_p(logits.clone(), torch.tensor([1]), None).tolist() == chosen


def test_what_a_version_does_not_have_is_not_replaced() -> None:
    version = ModuleType("version")
    with replaced(version, "absent", refuse):
        assert not hasattr(version, "absent")
    version.present = 1  # type: ignore[attr-defined]
    with pytest.raises(KeyError), replaced(version, "present", refuse):
        assert version.present is refuse  # type: ignore[attr-defined]
        raise KeyError
    assert version.present == 1  # type: ignore[attr-defined]
