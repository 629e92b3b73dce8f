"""Whether the values in weights and KV cache change times and power."""

import random
import statistics
from collections.abc import Callable, Mapping
from typing import Any

from engine.device import QUANTITIES
from engine.engine import Engine
from engine.shots import Shot, broken_limit
from engine.state import open_state
from engine.values import fill_cache, fill_weights
from faults import Fault
from timing.jobs import job_of
from timing.sustained import rest_power, sustain
from timing.timers import make_timer

ATTENTION, DENSE = 200, 50
SUSTAIN_S = 0.6
LASTING = (
    Shot("dense", ((2048, 0),)),
    Shot("attention", ((2048, 0),)),
    Shot("attention", ((2048, 8192),)),
    Shot("attention", ((1, 4096),) * 128),
)


def random_shots(engine: Engine, seed: int) -> list[Shot]:
    """Return random attention shots and large dense ones."""
    chosen = random.Random(seed)
    most = engine.limits.max_num_batched_tokens
    shots: list[Shot] = []
    while len(shots) < ATTENTION:
        chunk = chosen.choice([0, 0, 16, 64, 256, 1024, 2000])
        decodes = chosen.choice([1, 4, 16, 64, 128, 200] if chunk == 0 else [0, 0, 1, 16, 128])
        history, kv = chosen.choice([0, 0, 512, 2048, 8192]), chosen.choice([64, 512, 2048, 8192])
        shot = Shot("attention", (((chunk, history),) if chunk else ()) + ((1, kv),) * decodes)
        if broken_limit(shot, engine.limits) is None:
            shots.append(shot)
    least = max(1, most // 4)
    return shots + [Shot("dense", ((chosen.randint(least, most), 0),)) for _ in range(DENSE)]


def plain(engine: Engine) -> None:
    """Put zeros into the KV cache and tiny numbers into the weights, as vLLM's dummy loader does."""
    for cache in engine.runner.kv_caches:
        cache.zero_()
    for parameter in engine.runner.get_model().parameters():
        if parameter.is_floating_point() and parameter.element_size() >= 2:
            parameter.data.uniform_(-1e-3, 1e-3)


def usual(engine: Engine) -> None:
    """Put values of a usual scale into both."""
    fill_weights(engine.runner.get_model().named_parameters())
    fill_cache(engine.runner.kv_caches)


def values(engine: Engine, write: Callable[[Mapping[str, Any]], None]) -> None:
    """Time the same shots with either kind of values, twice in turn."""
    timer = make_timer(engine, QUANTITIES[engine.device.type][0])
    read = open_state(engine.device)
    shots = random_shots(engine, 0)
    jobs = [job_of(engine, shot) for shot in shots]
    for repeat in range(2):
        for state, fill in (("zeros", plain), ("values", usual)):
            fill(engine)
            for start in range(0, len(jobs), timer.chunk):
                chunk = jobs[start : start + timer.chunk]
                for at, outcome in enumerate(timer.measure(engine, chunk, 3).outcomes, start):
                    if isinstance(outcome, Fault):
                        continue
                    us = {layer: statistics.median(times) for layer, times in outcome.samples.items()}
                    write(
                        {
                            "type": "values",
                            "state": state,
                            "repeat": repeat,
                            "shot": at,
                            "us": us,
                            **about(shots[at]),
                        }
                    )
            if read is None or repeat:
                continue
            rest_w = rest_power(read)
            for shot in LASTING:
                job = job_of(engine, shot)
                for layer, found in sustain(engine, job, read, SUSTAIN_S, rest_w).items():
                    lasting = {
                        "layer": layer,
                        "us": found.time_us,
                        "w": found.power_w,
                        "mhz": found.sm_clock_mhz,
                    }
                    write({"type": "lasting", "state": state, **lasting, **about(shot)})


def about(shot: Shot) -> dict[str, Any]:
    """Return what a line says of a shot's batch: requests of one kind with their number."""
    counted: dict[tuple[int, int], int] = {}
    for request in shot.requests:
        counted[request] = counted.get(request, 0) + 1
    return {"category": shot.category, "requests": [[*request, count] for request, count in counted.items()]}
