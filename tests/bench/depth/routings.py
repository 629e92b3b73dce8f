"""Experts under uneven loads against even ones that activate as many experts."""

import statistics
from collections.abc import Callable, Mapping
from typing import Any

import engine.routing
from engine.device import QUANTITIES
from engine.engine import Engine
from engine.routing import Route
from engine.shots import Shot
from faults import Fault
from timing.jobs import job_of
from timing.timers import make_timer

TOKENS = (4, 16, 64, 256, 1024, 2048)
EXPONENTS = (0.5, 1.0, 1.5)
DRAWS = 3


def zipf_ids(experts: int, top_k: int, tokens: int, exponent: float, seed: int) -> Any:
    """Return the experts of each token: `top_k` different ones, the r-th most loved with weight r^-exponent.

    Which expert has which rank is drawn too.
    """
    import torch

    generator = torch.Generator().manual_seed(seed)
    ranks = torch.arange(1, experts + 1, dtype=torch.float64)
    weights = ranks.pow(-exponent)[torch.randperm(experts, generator=generator)]
    return torch.multinomial(weights.expand(tokens, experts), top_k, generator=generator)


class Given(Route):
    """Routing by given experts."""

    def __init__(self, ids: Any, router: Any, device: Any) -> None:
        import torch

        self.ids = ids.to(device=device, dtype=torch.int32)
        self.weights = torch.full(ids.shape, 1.0 / router.top_k, dtype=torch.float32, device=device)
        self.calls = 0


def routing(booted: Engine, write: Callable[[Mapping[str, Any]], None]) -> None:
    """Time the expert block under Zipf loads of several exponents, and evenly loaded, in turn."""
    timer = make_timer(booted, QUANTITIES[booted.device.type][0])
    experts, top_k = booted.limits.num_experts, booted.limits.top_k
    if experts is None or top_k is None:
        return
    for tokens in (count for count in TOKENS if count <= booted.limits.max_num_batched_tokens):
        for exponent in EXPONENTS:
            for seed in range(DRAWS):
                ids = zipf_ids(experts, top_k, tokens, exponent, seed)
                counts = ids.flatten().bincount(minlength=experts)
                activated = int((counts > 0).sum())
                job = job_of(booted, Shot("moe", ((tokens, 0),), activated))
                (even,) = timer.measure(booted, [job], 5).outcomes
                engine.routing.Route = lambda router, *_, ids=ids: Given(ids, router, booted.device)  # type: ignore[misc,assignment]
                try:
                    (skewed,) = timer.measure(booted, [job], 5).outcomes
                finally:
                    engine.routing.Route = Route  # type: ignore[misc]
                if isinstance(even, Fault) or isinstance(skewed, Fault):
                    continue
                write(
                    {
                        "type": "routing",
                        "tokens": tokens,
                        "exponent": exponent,
                        "seed": seed,
                        "activated": activated,
                        "loads": sorted(counts.tolist(), reverse=True),
                        "even_us": median_of(even.samples),
                        "zipf_us": median_of(skewed.samples),
                    }
                )


def median_of(samples: Mapping[str, list[float]]) -> float:
    """Return the median of the one layer."""
    (values,) = samples.values()
    return statistics.median(values)
