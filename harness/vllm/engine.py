"""One engine of one layer: fired and freed."""

import gc
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from batch import Batches
from layers import Sites
from messages import Limits


class EndOfForward(Exception):
    """Ends a forward whose remainder nobody asked for."""


@dataclass
class Engine:
    """A booted engine."""

    llm: Any
    runner: Any
    device: Any
    layers: dict[str, Sites]
    """Modules to time, by category and layer."""
    routers: list[Any]
    """Routers of the expert layers."""
    logits: list[Any]
    """Modules that make the logits: the first thing after the layers."""
    limits: Limits
    num_blocks: int
    """Blocks of the KV pool."""
    arguments: dict[str, Any]
    """The engine's own arguments."""
    batches: Batches

    def forward(self, requests: Sequence[tuple[int, int]]) -> None:
        """Run one batch of (new tokens, tokens of history) through the model and the sampler."""
        try:
            if self.runner.execute_model(self.batches.build(requests)) is None:
                self.runner.sample_tokens(None)
        except EndOfForward:
            pass

    @contextmanager
    def without_logits(self) -> Iterator[None]:
        """End every forward before its logits meanwhile; the layers before them run as always."""

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
        """Free the engine; the next one is not to be made before."""
        llm = self.llm
        vars(self).clear()
        shut_down(llm)


def shut_down(llm: Any) -> None:
    """Tear down a vLLM engine and everything global that it set up, and collect what is left."""
    llm.llm_engine.engine_core.shutdown()
    del llm
    gc.collect()
