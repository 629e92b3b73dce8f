"""A decoder layer by itself, its cache in several states, against each layer of a model of full depth."""

import statistics
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from engine.engine import Engine
from engine.layer_before import LayerBefore
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
                with one_layer(engine, number) as decoder, entered(engine, decoder):
                    fire(engine, write, {"state": f"before{suffix}", "number": number})
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
def entered(engine: Engine, decoder: Any) -> Iterator[None]:
    """Run the layer before that the worker runs in an engine of one layer."""
    engine.before = LayerBefore(decoder, [decoder.self_attn.attn], engine.experts, engine.filler)
    try:
        yield
    finally:
        engine.before.hook.remove()
        engine.before = None
