"""The trial of a device whose memory is full."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

from loop import Worker
from messages import Answer, Failed, Result
from offline.plan import Plan
from trial import Trial, fire, random_shots

MIB = 1 << 20
LEFT_MIB = 16


def try_out_of_memory(worker: Worker, plan: Plan, quantity: str) -> Trial:
    """Fire shots before the device's memory is taken, without it, and after it was given back."""
    chunks = sorted({shot["prefill_chunk"] for shot in random_shots(plan, 10**6)})
    largest = [{**random_shots(plan, 1)[0], "n_decode": 0, "kv_decode": 0, "kv_prefill": 0} for _ in range(4)]
    shots = [{**shot, "prefill_chunk": chunk} for shot, chunk in zip(largest, chunks[-4:], strict=False)]
    before = kinds(fire(worker, shots, quantity))
    taken = take_memory()
    free = free_mib()
    full = fire(worker, shots, quantity)
    taken.clear()
    after = kinds(fire(worker, shots, quantity))
    failures = [answer for answer in full if isinstance(answer, Failed)]
    return {
        "shots": len(shots),
        "free_mib": free,
        "before": before,
        "full": kinds(full),
        "after": after,
        "message": failures[0].message if failures else None,
        "sentence": f"With {free} MiB of device memory left, {len(failures)} of {len(shots)} prefills failed"
        f" ({words(kinds(full))}); before it was taken: {words(before)}; after it was given back:"
        f" {words(after)}.",
    }


def take_memory() -> list[Any]:
    """Take what memory there is, also what torch keeps, and leave the driver a little."""
    import torch

    taken, size = [], 1 << 34
    while size >= 2 * MIB:
        try:
            taken.append(torch.empty(size, dtype=torch.uint8, device="cuda"))
        except torch.OutOfMemoryError:
            size //= 2
            continue
        if free_mib() < LEFT_MIB:
            taken.pop()
            torch.cuda.empty_cache()
            size //= 2
    return taken


def free_mib() -> int:
    """Return what is left, in MiB."""
    import torch

    return int(torch.cuda.mem_get_info()[0]) // MIB


def kinds(answers: Sequence[Answer]) -> dict[str, int]:
    """Return how many shots were measured, and how many failed by kind."""
    return dict(
        Counter(
            answer.kind if isinstance(answer, Failed) else "measured"
            for answer in answers
            if isinstance(answer, Result | Failed)
        )
    )


def words(counts: dict[str, int]) -> str:
    """Return counts as words."""
    return ", ".join(f"{count} {kind}" for kind, count in counts.items()) or "none"
