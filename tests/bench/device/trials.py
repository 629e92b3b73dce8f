"""Tries on a device what the worker does when it may stop early, when memory is full, and on a device error.

    python3 tests/bench/device/trials.py plan.jsonl --json trials.json

Of the plan its header and attention shots count. Prints a JSON line for each trial, and adds it to the file.
The device error comes last: the process cannot use the device after it.
"""

import argparse
import json
import os
import random
import sys
import time
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[3] / "harness/vllm"))

from device import describe
from engine import Engine
from loop import Worker
from messages import Answer, Failed, Fire, Precision, Result
from plan import Fields, Plan, read_plan

RULE = Precision(0.01, 3, 30)
SHOTS = 64
MIB = 1 << 20
LEFT_MIB = 16
Trial = dict[str, Any]


def fire(
    worker: Worker, shots: Sequence[Fields], quantity: str, rule: Precision | None = None
) -> list[Answer]:
    """Return a worker's answers to shots."""
    return list(worker.fire(Fire(1, tuple(shots), 3, quantity, rule)))


def random_shots(plan: Plan, count: int) -> list[Fields]:
    """Return random attention shots of the plan's first degree."""
    tp = plan.degrees()[0]
    shots = [shot for shot in plan.shots if shot["category"] == "attention" and shot["tp"] == tp]
    return random.Random(1).sample(shots, min(count, len(shots)))


def try_precision(worker: Worker, plan: Plan, quantity: str) -> Trial:
    """Fire shots until they are precise."""
    shots = random_shots(plan, SHOTS)
    fire(worker, shots[:16], quantity)
    started = time.perf_counter()
    answers = [answer for answer in fire(worker, shots, quantity, RULE) if isinstance(answer, Result)]
    each_ms = (time.perf_counter() - started) / len(shots) * 1000
    samples = Counter(len(values) for answer in answers for values in answer.samples.values())
    stops = Counter(str(answer.stop) for answer in answers)
    counts = ", ".join(f"{count} of {number}" for number, count in sorted(samples.items()))
    return {
        "relative": RULE.relative,
        "shots": len(answers),
        "samples": {str(number): count for number, count in sorted(samples.items())},
        "stops": dict(stops),
        "ms_a_shot": round(each_ms, 2),
        "sentence": f"Until the median is known to {RULE.relative:.0%}, {RULE.min} to {RULE.max} samples:"
        f" {len(answers)} random attention shots took {counts} samples, {stops['precision']} ended precise"
        f" and {stops['max']} at the most, {each_ms:.1f} ms a shot.",
    }


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


TRIALS: dict[str, Callable[[Worker, Plan, str], Trial]] = {
    "precision": try_precision,
    "out_of_memory": try_out_of_memory,
    "device_error": try_device_error,
}


def main() -> None:
    """Try what the command line asks for, in the order in which a device stands it."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("plan", type=Path)
    parser.add_argument("--trials", nargs="+", choices=list(TRIALS), default=list(TRIALS))
    parser.add_argument("--quantity", default="kernel")
    parser.add_argument("--json", type=Path, help="file for what came of them, written after each")
    arguments = parser.parse_args()
    plan, worker, answer = read_plan(arguments.plan), Worker(), describe()
    record: dict[str, Any] = {
        "kind": "trials",
        "model": plan.settings.get("model"),
        "hardware": plan.settings.get("hardware"),
        "device": answer.device,
        "driver": answer.driver,
        "engine_version": answer.engine_version,
        "sentences": [],
    }
    if arguments.json is not None and arguments.json.exists():
        record = json.loads(arguments.json.read_text(encoding="utf-8"))
    worker.boot(plan.boot(plan.degrees()[0]))
    for name, attempt in TRIALS.items():
        if name not in arguments.trials:
            continue
        trial = attempt(worker, plan, arguments.quantity)
        record["sentences"].append(trial.pop("sentence"))
        record[name] = trial
        print(json.dumps({name: trial}), flush=True)
        if arguments.json is not None:
            arguments.json.write_text(json.dumps(record), encoding="utf-8")
    print(*record["sentences"], sep="\n", flush=True)
    os._exit(0)


if __name__ == "__main__":
    main()
