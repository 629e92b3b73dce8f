"""A rank, real or emulated: its engine, and the lines of its shots."""

import json
import os
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from communication import marked_communication
from engine.boot import ENVIRONMENT, boot_engine, engine_arguments, wrap
from engine.engine import Engine
from engine.expert_tiles import ExpertTiles
from faults import Fault
from messages import Boot
from offline.plan import Plan
from rank_shots import shots_of
from recording import Recorded, record
from timing.jobs import jobs_of

MEMORY = 0.6
"""Share of a device that a rank takes."""

ROUNDS = 2
SAMPLES = 5


def boot_rank(boot: Boot, tp: int, rank: int) -> Engine:
    """Build the engine of one of several ranks; it waits for the others."""
    import torch
    import vllm

    os.environ.update(ENVIRONMENT)
    on_cpu = not torch.cuda.is_available()
    if not on_cpu:
        torch.cuda.set_device(rank)
    arguments = {
        **engine_arguments(boot, on_cpu),
        "tensor_parallel_size": tp,
        "distributed_executor_backend": "external_launcher",
        "disable_custom_all_reduce": True,
        **({} if on_cpu else {"gpu_memory_utilization": MEMORY}),
    }
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "config.json").write_text(json.dumps(boot.config), encoding="utf-8")
        llm = vllm.LLM(model=folder, **arguments)
    return wrap(llm, boot, arguments, ExpertTiles())


def fire(plan: Plan, tp: int, rank: int | None) -> Iterator[dict[str, Any]]:
    """Fire the shots on a real rank, or on an emulated one; returns a line for each."""
    engine = boot_engine(plan.boot(tp)) if rank is None else boot_rank(plan.boot(1), tp, rank)
    engine.before = None  # what a layer before exchanges would count as the layer's
    around = {} if rank is None else {"around": marked_communication}
    fitting = []
    for shot in shots_of(plan, tp):
        try:
            fitting.append((shot, jobs_of(engine, shot)[0]))
        except Fault as fault:
            print(f"left out: {shot}: {fault.message}", file=sys.stderr)
    jobs = [job for _, job in fitting]
    record(engine, jobs[:2], 1, **around)
    for number in range(ROUNDS):
        outcomes = record(engine, jobs, SAMPLES, **around)
        for (shot, _), outcome in zip(fitting, outcomes, strict=False):
            yield {"type": "shot", "rank": rank, "round": number, "shot": shot, **told(outcome)}
    engine.close()


def told(outcome: Recorded | Fault) -> dict[str, Any]:
    """Return what the line of a shot says."""
    return {"failed": outcome.message} if isinstance(outcome, Fault) else outcome.fields()
