"""Kernels of whole forwards of random batches, by eager launches or CUDA graphs."""

from collections.abc import Callable, Mapping
from typing import Any

from batches import random_batches
from engine.engine import Engine
from faults import Fault
from forward import activated_experts, tokens_of
from recording import all_sites, record
from timing.jobs import Job

BATCHES = 60
SEED = 0
SAMPLES = 3


def forward(engine: Engine, write: Callable[[Mapping[str, Any]], None], seed: int = SEED) -> None:
    """Fire random batches; by graphs no module can be told from another, and no routing forced."""
    eager = bool(engine.arguments["enforce_eager"])
    batches = random_batches(BATCHES, seed, engine.limits)
    jobs = [
        Job(
            batch.requests,
            all_sites(engine) if eager else {},
            True,
            activated_experts=activated_experts(engine.limits, tokens_of(batch.requests)) if eager else None,
        )
        for batch in batches
    ]
    record(engine, jobs[:2], 1)
    for batch, job, outcome in zip(batches, jobs, record(engine, jobs, SAMPLES), strict=False):
        line = {
            "type": "forward",
            "kind": batch.kind,
            "requests": batch.requests,
            "activated_experts": job.activated_experts,
        }
        if isinstance(outcome, Fault):
            write({**line, "message": outcome.message})
        else:
            fields = outcome.fields()
            write(
                {
                    **line,
                    "layers_us": fields["layers_us"],
                    **({} if eager else {"kernels": fields["kernels"]}),
                }
            )
