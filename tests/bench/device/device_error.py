"""The trial of a device error: one shot in the middle of a chunk causes it."""

import json
from typing import Any

from engine.engine import Engine
from loop import Worker
from messages import Answer, Failed, Result
from offline.plan import Plan
from trial import SHOTS, Trial, random_shots


def try_device_error(worker: Worker, plan: Plan, quantity: str) -> Trial:
    """Let one shot in the middle of a chunk index out of range on the device."""
    shots = random_shots(plan, SHOTS)
    guilty = len(shots) // 2
    assert worker.engine is not None
    break_in(worker.engine, 4 * guilty + 2)
    request = {"type": "fire", "seq": 1, "shots": shots, "iterations": 3, "quantity": quantity}
    answers: list[Answer] = []
    status = worker.serve([json.dumps(request).encode()], answers.append)
    failures = [answer for answer in answers if isinstance(answer, Failed)]
    measured = sum(isinstance(answer, Result) for answer in answers)
    blamed, kind = (failures[0].index, failures[0].kind) if failures else (None, "no failure")
    return {
        "answer": kind,
        "guilty": guilty,
        "blamed": blamed,
        "measured": measured,
        "status": status,
        "detail": failures[0].message if failures else None,
        "sentence": f"A device-side assertion in shot {guilty} of a chunk of {len(shots)}: {measured} shots"
        f" were answered by results, shot {blamed} by {kind}, and the worker ended with {status}.",
    }


def break_in(engine: Engine, at: int) -> None:
    """Make the so manyth call of the attention index out of range on the device."""
    import torch

    calls = iter(range(10**9))

    def before(*_: Any) -> None:
        if next(calls) == at:
            index = torch.full((1,), 1 << 20, device=engine.device)
            torch.zeros(4, device=engine.device).index_select(0, index)

    for modules in engine.layers["attention"].values():
        for module in modules:
            module.register_forward_pre_hook(before)
