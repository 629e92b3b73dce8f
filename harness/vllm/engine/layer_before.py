"""The decoder layer before the one that is timed: what it leaves in the device's caches."""

import copy
import inspect
import sys
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any

from engine.cache import CacheFiller

SHARE = 4
"""A copy of a layer may take this part of what memory is free."""

CACHE = "kv_cache"
"""Attribute of vLLM's kernels that have a cache: the pool is not copied."""

METHODS = ("quant_method", "scheme")
"""Attributes of vLLM's linear layers that say how they are computed: a copy is computed in the same way."""


class LayerBefore:
    """Runs a copy of a decoder layer, with weights of its own, before the layer itself.

    The layer then begins as one further up in a model does: its input has just been written, and its
    residual, the positions' rotations and the kernels' code have been used as long ago as there. What keeps
    a cache, an attention's kernel or a whole recurrent mixer, is that of the layer: what the copy calls is
    not timed. Experts are not copied: their weights are replaced by a reading of as many bytes, a cache's at
    most.
    """

    def __init__(
        self, decoder: Any, kernels: Sequence[Any], experts: Sequence[Any], filler: CacheFiller
    ) -> None:
        """Copy a decoder layer with its attention `kernels`; `experts` are the modules that have a router."""
        kernels = [*kernels, *(module for module in decoder.modules() if hasattr(module, CACHE))]
        routed = {id(module) for module in experts}
        memo: dict[int, Any] = {id(module): module for module in kernels}
        for child in decoder.children():
            if any(id(module) in routed for module in child.modules()):
                memo[id(child)] = passing(filler, size_of(child))
        for module in decoder.modules():
            own = [getattr(module, name, None) for name in METHODS]
            memo.update({id(each): each for each in [*own, *module.buffers()] if each is not None})
        copied = [weight for module in left(decoder, memo) for weight in module.parameters(recurse=False)]
        memo.update({id(weight): twin_of(weight) for weight in copied})
        self.kept = {id(module) for module in kernels}
        self.active = False
        self.aside: Callable[[], AbstractContextManager[None]] = nullcontext
        self.signature = inspect.signature(decoder.forward)
        self.copy = copy.deepcopy(decoder, memo)
        self.hook = decoder.register_forward_pre_hook(self.enter, with_kwargs=True)

    def enter(self, _: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Run the copy and hand on what it returns."""
        if not self.active:
            return None
        with self.aside():
            found = self.copy(*args, **kwargs)
        given = self.signature.bind_partial(*args, **kwargs)
        names = ("hidden_states", "residual")
        for name, value in zip(names, found if isinstance(found, tuple) else (found,), strict=False):
            if name in self.signature.parameters:
                given.arguments[name] = value
        return given.args, given.kwargs

    @contextmanager
    def running(
        self, timed: Collection[Any], aside: Callable[[], AbstractContextManager[None]] = nullcontext
    ) -> Iterator[None]:
        """Run the copy in the forwards meanwhile, each time within `aside`.

        It does not run where a timed module keeps a cache, which the copy would use as well.
        """
        self.active, self.aside = self.kept.isdisjoint(map(id, timed)), aside
        try:
            yield
        finally:
            self.active = False


def layer_before(
    decoder: Any, kernels: Sequence[Any], experts: Sequence[Any], filler: CacheFiller, free: Callable[[], int]
) -> LayerBefore | None:
    """Return the layer before, or None, said on stderr, where a layer cannot be copied or does not fit."""
    try:
        weights = size_of(decoder) - sum(map(size_of, experts))
        if weights * SHARE > free():
            raise MemoryError(f"{weights} bytes of weights, {free()} free")
        return LayerBefore(decoder, kernels, experts, filler)
    except Exception as error:
        say_left_out(error)
        return None


def say_left_out(error: Exception, what: str = "layer") -> None:
    """Say on stderr why no layer, or kernel, before runs."""
    print(f"no {what} before the timed one: {type(error).__name__}: {error}", file=sys.stderr)


def left(module: Any, memo: dict[int, Any]) -> Iterator[Any]:
    """Return a module and those below that are not in the memo."""
    if id(module) not in memo:
        yield module
        for child in module.children():
            yield from left(child, memo)


def twin_of(weight: Any) -> Any:
    """Return a weight with the same values; vLLM's own classes of weights cannot be copied."""
    import torch

    return torch.nn.Parameter(weight.data.clone(), requires_grad=False)


def passing(filler: CacheFiller, size: int) -> Any:
    """Return a module that stands for experts: it returns its input after a reading of so many bytes."""
    import torch

    class Passing(torch.nn.Module):  # type: ignore[misc]
        """Reads as many bytes as the weights of experts have."""

        def forward(self, hidden_states: Any, *_: Any, **__: Any) -> Any:
            """Return the input, written anew."""
            filler.pass_by(size)
            return hidden_states * 1

    return Passing()


def size_of(module: Any, recurse: bool = True) -> int:
    """Return the bytes of a module's weights, those of the modules within it among them or not."""
    return sum(weight.numel() * weight.element_size() for weight in module.parameters(recurse=recurse))
