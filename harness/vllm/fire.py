"""Firing: a shot becomes forwards, forwards become samples."""

from collections.abc import Mapping
from contextlib import ExitStack
from typing import Any

from engine import Engine
from faults import Fault
from layers import Sites
from routing import forced
from shots import Shot, broken_limit, read_shot
from skew import read_parts
from timing import Timer


def fire_fields(
    engine: Engine, fields: Mapping[str, Any], iterations: int, timer: Timer
) -> dict[str, list[float]]:
    """Return the samples of a shot of the protocol: by layer, of a skew case by part.

    Raises Fault when the shot cannot be fired; of a skew case no part is fired then.
    """
    if fields.get("category") != "skew":
        return fire(engine, read_shot(fields), iterations, timer)
    parts = read_parts(fields)
    for shot in parts.values():
        sites_of(engine, shot)
    samples = {}
    for part, shot in parts.items():
        (samples[part],) = fire(engine, shot, iterations, timer).values()
    return samples


def fire(engine: Engine, shot: Shot, iterations: int, timer: Timer) -> dict[str, list[float]]:
    """Return the microseconds of each layer of the shot's category in each timed forward.

    One forward before them is discarded. Raises Fault when the shot cannot be fired.
    """
    sites = sites_of(engine, shot)
    with ExitStack() as stack:
        if shot.activated_experts is not None:
            tokens = shot.requests[0][0]
            stack.enter_context(
                forced(engine.routers, tokens, shot.activated_experts, 1 + iterations, engine.device)
            )
        if shot.category != "per_sequence":
            stack.enter_context(engine.without_logits())
        engine.forward(shot.requests)
        return timer.samples(sites, lambda: engine.forward(shot.requests), iterations)


def sites_of(engine: Engine, shot: Shot) -> Sites:
    """Return the modules that a shot times; raises Fault when there are none or it breaks a limit."""
    sites = engine.layers.get(shot.category)
    if shot.category == "moe" and not engine.routers:
        raise Fault("unsupported", "the engine has no experts")
    if not sites:
        raise Fault("unsupported", f"the architecture has no {shot.category} layers")
    broken = broken_limit(shot, engine.limits)
    if broken:
        raise Fault("infeasible", broken)
    return sites


def probe(engine: Engine, timer: Timer) -> None:
    """Fire the smallest shot of every category that the engine has layers of; raises Fault when one fails."""
    limits = engine.limits
    chunk = min(16, limits.max_num_batched_tokens)
    smallest = {
        "dense": Shot("dense", ((chunk, 0),)),
        "per_sequence": Shot("per_sequence", ((1, 0),)),
        "attention": Shot("attention", ((chunk, 1), (1, 1))),
        "moe": Shot("moe", ((chunk, 0),), limits.top_k),
    }
    for category, sites in engine.layers.items():
        if sites:
            fire(engine, smallest[category], 1, timer)
