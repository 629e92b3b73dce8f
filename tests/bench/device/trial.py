"""What every trial does: fire random shots of the plan with a worker."""

import random
from collections.abc import Sequence
from typing import Any

from loop import Worker
from messages import Answer, Fire, Precision
from offline.plan import Fields, Plan

SHOTS = 64

Trial = dict[str, Any]
"""What came of a trial, with a `sentence` that says it."""


def fire(
    worker: Worker, shots: Sequence[Fields], quantity: str, rule: Precision | None = None
) -> list[Answer]:
    """Return a worker's answers to shots."""
    return list(worker.fire(Fire(1, tuple(shots), 3, quantity, rule)))


def random_shots(plan: Plan, count: int) -> list[Fields]:
    """Return random attention shots of the plan's first degree."""
    tp = plan.engines()[0][0]
    shots = [shot for shot in plan.shots if shot["category"] == "attention" and shot["tp"] == tp]
    return random.Random(1).sample(shots, min(count, len(shots)))
