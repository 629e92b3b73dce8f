"""Dense layers with a cold cache, a warm one, and in a model of full depth."""

import statistics
import time
from collections.abc import Callable, Mapping
from typing import Any

from engine.device import QUANTITIES
from engine.engine import Engine
from engine.shots import Shot
from faults import Fault
from recording import record, rounded
from timing.jobs import Job, job_of
from timing.timed import Timed
from timing.timers import make_timer

TOKENS = (1, 2, 4, 8, 16, 24, 32, 48, 64)
LARGE = (512, 1500, 2048)
"""Where nothing is expected to differ but the embedding."""

SAMPLES = 5


def jobs(engine: Engine) -> list[tuple[int, Job]]:
    """Return the dense shots that the engine can be asked for, by their tokens."""
    most = engine.limits.max_num_batched_tokens
    return [
        (count, job_of(engine, Shot("dense", ((count, 0),)))) for count in (*TOKENS, *LARGE) if count <= most
    ]


def cold_alone(engine: Engine, write: Callable[[Mapping[str, Any]], None]) -> None:
    """Time dense shots of one layer with the cache emptied before each forward, and without, in turn."""
    timer = make_timer(engine, QUANTITIES[engine.device.type][0])
    shots = jobs(engine)
    timer.measure(engine, [job for _, job in shots], 1)
    evict = engine.evict
    for repeat in range(2):
        for state, between in (("cold", evict), ("warm", lambda: None)):
            engine.evict = between  # type: ignore[method-assign]
            started = time.perf_counter()
            measured = timer.measure(engine, [job for _, job in shots], SAMPLES)
            ms = (time.perf_counter() - started) * 1000 / len(shots)
            for (tokens, _), outcome in zip(shots, measured.outcomes, strict=False):
                line = {"type": "dense", "state": state, "repeat": repeat, "tokens": tokens}
                write({**line, **told(outcome)})
            write(
                {
                    "type": "cost",
                    "state": state,
                    "repeat": repeat,
                    "shots": len(shots),
                    "samples": SAMPLES,
                    "ms": ms,
                }
            )
    engine.evict = evict  # type: ignore[method-assign]


def told(outcome: Timed | Fault) -> dict[str, Any]:
    """Return what a line says of a shot."""
    if isinstance(outcome, Fault):
        return {"message": outcome.message}
    return {
        "us": {layer: statistics.median(values) for layer, values in outcome.samples.items()},
        "kernels": outcome.kernels,
    }


def cold_whole(engine: Engine, write: Callable[[Mapping[str, Any]], None]) -> None:
    """Time the same shots through all layers: a layer's calls of a pass added up."""
    shots = jobs(engine)
    record(engine, [job for _, job in shots[:2]], 1)
    for (tokens, job), outcome in zip(
        shots, record(engine, [job for _, job in shots], SAMPLES), strict=False
    ):
        line = {
            "type": "whole",
            "tokens": tokens,
            "modules": {layer: len(found) for layer, found in job.sites.items()},
        }
        if isinstance(outcome, Fault):
            write({**line, "message": outcome.message})
        else:
            write({**line, "layers_us": {layer: rounded(times) for layer, times in outcome.layers.items()}})
