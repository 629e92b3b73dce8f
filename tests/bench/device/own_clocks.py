"""How long a clock stays down that a heavy shot has lowered, and what shots are worth whose clock is known.

    python3 tests/bench/device/own_clocks.py plan.jsonl --json own-clocks.json

The heaviest attention shots of the plan's first degree are fired one by one, and the clock is counted behind
each until it is back. Then random attention shots are fired as the worker does, twice, each time in another
order and in chunks of 64, and twice as they come, without any being fired again. The file has every shot with
its clocks, and how far two rounds differ by what their clocks say. It is written after each step; a boot and
200 shots four times should take less than 60 s on an H200.
"""

import argparse
import json
import random
import statistics
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[3] / "harness/vllm"))

from evidence import head
from faults import Fault
from loop import Worker
from offline.journal import id_fields
from offline.plan import Fields, read_plan
from script import leave, open_out, run_script
from shot_run import Run, percentile
from timing.device_clock import least_clock
from timing.jobs import Job, jobs_of
from timing.kernel_timer import KernelTimer
from timing.timed import Timed

ITERATIONS = 3
CHUNK = 64
HEAVIEST = 5
STEP_S, FOLLOWED_S, REST_S = 0.005, 0.3, 0.5
"""How often and for how long the clock is counted behind a heavy shot, and the rest before each."""

Row = dict[str, Any]


def work_of(job: Job) -> int:
    """Return how many pairs of tokens a job attends to."""
    return sum(new * (history + new) for new, history in job.requests)


def row_of(shot: Fields, outcome: Timed | Fault) -> Row:
    """Return what is written of a shot."""
    named = {"key": id_fields(shot)["key"]}
    if isinstance(outcome, Fault):
        return {**named, "fault": outcome.kind}
    us = sum(statistics.median(values) for values in outcome.samples.values())
    return {**named, "us": round(us, 3), "mhz": outcome.clocks_mhz, "recordings": outcome.recordings}


def followed(timer: KernelTimer, run: Run, job: Job) -> Row:
    """Fire a shot after a rest, and follow the clock behind it: milliseconds and MHz."""
    time.sleep(REST_S)
    (outcome,) = timer.measure_once(run.engine, [job], ITERATIONS).outcomes
    began, clocks = time.monotonic(), []
    while time.monotonic() - began < FOLLOWED_S:
        clocks.append([round(1000 * (time.monotonic() - began), 1), timer.clock.now()])
        time.sleep(STEP_S)
    own = outcome.clocks_mhz if isinstance(outcome, Timed) else None
    return {"requests": len(job.requests), "work": work_of(job), "mhz": own, "behind": clocks}


def fired(timer: KernelTimer, run: Run, shots: Sequence[Fields], jobs: Sequence[Job], again: bool) -> Row:
    """Fire shots in chunks, those that others have slowed again or not; returns all, and what they took."""
    rows, began = [], time.monotonic()
    for start in range(0, len(jobs), CHUNK):
        part = jobs[start : start + CHUNK]
        measure = timer.measure if again else timer.measure_once
        outcomes = measure(run.engine, part, ITERATIONS).outcomes
        rows += [
            row_of(shot, outcome)
            for shot, outcome in zip(shots[start : start + CHUNK], outcomes, strict=False)
        ]
    seconds = time.monotonic() - began
    least = least_clock(timer.clock.fastest)
    kinds = [kind_of(row, least) for row in rows]
    counts = {
        **{kind: kinds.count(kind) for kind in ("began_lower", "lowered_it", "stood")},
        "fired_again": sum(row.get("recordings", 1) > 1 for row in rows),
    }
    ms = round(1000 * seconds / max(1, len(rows)), 3)
    return {"fastest_mhz": timer.clock.fastest, "ms_a_shot": ms, **counts, "rows": rows}


def kind_of(row: Row, least: float) -> str:
    """Return what the clocks of a shot say."""
    if not row.get("mhz"):
        return "unknown"
    before, behind = row["mhz"]
    return "began_lower" if before < least else "lowered_it" if behind < least else "stood"


def apart(first: Row, second: Row) -> Row:
    """Return how far two rounds differ, of all shots and by what the worse of their clocks says."""
    others = {str(row["key"]): row for row in second["rows"] if "us" in row}
    least = least_clock(max(first["fastest_mhz"], second["fastest_mhz"]))
    found: dict[str, list[float]] = {}
    for row in first["rows"]:
        other = others.get(str(row["key"]))
        if other is None or "us" not in row:
            continue
        kinds = {kind_of(row, least), kind_of(other, least)}
        worst = next(kind for kind in ("unknown", "began_lower", "lowered_it", "stood") if kind in kinds)
        for kind in ("all", worst):
            found.setdefault(kind, []).append(abs(row["us"] / other["us"] - 1))
    return {kind: percentiles(values) for kind, values in found.items()}


def percentiles(values: Sequence[float]) -> Row:
    """Return the count, and percentiles in percent."""
    at = {f"p{percent}": round(100 * percentile(values, percent), 2) for percent in (50, 90, 99)}
    return {"count": len(values), **at}


def parsed() -> Any:
    """Return the arguments."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("plan", type=Path)
    parser.add_argument("--json", type=Path, required=True, help="what came of it, written after each step")
    parser.add_argument("--until", type=float, default=55, help="seconds after which no step is begun")
    parser.add_argument("--shots", type=int, default=200, help="random attention shots")
    return parser.parse_args()


def main() -> None:
    """Do each step while there is time."""
    arguments = parsed()
    began = time.monotonic()
    plan, worker = read_plan(arguments.plan), Worker()
    (tp, *_), *_ = plan.engines()
    worker.boot(plan.boot(tp))
    assert worker.engine is not None
    run = Run(worker.engine)
    timer = KernelTimer(run.engine, run.session)
    own = [shot for shot in plan.shots if shot["category"] == "attention" and shot["tp"] == tp]
    shots = random.Random(22).sample(own, min(arguments.shots, len(own)))
    jobs = {id(shot): jobs_of(run.engine, shot)[0] for shot in shots}
    record: Row = {**head("own-clocks", plan), "boot_s": round(time.monotonic() - began, 1)}

    def keep(name: str, result: Any) -> None:
        record[name] = result
        with open_out(arguments.json) as file:
            file.write(json.dumps(record))
        told = (
            {key: value for key, value in result.items() if key != "rows"}
            if isinstance(result, dict)
            else result
        )
        print(json.dumps({name: told, "s": round(time.monotonic() - began, 1)}), flush=True)

    def orders() -> list[Fields]:
        return random.sample(shots, len(shots))

    # What is met for the first time is slower.
    fired(timer, run, shots, [jobs[id(shot)] for shot in shots], False)
    heaviest = sorted(jobs.values(), key=work_of)[-HEAVIEST:]
    keep("back", [followed(timer, run, job) for job in heaviest])
    for name, again in (
        ("first", True),
        ("second", True),
        ("as it comes", False),
        ("as it comes, again", False),
    ):
        if time.monotonic() - began > arguments.until:
            keep(name, {"skipped": "no time was left"})
            continue
        order = orders()
        keep(name, fired(timer, run, order, [jobs[id(shot)] for shot in order], again))
    for name, pair in (
        ("apart", ("first", "second")),
        ("apart, as it comes", ("as it comes", "as it comes, again")),
    ):
        if all("rows" in record[each] for each in pair):
            keep(name, apart(*(record[each] for each in pair)))
    leave(0)


if __name__ == "__main__":
    run_script(main)
