"""Firing: a shot becomes forwards, forwards become samples."""

from contextlib import ExitStack

from engine import Engine
from faults import Fault
from routing import forced
from shots import Shot, broken_limit
from timing import Timer


def fire(engine: Engine, shot: Shot, iterations: int, timer: Timer) -> dict[str, list[float]]:
    """Return the microseconds of each layer of the shot's category in each timed forward.

    One forward before them is discarded. Raises Fault when the shot cannot be fired.
    """
    sites = engine.layers.get(shot.category)
    if shot.category == "moe" and not engine.routers:
        raise Fault("unsupported", "the engine has no experts")
    if not sites:
        raise Fault("unsupported", f"the architecture has no {shot.category} layers")
    broken = broken_limit(shot, engine.limits)
    if broken:
        raise Fault("infeasible", broken)
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
