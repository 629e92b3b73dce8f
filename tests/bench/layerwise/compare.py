"""Times shots of a plan both ways in one run: as the worker does it, and as the reference profiler does it.

    python3 tests/bench/layerwise/compare.py plan.jsonl --shots 100

Prints milliseconds per shot, their ratio, and how far the two medians are apart. Needs a CUDA device, and
pandas for vLLM's profiler.
"""

import argparse
import json
import random
import statistics
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[3] / "harness/vllm"))

from boot import boot_engine
from engine import Engine
from jobs import Job, jobs_of
from plan import Fields, read_plan
from reference import load_profile, time_classes
from timers import make_timer
from timing import Timed, Timer

ITERATIONS = 3

Times = dict[int, dict[str, float]]
"""Microseconds of a forward in the modules of each class, by the position of the shot."""


def ours(engine: Engine, timer: Timer, jobs: Sequence[Job]) -> Times:
    """Return the medians of the worker's way."""
    found: Times = {}
    for start in range(0, len(jobs), timer.chunk):
        part = timer.measure(engine, jobs[start : start + timer.chunk], ITERATIONS)
        for at, outcome in enumerate(part.outcomes, start):
            if isinstance(outcome, Timed):
                found[at] = by_class(jobs[at], outcome.samples)
    return found


def by_class(job: Job, samples: Mapping[str, Sequence[float]]) -> dict[str, float]:
    """Return what a forward spends in each class: the reference tells layers of one class not apart."""
    totals: dict[str, float] = {}
    for layer, modules in job.sites.items():
        name = type(modules[0]).__name__
        totals[name] = totals.get(name, 0.0) + statistics.median(samples[layer]) * len(modules)
    return totals


def theirs(engine: Engine, jobs: Sequence[Job]) -> Times:
    """Return the means of the reference's way."""
    profile = load_profile()
    return {at: time_classes(profile, engine, job, ITERATIONS) for at, job in enumerate(jobs)}


def clocked(run: Callable[[], Times], count: int, name: str) -> tuple[Times, float]:
    """Run one way; returns its times and its milliseconds per shot."""
    started = time.perf_counter()
    times = run()
    each_ms = (time.perf_counter() - started) / count * 1000
    print(f"{name}: {each_ms:.2f} ms a shot ({count} shots)", flush=True)
    return times, each_ms


def deviations(times: Times, reference: Times) -> list[float]:
    """Return how far each class of each shot is from the reference, as a share of it."""
    return [
        times[at][name] / us - 1
        for at, classes in reference.items()
        for name, us in classes.items()
        if at in times and us > 0
    ]


def say_agreement(name: str, apart: Sequence[float]) -> None:
    """Print the signed median and percentiles of deviations."""
    absolute = sorted(map(abs, apart))
    p50, p90, p99 = (
        absolute[min(len(absolute) - 1, int(len(absolute) * share))] for share in (0.5, 0.9, 0.99)
    )
    print(
        f"{name}: {len(apart)} times, signed median {100 * statistics.median(apart):+.2f}%,"
        f" absolute p50 {100 * p50:.2f}%, p90 {100 * p90:.2f}%, p99 {100 * p99:.2f}%",
        flush=True,
    )


def choose(shots: Sequence[Fields], category: str, tp: int, count: int, seed: int) -> list[Fields]:
    """Return random shots of a category."""
    fitting = [shot for shot in shots if shot["category"] == category and shot["tp"] == tp]
    return random.Random(seed).sample(fitting, min(count, len(fitting)))


def main() -> None:
    """Compare the two ways on the shots that the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("plan", type=Path)
    parser.add_argument("--category", default="attention")
    parser.add_argument("--tp", type=int, default=1)
    parser.add_argument("--shots", type=int, default=100)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--quantity", default="kernel")
    parser.add_argument("--out", type=Path, help="file for the times of both ways, JSON")
    arguments = parser.parse_args()
    plan = read_plan(arguments.plan)
    shots = choose(plan.shots, arguments.category, arguments.tp, arguments.shots, arguments.seed)
    engine = boot_engine(plan.boot(arguments.tp))
    timer = make_timer(engine, arguments.quantity)
    jobs = [job for shot in shots for job in jobs_of(engine, shot)]
    timer.measure(engine, jobs[:16], 1)
    fast, fast_ms = clocked(lambda: ours(engine, timer, jobs), len(shots), f"worker ({arguments.quantity})")
    slow, slow_ms = clocked(lambda: theirs(engine, jobs), len(shots), "reference")
    print(f"ratio: {slow_ms / fast_ms:.1f}", flush=True)
    say_agreement("worker against reference", deviations(fast, slow))
    if arguments.out is not None:
        record: dict[str, Any] = {"shots": shots, "worker": fast, "reference": slow}
        arguments.out.write_text(json.dumps(record))


if __name__ == "__main__":
    main()
