"""One engine of one layer: fired and freed."""

import gc
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field
from typing import Any

from engine.batch import Batches
from engine.cache import CacheFiller
from engine.direct_inputs import DirectInputs
from engine.kernel_before import KernelBefore
from engine.layer_before import LayerBefore
from engine.layers import Part, Sites
from faults import Fault
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
    token_bytes: float
    """Bytes of keys and values of one token in the pool."""
    arguments: dict[str, Any]
    """The engine's own arguments."""
    batches: Batches
    filler: CacheFiller
    conditions: dict[str, Any]
    """Under which conditions shots are timed."""
    occurrences: Mapping[str, int]
    """How often a forward's walk names a layer; of one that it does not name calls are averaged."""
    experts: Sequence[Any] = ()
    """Modules that have a router."""
    inner: Mapping[int, Sequence[Any]] = field(default_factory=dict)
    """Modules of layers within another layer's module, by that module's id: their time is not its own."""
    parts: Sequence[Part] = ()
    """Layers that are kernels by name."""
    decoders: Mapping[int, Any] = field(default_factory=dict)
    """Decoder layers that may be repeated, by the ids of the attention or recurrent modules in them."""
    before: LayerBefore | None = None
    """The layer before that one, a copy that runs in timed forwards."""
    kernels_before: Mapping[int, KernelBefore] = field(default_factory=dict)
    """What runs before an attention that is repeated, by the id of its module; nothing for a large layer."""
    direct: DirectInputs | None = None
    """Writes the inputs of forwards that end in a decoder layer; None where requests are taken in."""

    def forward(self, requests: Sequence[tuple[int, int]]) -> None:
        """Run one batch of (new tokens, KV tokens) through the model and the sampler."""
        try:
            if self.runner.execute_model(self.batches.build(requests)) is None:
                self.runner.sample_tokens(None)
        except EndOfForward:
            pass

    def forward_into(self, requests: Sequence[tuple[int, int]]) -> None:
        """Run one batch of (new tokens, KV tokens) into the model, within which a hook ends it."""
        if self.direct is None:
            return self.forward(requests)
        try:
            self.direct.execute(requests)
        except EndOfForward:
            return None
        self.runner.execute_model_state = None
        raise Fault("unsupported", "a forward that was to end within the model did not")

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

    def evict(self) -> None:
        """Fill the device's cache with data that no layer reads: in a whole model the other layers do."""
        self.filler.read()

    def after_another(
        self, timed: Collection[Any], aside: Callable[[], AbstractContextManager[None]] = nullcontext
    ) -> AbstractContextManager[None]:
        """Run a layer before the decoder layer meanwhile, within `aside`, where `timed` modules allow it."""
        return nullcontext() if self.before is None else self.before.running(timed, aside)

    def kernel_before(
        self, kernel: Any, requests: Sequence[tuple[int, int]]
    ) -> AbstractContextManager[Callable[[], None]]:
        """Yield what runs an attention kernel as the layer before does, nothing where none is to run."""
        before = self.kernels_before.get(id(kernel))
        if before is None or not before.holds(requests, self.batches.groups):
            return nullcontext(lambda: None)
        return before.listening()

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
