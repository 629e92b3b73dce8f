"""The layers of random batches by themselves, by the worker's own timer: a bundle without a grid."""

import statistics
from collections.abc import Callable, Mapping
from typing import Any

from batches import random_batches
from engine.device import QUANTITIES
from engine.engine import Engine
from engine.shots import Shot
from engine.state import open_state
from faults import Fault
from forward import activated_experts, tokens_of
from one_layer import decoders, one_layer
from timing.jobs import job_of
from timing.timers import make_timer
from whole import BATCHES, SAMPLES, SEED

CATEGORIES = ("dense", "attention", "moe", "per_sequence")


def alone(engine: Engine, write: Callable[[Mapping[str, Any]], None]) -> None:
    """Time the layers of the batches of `forward` in one decoder layer, category by category."""
    timer = make_timer(engine, QUANTITIES[engine.device.type][0])
    read = open_state(engine.device)
    batches = random_batches(BATCHES, SEED, engine.limits)
    with one_layer(engine, len(decoders(engine)) // 2):
        for category in (name for name in CATEGORIES if engine.layers.get(name)):
            shots = [shot_of(engine, category, batch.requests) for batch in batches]
            jobs = [job_of(engine, shot) for shot in shots]
            timer.measure(engine, jobs[:2], 1)
            for number, outcome in enumerate(timer.measure(engine, jobs, SAMPLES).outcomes):
                line = {"type": "alone", "batch": number, "category": category}
                if isinstance(outcome, Fault):
                    write({**line, "message": outcome.message})
                    continue
                us = {layer: statistics.median(values) for layer, values in outcome.samples.items()}
                write({**line, "us": us})
            write({"type": "clock", "category": category, "mhz": read and read(0).sm_clock_mhz})


def shot_of(engine: Engine, category: str, requests: tuple[tuple[int, int], ...]) -> Shot:
    """Return the shot that a walk of a batch looks up."""
    tokens = tokens_of(requests)
    match category:
        case "attention":
            return Shot(category, requests)
        case "per_sequence":
            return Shot(category, ((1, 0),) * len(requests))
        case "moe":
            return Shot(category, ((tokens, 0),), activated_experts(engine.limits, tokens))
        case _:
            return Shot(category, ((tokens, 0),))
