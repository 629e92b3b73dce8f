"""What every boot is checked for: each category fires, and times follow what they must depend on."""

import statistics
import sys
from collections.abc import Sequence

from engine.caches import FULL
from engine.engine import Engine
from engine.shots import Shot
from faults import Fault, first_line
from timing.jobs import SKEWED, job_of
from timing.timed import Timer

LEAST_BYTES = 64 << 20
"""What must be read for a time to stand out from a kernel's launch; smaller engines pass unchecked."""

GROWTH = 1.2
"""By how much a time must grow where it should grow several times."""


def check(engine: Engine, timer: Timer) -> None:
    """Fire probes; raises Fault with what was seen when one fails or times do not follow the shots."""
    fire_smallest(engine, timer)
    if timer.quantity == "wall":
        return
    for small, large in [*histories(engine), *activations(engine)]:
        little, much = medians(engine, timer, [small, large], 3)
        if much < GROWTH * little:
            raise Fault("unsupported", grown(small, large, little, much))


def fire_smallest(engine: Engine, timer: Timer) -> None:
    """Fire the smallest shots; in whole forwards where unlike decoder layers cannot be repeated."""
    try:
        medians(engine, timer, smallest(engine), 1)
    except Exception as error:
        if len(set(map(id, engine.decoders.values()))) < 2:
            raise
        reason = first_line(error)
        print(f"attention is timed in whole forwards: {type(error).__name__}: {reason}", file=sys.stderr)
        engine.decoders, engine.direct = {}, None
        engine.conditions["inputs"] = "scheduled"
        medians(engine, timer, smallest(engine), 1)


def smallest(engine: Engine) -> list[Shot]:
    """Return the smallest shot of every category that the engine has layers of."""
    limits = engine.limits
    chunk = min(16, limits.max_num_batched_tokens)
    shots = (
        Shot("dense", ((chunk, 0),)),
        Shot("per_sequence", ((1, 0),)),
        Shot("attention", ((chunk, 1), (1, 1))),
        Shot("linear_attention", ((chunk, 0), (1, 1))),
        Shot("moe", ((chunk, 0),), limits.top_k),
    )
    return [shot for shot in shots if engine.layers.get(shot.category)]


def histories(engine: Engine) -> list[tuple[Shot, Shot]]:
    """Return decodes, and a prefill, with little history and with much, when much is enough to tell."""
    limits = engine.limits
    decodes = min(32, limits.max_num_seqs)
    chunk = min(64, limits.max_num_batched_tokens)
    share = limits.num_cache_tokens // limits.block_size // decodes * limits.block_size
    kv = min(16384, limits.max_model_len - chunk - 1, share - chunk)
    grows = SKEWED in engine.layers.get("attention", {}) and any(
        group.kind == FULL or (group.span or 0) > kv for group in engine.batches.groups
    )
    if not grows or decodes * kv * engine.token_bytes < LEAST_BYTES:
        return []
    return [
        (Shot("attention", ((1, 1),) * decodes), Shot("attention", ((1, kv),) * decodes)),
        (Shot("attention", ((chunk, 0),)), Shot("attention", ((chunk, kv),))),
    ]


def activations(engine: Engine) -> list[tuple[Shot, Shot]]:
    """Return shots that activate the fewest and the most experts, when their weights are enough to tell."""
    fewest, experts = engine.limits.top_k, engine.limits.num_experts
    if not engine.layers.get("moe") or fewest is None or experts is None:
        return []
    tokens = min(-(-experts // fewest), engine.limits.max_num_batched_tokens)
    most = min(experts, tokens * fewest)
    weights = (
        parameter.numel() * parameter.element_size()
        for modules in engine.layers["moe"].values()
        for module in modules
        for parameter in module.parameters()
    )
    if sum(weights) / experts * (most - fewest) < LEAST_BYTES:
        return []
    return [(Shot("moe", ((tokens, 0),), fewest), Shot("moe", ((tokens, 0),), most))]


def grown(small: Shot, large: Shot, little: float, much: float) -> str:
    """Return what is wrong when a time did not grow."""
    what = (
        f"{small.requests[0][1]} and {large.requests[0][1]} KV tokens"
        if small.activated_experts is None
        else f"{small.activated_experts} and {large.activated_experts} activated experts"
    )
    return f"times of {small.category} must grow: {little:.1f} and {much:.1f} µs with {what}"


def medians(engine: Engine, timer: Timer, shots: Sequence[Shot], iterations: int) -> list[float]:
    """Return the median of each shot's first layer, or whole attention; raises Fault when one fails."""
    found = []
    for outcome in timer.measure(engine, [job_of(engine, shot) for shot in shots], iterations).outcomes:
        if isinstance(outcome, Fault):
            raise outcome.__cause__ or outcome
        first = next(iter(outcome.samples.values()))
        found.append(statistics.median(outcome.samples.get(SKEWED, first)))
    return found
