"""Boots an engine at full depth, with made-up weights: in this process, or one process a device."""

import json
import os
import platform
import tempfile
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from typing import Any

from engine.device import cpu_name, describe
from engine.lean import HERE, inspected_here

ENVIRONMENT = {
    "VLLM_ENABLE_V1_MULTIPROCESSING": "0",
    "VLLM_USE_FLASHINFER_SAMPLER": "0",
    "VLLM_NO_USAGE_STATS": "1",
    "HF_HUB_OFFLINE": "1",
    **HERE,
}
"""Keeps engine, runner and model in this process, and all of them away from the network."""

DEFAULTS = {"VLLM_USE_V2_MODEL_RUNNER": "0", "VLLM_LOGGING_LEVEL": "ERROR"}
"""The same, where the caller's environment does not say otherwise."""

IMPORTS = ("vllm.entrypoints.llm", "vllm.v1.worker.gpu_worker", "vllm.compilation.backends")
"""What a boot imports, the most of its time; the rest follows from these."""

CPU_KV_BYTES = 1 << 30
"""KV cache of an engine on a CPU, unless the job says another."""

MEMORY = {
    "total_bytes": ("init_snapshot", "total_memory"),
    "requested_bytes": ("requested_memory",),
    "consumed_bytes": ("total_consumed",),
    "weights_bytes": ("model_runner", "model_memory_usage"),
    "activation_bytes": ("peak_activation_memory",),
    "non_torch_bytes": ("non_torch_memory",),
    "graph_bytes": ("cudagraph_memory_estimate",),
    "kv_bytes": ("available_kv_cache_memory_bytes",),
}
"""Where vLLM's worker keeps what its memory went to, by our names; versions differ in which they have."""


class Server:
    """An engine and its parts."""

    def __init__(self, llm: Any, boot_s: float) -> None:
        self.llm = llm
        self.engine = llm.llm_engine
        self.core = llm.llm_engine.engine_core.engine_core
        self.scheduler = self.core.scheduler
        self.devices = int(self.engine.vllm_config.parallel_config.world_size)
        driver = getattr(self.core.model_executor, "driver_worker", None)
        self.worker = getattr(driver, "worker", driver)
        """The worker of this process, None where each device has a process of its own."""
        self.on_device = on_device()
        self.boot_s = boot_s
        self.count = 0

    def add(self, prompt: Sequence[int], output_tokens: int, name: str | None = None) -> str:
        """Add a request; returns its name."""
        from vllm import SamplingParams

        self.count += 1
        name = f"request-{self.count}" if name is None else name
        sampling = SamplingParams(
            temperature=0.0, max_tokens=output_tokens, ignore_eos=True, detokenize=False
        )
        self.engine.add_request(name, {"prompt_token_ids": prompt}, sampling)
        return name

    def busy(self) -> bool:
        """Return whether a request is not finished."""
        return bool(self.engine.has_unfinished_requests())

    def ask_ranks(self, method: str) -> list[Any]:
        """Return the answers of the processes of all devices, as RankWatch gives them."""
        return list(self.llm.collective_rpc(method))

    def synchronize(self) -> None:
        """Wait until the device has nothing left to do."""
        if self.on_device and self.worker is not None:
            import torch

            torch.accelerator.synchronize()


def on_device() -> bool:
    """Return whether the engine runs on an accelerator, not on the processor."""
    import torch

    return bool(torch.cuda.is_available())


def set_environment() -> None:
    """Set what vLLM reads when it is imported."""
    os.environ.update(ENVIRONMENT)
    for name, value in DEFAULTS.items():
        os.environ.setdefault(name, value)


def import_engine() -> None:
    """Import what a boot imports, without a device; what vLLM has elsewhere is left to the boot."""
    set_environment()
    for name in IMPORTS:
        with suppress(ImportError):
            import_module(name)


def boot_server(config: Mapping[str, Any], engine: Mapping[str, Any]) -> Server:
    """Boot an engine of a whole configuration with vLLM's arguments `engine`, null meaning its default."""
    set_environment()
    import vllm

    arguments = {name: value for name, value in engine.items() if value is not None}
    if arguments.get("tensor_parallel_size", 1) > 1:
        os.environ.setdefault("VLLM_WORKER_MULTIPROC_METHOD", "spawn")
        arguments |= {"distributed_executor_backend": "mp", "worker_extension_cls": "serving.ranks.RankWatch"}
    if not on_device():
        arguments.pop("gpu_memory_utilization", None)
        arguments = {"block_size": 32, "kv_cache_memory_bytes": CPU_KV_BYTES, **arguments}
    started = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="shotlab-") as folder, inspected_here():
        Path(folder, "config.json").write_text(json.dumps(config), encoding="utf-8")
        llm = vllm.LLM(
            model=folder,
            load_format="dummy",
            skip_tokenizer_init=True,
            generation_config="vllm",
            disable_log_stats=True,
            seed=0,
            **arguments,
        )
    return Server(llm, time.monotonic() - started)


def head_of(server: Server) -> dict[str, Any]:
    """Return who serves, and with which settings, as the engine resolved them."""
    who = describe()
    config = server.engine.vllm_config
    scheduler, cache, compilation = (
        config.scheduler_config,
        config.cache_config,
        config.compilation_config,
    )
    eager = bool(config.model_config.enforce_eager)
    sizes = [] if eager else sorted(compilation.cudagraph_capture_sizes or [])
    return {
        "engine": who.engine,
        "engine_version": who.engine_version,
        "device": who.device,
        "driver": who.driver,
        "runtime": who.runtime,
        "devices": server.devices,
        "host": {"processor": cpu_name(), "cores": os.cpu_count(), "python": platform.python_version()},
        "settings": {
            "max_num_batched_tokens": scheduler.max_num_batched_tokens,
            "max_num_seqs": scheduler.max_num_seqs,
            "max_model_len": config.model_config.max_model_len,
            "block_size": cache.block_size,
            "num_gpu_blocks": server.scheduler.kv_cache_manager.block_pool.num_gpu_blocks,
            "gpu_memory_utilization": cache.gpu_memory_utilization,
            "dtype": str(config.model_config.dtype).removeprefix("torch."),
            "kv_cache_dtype": str(cache.cache_dtype),
            "enforce_eager": eager,
            "graphs": "none" if eager else graph_mode(compilation),
            "captured_sizes": sizes if server.on_device else [],
            "async_scheduling": bool(scheduler.async_scheduling),
            "prefix_caching": bool(cache.enable_prefix_caching),
            "model_runner": "v1" if os.environ["VLLM_USE_V2_MODEL_RUNNER"] == "0" else "v2",
        },
        "memory": server.ask_ranks("rank_memory")[0] if server.worker is None else memory_of(server.worker),
        "boot_s": round(server.boot_s, 1),
    }


def graph_mode(compilation: Any) -> str:
    """Return vLLM's name for which steps run as graphs."""
    mode = compilation.cudagraph_mode
    return str(getattr(mode, "name", mode)).lower()


def memory_of(worker: Any) -> dict[str, int]:
    """Return what the device's memory went to, in bytes, as far as this version of vLLM tells."""
    found: dict[str, int] = {}
    for name, path in MEMORY.items():
        value = worker
        for part in path:
            value = getattr(value, part, None)
        if isinstance(value, int | float):
            found[name] = int(value)
    return found
