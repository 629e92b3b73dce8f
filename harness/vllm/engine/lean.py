"""What vLLM's boot does for a server, and an engine that only fires shots can do without."""

import dataclasses
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import Any

SCHEDULER_BLOCKS = 16
"""Blocks of the KV pool that the scheduler knows; it schedules nothing."""

HERE = {"VLLM_HOST_IP": "127.0.0.1"}
"""vLLM's address of this host: an engine of one process meets nobody else, and asks no name server."""


def lean_scheduler() -> type:
    """Return vLLM's scheduler with few blocks.

    The pool of one layer has millions, and vLLM makes an object of each: seconds for every million.
    """
    from vllm.v1.core.sched.scheduler import Scheduler

    class LeanScheduler(Scheduler):  # type: ignore[misc]
        """Schedules nothing: the runner is handed its batches."""

        def __init__(self, *arguments: Any, kv_cache_config: Any, **named: Any) -> None:
            blocks = min(SCHEDULER_BLOCKS, kv_cache_config.num_blocks)
            few = dataclasses.replace(kv_cache_config, num_blocks=blocks)
            super().__init__(*arguments, kv_cache_config=few, **named)

    return LeanScheduler


@contextmanager
def inspected_here() -> Iterator[None]:
    """Have vLLM inspect a model's class in this process meanwhile, which imports it anyway.

    The process that vLLM starts for it imports all of vLLM again.
    """
    from vllm.model_executor.models import registry

    with replaced(registry, "_run_in_subprocess", lambda inspect: inspect()):
        yield


@contextmanager
def without_top_k() -> Iterator[None]:
    """Have vLLM's trial of the sampler leave out top-k and top-p meanwhile, which no shot asks for.

    Triton compiles their kernel for one size of vocabulary, so once a degree: 9 s on an H200's host.
    """
    from vllm.v1.sample.ops import topk_topp_sampler

    with replaced(topk_topp_sampler, "apply_top_k_top_p", lambda logits, *_: logits):
        yield


@contextmanager
def replaced(module: ModuleType, name: str, by: Callable[..., Any]) -> Iterator[None]:
    """Replace a function meanwhile, where this version of vLLM has it."""
    usual = getattr(module, name, None)
    if usual is None:
        yield
        return
    setattr(module, name, by)
    try:
        yield
    finally:
        setattr(module, name, usual)
