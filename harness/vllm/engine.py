"""One engine of one layer: booted, fired, freed."""

import gc
import json
import os
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from batch import Batches
from faults import Fault, first_line
from layers import Sites, find_layers
from memory import choose_pool
from messages import Boot, Limits
from routing import find_routers
from versions import DISTRIBUTIONS, installed, scheduler_fields

ENVIRONMENT = {
    "VLLM_ENABLE_V1_MULTIPROCESSING": "0",
    "VLLM_USE_V2_MODEL_RUNNER": "0",
    "VLLM_USE_FLASHINFER_SAMPLER": "0",
    "VLLM_NO_USAGE_STATS": "1",
    "HF_HUB_OFFLINE": "1",
}
"""What keeps engine, runner and model in this process, and away from the network."""


class EndOfForward(Exception):
    """Ends a forward whose remainder nobody asked for."""


@dataclass
class Engine:
    """A booted engine."""

    llm: Any
    runner: Any
    device: Any
    layers: dict[str, Sites]
    routers: list[Any]
    limits: Limits
    num_blocks: int
    arguments: dict[str, Any]
    batches: Batches
    logits: list[Any]

    def forward(self, requests: Sequence[tuple[int, int]]) -> None:
        """Run one batch through the model and, unless ended before, the sampler."""
        try:
            if self.runner.execute_model(self.batches.build(requests)) is None:
                self.runner.sample_tokens(None)
        except EndOfForward:
            pass

    @contextmanager
    def without_logits(self) -> Iterator[None]:
        """End every forward before its logits meanwhile; the layers before them are unaffected."""

        def end(*_: Any) -> None:
            raise EndOfForward

        hooks = [module.register_forward_pre_hook(end) for module in self.logits]
        try:
            yield
        finally:
            for hook in hooks:
                hook.remove()

    def synchronize(self) -> None:
        """Wait until the device has nothing left to do."""
        if self.device.type != "cpu":
            import torch

            torch.accelerator.synchronize()

    def close(self) -> None:
        """Free the engine: the next one must not be made before."""
        core = self.llm.llm_engine.engine_core
        self.__dict__.clear()
        core.shutdown()
        del core
        free_memory()


def boot_engine(boot: Boot) -> Engine:
    """Build an engine; raises Fault when that is impossible, with everything freed."""
    os.environ.update(ENVIRONMENT)
    os.environ.setdefault("VLLM_LOGGING_LEVEL", "ERROR")
    import torch
    from vllm import LLM

    block_size = boot.block_size or (16 if torch.cuda.is_available() else 32)
    arguments = {
        "load_format": "dummy",
        "enforce_eager": True,
        "skip_tokenizer_init": True,
        "enable_prefix_caching": False,
        "async_scheduling": False,
        "generation_config": "vllm",
        "tensor_parallel_size": 1,
        "block_size": block_size,
        "max_num_batched_tokens": boot.max_num_batched_tokens + boot.max_num_seqs,
        "max_num_seqs": boot.max_num_seqs + 1,
        "max_model_len": -1,
        "dtype": boot.dtype,
        "kv_cache_dtype": boot.kv_cache_dtype,
        "disable_log_stats": True,
    }
    if not torch.cuda.is_available():
        arguments["kv_cache_memory_bytes"] = choose_pool(boot, block_size)
    try:
        with tempfile.TemporaryDirectory(prefix="shotlab-") as folder:
            with open(os.path.join(folder, "config.json"), "w", encoding="utf-8") as file:
                json.dump(boot.config, file)
            llm = LLM(model=folder, **arguments)
    except Exception as error:
        raise translated(error) from error
    try:
        return wrap(llm, boot, arguments)
    except BaseException:
        llm.llm_engine.engine_core.shutdown()
        del llm
        free_memory()
        raise


def wrap(llm: Any, boot: Boot, arguments: dict[str, Any]) -> Engine:
    """Find runner, layers and limits of a vLLM engine."""
    config = llm.llm_engine.vllm_config
    worker = llm.llm_engine.engine_core.engine_core.model_executor.driver_worker
    runner = getattr(worker, "worker", worker).model_runner
    groups = runner.kv_cache_config.kv_cache_groups
    if len(groups) != 1:
        raise Fault("unsupported", f"one KV cache group is supported, the model has {len(groups)}")
    tree = [*runner.get_model().named_modules(), *runner.sampler.named_modules(prefix="sampler")]
    modules = [module for _, module in tree]
    layers = find_layers(tree, boot.architecture)
    routers = find_routers(modules)
    block_size = groups[0].kv_cache_spec.block_size
    num_blocks = runner.kv_cache_config.num_blocks
    room = config.scheduler_config.max_num_batched_tokens
    limits = Limits(
        max_num_batched_tokens=min(boot.max_num_batched_tokens, room - boot.max_num_seqs),
        max_num_seqs=min(boot.max_num_seqs, config.scheduler_config.max_num_seqs - 1),
        num_cache_tokens=num_blocks * block_size,
        max_model_len=config.model_config.max_model_len,
        num_experts=routers[0].global_num_experts if routers else None,
        top_k=routers[0].top_k if routers else None,
        block_size=block_size,
    )
    return Engine(
        llm=llm,
        runner=runner,
        device=runner.device,
        layers=layers,
        routers=routers,
        limits=limits,
        num_blocks=num_blocks,
        arguments=arguments,
        batches=Batches(
            block_size,
            config.model_config.get_vocab_size(),
            limits.max_model_len,
            scheduler_fields(installed(DISTRIBUTIONS) or ""),
        ),
        logits=[module for module in modules if type(module).__name__ == "LogitsProcessor"],
    )


def translated(error: Exception) -> Fault:
    """TODO"""
    print(repr(error), file=sys.stderr)
    return Fault("unsupported", first_line(error), str(error))


def free_memory() -> None:
    gc.collect()
