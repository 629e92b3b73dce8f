"""Times shots of a plan both ways in one process: as the worker does, and as the reference profiler does.

    python3 tests/bench/layerwise/compare.py plan.jsonl --json layerwise.json

Prints milliseconds per shot, their ratio, and how far the medians of the two are apart (50th, 90th and 99th
percentile of the sizes, and the signed median), all classes together and each. Needs a CUDA device, and
pandas for vLLM's profiler. The worker gets more shots than the reference, those of the reference among them.
"""

import argparse
import json
import random
import statistics
import sys
import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[3] / "harness/vllm"))
sys.path.insert(0, str(Path(__file__).parents[1] / "device"))

from agreement import agreement, line_of
from engine.boot import boot_engine
from engine.engine import Engine
from evidence import head, needs_cuda
from faults import Fault
from offline.plan import Fields, read_plan
from reference import load_profile, time_classes
from script import open_out, run_script
from timing.jobs import Job, jobs_of
from timing.timed import Timed, Timer
from timing.timers import make_timer

ITERATIONS = 3

SHOTS = {"attention": 100, "dense": 24, "per_sequence": 24}
"""Shots of the reference by category."""

OURS = 256
"""Shots of the worker, where the plan has so many."""


def choose(shots: Sequence[Fields], category: str, tp: int, seed: int) -> list[Fields]:
    """Return the worker's shots of a category, in random order; those of the reference are the first."""
    fitting = [shot for shot in shots if shot["category"] == category and shot["tp"] == tp]
    return random.Random(seed).sample(fitting, min(OURS, len(fitting)))


def feasible(engine: Engine, shots: Sequence[Fields]) -> list[tuple[Fields, Job]]:
    """Return the shots that the engine can be asked for, with their jobs."""
    found = []
    for shot in shots:
        try:
            (job,) = jobs_of(engine, shot)
            found.append((shot, job))
        except Fault as fault:
            print(f"  left out: {fault.message}", flush=True)
    return found


def ours(engine: Engine, timer: Timer, jobs: Sequence[Job]) -> dict[int, dict[str, float]]:
    """Return the medians of the worker's way by class, by the position of the shot."""
    found = {}
    for start in range(0, len(jobs), timer.chunk):
        part = timer.measure(engine, jobs[start : start + timer.chunk], ITERATIONS)
        for at, outcome in enumerate(part.outcomes, start):
            if isinstance(outcome, Timed):
                found[at] = by_class(jobs[at], outcome.samples)
            else:
                print(f"  the worker's shot {at}: {outcome.message}", flush=True)
    return found


def by_class(job: Job, samples: Mapping[str, Sequence[float]]) -> dict[str, float]:
    """Return what a forward spends in each class: the reference tells layers of one class not apart."""
    totals: dict[str, float] = {}
    for layer, modules in job.sites.items():
        name = type(modules[0]).__name__
        totals[name] = totals.get(name, 0.0) + statistics.median(samples[layer]) * len(modules)
    return totals


def theirs(engine: Engine, jobs: Sequence[Job], most_s: float) -> dict[int, dict[str, float]]:
    """Return the means of the reference's way, of as many shots as it has time for."""
    profile = load_profile()
    started, found = time.monotonic(), {}
    for at, job in enumerate(jobs):
        if time.monotonic() - started > most_s:
            print(f"  the reference had time for {at} of {len(jobs)} shots", flush=True)
            break
        found[at] = time_classes(profile, engine, job, ITERATIONS)
    return found


def compare(
    engine: Engine, timer: Timer, work: Sequence[tuple[Fields, Job]], count: int, most_s: float
) -> dict[str, Any]:
    """Time shots of one category both ways, `count` of them by the reference; returns what came of it."""
    jobs = [job for _, job in work]
    timer.measure(engine, jobs[:16], 1)
    started = time.perf_counter()
    fast = ours(engine, timer, jobs)
    ours_ms = (time.perf_counter() - started) / len(jobs) * 1000
    theirs(engine, jobs[:1], most_s)
    started = time.perf_counter()
    slow = theirs(engine, jobs[:count], most_s)
    reference_ms = (time.perf_counter() - started) / len(slow) * 1000
    both = [at for at in slow if at in fast]
    return {
        "category": work[0][0]["category"],
        "shots": len(slow),
        "reference_ms": round(reference_ms, 2),
        "ours_ms": round(ours_ms, 3),
        "ours_shots": len(jobs),
        "ratio": round(reference_ms / ours_ms, 2),
        **agreement([(fast[at], slow[at]) for at in both]),
        "pairs": [{"shot": work[at][0], "ours": fast[at], "reference": rounded(slow[at])} for at in both],
    }


def rounded(times: Mapping[str, float]) -> dict[str, float]:
    """Return times in whole nanoseconds."""
    return {name: round(us, 3) for name, us in times.items()}


def say(record: Mapping[str, Any]) -> None:
    """Print what came of a category."""
    print(
        f"{record['category']}: reference {record['reference_ms']:.1f} ms a shot ({record['shots']} shots),"
        f" worker {record['ours_ms']:.2f} ms ({record['ours_shots']} shots), ratio {record['ratio']:.1f}"
    )
    print(line_of("all classes", record))
    for figures in record["classes"]:
        print(line_of(figures["class"], figures))
    sys.stdout.flush()


def main() -> None:
    """Compare the two ways on the shots that the command line asks for."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("plan", type=Path)
    parser.add_argument("--categories", nargs="+", default=list(SHOTS), help="those of the plan to time")
    parser.add_argument("--shots", type=int, help="shots of the reference, in place of each category's own")
    parser.add_argument("--tp", type=int, default=1)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--quantity", default="kernel")
    parser.add_argument("--most-s", type=float, default=60.0, help="the reference's time for a category")
    parser.add_argument("--json", type=Path, help="file for what came of it, written after each category")
    arguments = parser.parse_args()
    plan = read_plan(arguments.plan)
    needs_cuda("vLLM's profiler and the worker's kernels")
    record = {
        **head("layerwise", plan),
        "made": datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z"),
        "quantity": arguments.quantity,
        "tp": arguments.tp,
        "iterations": ITERATIONS,
        "categories": [],
    }
    started = time.perf_counter()
    engine = boot_engine(plan.boot(arguments.tp))
    timer = make_timer(engine, arguments.quantity)
    print(
        f"{record['model']} on {record['device']}: booted in {time.perf_counter() - started:.0f} s",
        flush=True,
    )
    for category in arguments.categories:
        work = feasible(engine, choose(plan.shots, category, arguments.tp, arguments.seed))
        if not work:
            print(f"{category}: the plan has no shots at tp {arguments.tp}", flush=True)
            continue
        count = arguments.shots or SHOTS.get(category, 24)
        compared = compare(engine, timer, work, count, arguments.most_s)
        say(compared)
        record["categories"].append(compared)
        if arguments.json is not None:
            with open_out(arguments.json) as file:
                file.write(json.dumps(record))


if __name__ == "__main__":
    run_script(main)
