"""The attention of random batches by itself, by what runs before it, and through all layers."""

import statistics
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from batches import random_batches
from engine.device import QUANTITIES
from engine.engine import Engine
from engine.layer_before import size_of
from engine.shots import Shot
from faults import Fault
from one_layer import decoders, one_layer
from timing.jobs import job_of
from timing.timers import make_timer
from whole import BATCHES, SAMPLES, forward

SEEDS = (0, 1)
"""Of two sets of batches: what is chosen by one is judged by the other."""


def behind(engine: Engine, write: Callable[[Mapping[str, Any]], None]) -> None:
    """Time the attention of one decoder layer alone, without a kernel before and with several."""
    timer = make_timer(engine, QUANTITIES[engine.device.type][0])
    number = len(decoders(engine)) // 2
    befores = {id(before.decoder): before for before in engine.kernels_before.values()}
    for seed in SEEDS:

        def tell(line: Mapping[str, Any], seed: int = seed) -> None:
            write({"seed": seed, **line})

        forward(engine, tell, seed)
        batches = random_batches(BATCHES, seed, engine.limits)
        with one_layer(engine, number) as decoder:
            before = befores.get(id(decoder))
            for between in ways(decoder, before):
                with reading(engine, before, between):
                    jobs = [job_of(engine, Shot("attention", batch.requests)) for batch in batches]
                    timer.measure(engine, jobs[:2], 1)
                    outcomes = timer.measure(engine, jobs, SAMPLES).outcomes
                for at, outcome in enumerate(outcomes):
                    line = {"type": "behind", "between_bytes": between, "batch": at}
                    if isinstance(outcome, Fault):
                        tell({**line, "message": outcome.message})
                    else:
                        us = {layer: statistics.median(values) for layer, values in outcome.samples.items()}
                        tell({**line, "us": us})


def ways(decoder: Any, before: Any) -> list[int | None]:
    """Return the weights read between, None without a kernel before: none, half, the worker's, all, none."""
    if before is None:
        return [None]
    weights = size_of(decoder)
    return [None, 0, weights // 2, before.between, weights, None]


@contextmanager
def reading(engine: Engine, before: Any, between: int | None) -> Iterator[None]:
    """Have so many bytes read between the kernel before and the timed one meanwhile; None for no kernel."""
    kept = engine.kernels_before
    engine.kernels_before = {} if between is None else {id(before.kernel): before}
    own = None if before is None else before.between
    if between is not None:
        before.between = between
    try:
        yield
    finally:
        engine.kernels_before = kept
        if before is not None:
            before.between = own
