"""A decoder layer by itself, its cache in several states, against each layer of a model of full depth."""

import statistics
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from engine.cache import UNKNOWN_BYTES
from engine.engine import Engine
from engine.shots import Shot
from faults import Fault
from one_layer import Calls, calls_of, decoders, hold, one_layer
from timing.jobs import Job, job_of

TOKENS = (1, 2, 4, 8, 16, 32, 64, 512)
PASSES = 5
HELD_CYCLES = 8_000_000
"""Some 4 ms: the host launches a layer meanwhile."""

WHOLE_HELD_CYCLES = 80_000_000

Write = Callable[[Mapping[str, Any]], None]


def states(engine: Engine, write: Write) -> None:
    """Time dense layers of few tokens in all layers of a forward, and in single ones by several ways."""
    depth = len(decoders(engine))
    with evicted(engine, lambda: None):
        calls_of(engine, jobs(engine), 1)
    fire(engine, write, {"state": "whole", "number": None})
    with evicted(engine, lambda: hold(engine, WHOLE_HELD_CYCLES)):
        fire(engine, write, {"state": "whole held", "number": None})
    for number in (depth // 2, depth - 1):
        for held in (False, True):
            with evicted(engine, (lambda: hold(engine, HELD_CYCLES)) if held else lambda: None):
                suffix = " held" if held else ""
                with one_layer(engine, number):
                    fire(engine, write, {"state": f"usual{suffix}", "number": number})
                for rope in (False, True):
                    name = "rope" if rope else "middle"
                    with one_layer(engine, number) as decoder, entered(engine, decoder, rope):
                        fire(engine, write, {"state": f"{name}{suffix}", "number": number})
                with one_layer(engine, number, before=1):
                    fire(engine, write, {"state": f"two{suffix}", "number": number})


def jobs(engine: Engine) -> list[Job]:
    """Return dense shots, as the engine's modules are now."""
    return [job_of(engine, Shot("dense", ((count, 0),))) for count in TOKENS]


def fire(engine: Engine, write: Write, about: Mapping[str, Any]) -> None:
    """Fire the shots and write the median of each call."""
    for tokens, outcome in zip(TOKENS, calls_of(engine, jobs(engine), PASSES), strict=False):
        line = {"type": "states", "tokens": tokens, **about}
        write({**line, **({"message": outcome.message} if isinstance(outcome, Fault) else medians(outcome))})


def medians(calls: Calls) -> dict[str, Any]:
    """Return the median of each call over the passes."""
    return {
        "us": {
            layer: [round(statistics.median(values), 3) for values in zip(*passes, strict=True)]
            for layer, passes in calls.items()
        }
    }


@contextmanager
def evicted(engine: Engine, after: Callable[[], None]) -> Iterator[None]:
    """Do something after the cache is emptied before a forward."""
    evict = engine.evict

    def both() -> None:
        evict()
        after()

    engine.evict = both  # type: ignore[method-assign]
    try:
        yield
    finally:
        engine.evict = evict  # type: ignore[method-assign]


@contextmanager
def entered(engine: Engine, decoder: Any, rope: bool) -> Iterator[None]:
    """Leave in the cache, when a decoder layer begins, what the one before it would have left.

    That are its inputs: with `rope` also the positions, since when a whole layer's weights were read, the
    residual, since when those of its MLP were, and the hidden states.
    """
    import torch

    cache = engine.filler.cache_bytes or UNKNOWN_BYTES
    filler = torch.zeros(cache // 4, device=engine.device)
    of_mlp = min(cache, size_of(decoder.mlp))
    of_others = min(cache - of_mlp, size_of(decoder) - of_mlp)
    rotary = decoder.self_attn.rotary_emb

    def read(start: int, size: int) -> None:
        filler[start // 4 : (start + size) // 4].sum()

    def enter(_: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        positions, hidden, residual = (*args, *kwargs.values())[:3]
        engine.filler.read()
        if rope:
            rotary.cos_sin_cache.index_select(0, positions)
            read(of_mlp, of_others)
        residual.mul_(1)
        read(0, of_mlp)
        hidden.mul_(1)

    hook = decoder.register_forward_pre_hook(enter, with_kwargs=True)
    try:
        yield
    finally:
        hook.remove()


def size_of(module: Any) -> int:
    """Return the bytes of a module's weights."""
    return sum(weight.numel() * weight.element_size() for weight in module.parameters())
