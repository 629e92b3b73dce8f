"""Measures what makes a shot shorter and whether its values stay: each way against the usual, in one process.

    python3 tests/bench/device/shot_time.py plan.jsonl --json shot-time.json --until 110

Random attention, skew and dense shots of the plan's first degree. Ways are fired whole, as the worker does,
and in turns, shot by shot, so that both meet the same state of the device. After each shot a kernel counts
clock cycles: its time is the clock that the shot had. Whatever fails says so, and the rest goes on; the file
is written after each.
"""

import argparse
import faulthandler
import json
import random
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[3] / "harness/vllm"))

from evidence import head
from faults import Fault, first_line
from loop import Worker
from offline.plan import Fields, read_plan
from script import leave, open_out, run_script
from shot_run import USUAL, Rates, Run, Turn, Way, percentile
from timing.device_clock import least_clock
from timing.jobs import Job, jobs_of
from timing.timed import Timed

SHOTS = {"attention": 350, "skew": 100, "dense": 60}
LONGEST_IDEA_S = 30
"""After which the stacks of all threads are printed."""

DIRECT = Way(direct=True)
IDEAS: dict[str, tuple[Way, ...]] = {
    "usual": (USUAL,),
    "direct": (DIRECT,),
    "usual, again": (USUAL,),
    "usual, direct": (USUAL, DIRECT),
    "usual, usual": (USUAL, USUAL),
}
"""What is tried, in this order: one way whole, or two in turns."""


def medians(outcomes: Sequence[Timed | Fault]) -> list[dict[str, float]]:
    """Return each job's medians by layer; none of a job that failed."""
    return [
        {layer: statistics.median(values) for layer, values in outcome.samples.items()}
        if isinstance(outcome, Timed)
        else {}
        for outcome in outcomes
    ]


def apart(mine: Sequence[Timed | Fault], usual: Sequence[Timed | Fault]) -> dict[str, Any]:
    """Return percentiles of the difference to the usual way, as shares of it, all layers and each."""
    found: dict[str, list[float]] = {"all": []}
    for own, theirs in zip(medians(mine), medians(usual), strict=True):
        for layer in own.keys() & theirs.keys():
            share = own[layer] / theirs[layer] - 1
            found["all"].append(share)
            found.setdefault(layer, []).append(share)
    kernels = [[getattr(outcome, "kernels", None) for outcome in each] for each in (mine, usual)]
    return {
        "apart": {
            layer: {
                "count": len(values),
                "signed_p50": round(statistics.median(values), 5),
                **{f"p{percent}": round(percentile(values, percent), 5) for percent in (50, 90, 99)},
            }
            for layer, values in found.items()
            if values
        },
        "other_kernels": sum(one != other for one, other in zip(*kernels, strict=True)),
    }


def told(turn: Turn, shots: int, usual: Sequence[Timed | Fault] | None) -> dict[str, Any]:
    """Return what is written of a way and a category."""
    faults = [outcome for outcome in turn.outcomes if isinstance(outcome, Fault)]
    clocks = [mhz for mhz in turn.clocks if mhz]
    return {
        "shots": shots,
        "jobs": len(turn.outcomes),
        "lost": len(faults),
        **({"fault": str(faults[0].message)[:300]} if faults else {}),
        **(apart(turn.outcomes, usual) if usual is not None else {}),
        "clock_mhz": {
            "fastest": max(clocks, default=None),
            "slowest": min(clocks, default=None),
            "fallen": sum(mhz < least_clock(max(clocks)) for mhz in clocks),
        },
    }


def told_rates(rates: Rates, shots: int) -> dict[str, Any]:
    """Return where the time of a way went, in milliseconds a shot."""
    ms = {name: round(1000 * seconds / shots, 4) for name, seconds in rates.split.items()}
    busy_ms = round(rates.busy_us / 1000 / shots, 4)
    return {"ms_a_shot": round(sum(ms.values()), 3), "split_ms": ms, "busy_ms": busy_ms}


def chosen(shots: Sequence[Fields], tp: int, share: float) -> dict[str, list[Fields]]:
    """Return random shots of each category."""
    rng, found = random.Random(22), {}
    for category, count in SHOTS.items():
        own = [shot for shot in shots if shot["category"] == category and shot["tp"] == tp]
        found[category] = rng.sample(own, min(max(2, int(share * count)), len(own)))
    return {category: own for category, own in found.items() if own}


class Trial:
    """What is tried on one engine, and the record of it."""

    def __init__(self, path: Path, until_s: float) -> None:
        self.path, self.began, self.until_s = path, time.monotonic(), until_s
        self.record: dict[str, Any] = {}
        self.usual: dict[str, Sequence[Timed | Fault]] = {}

    def attempt(self, group: str, name: str, work: Callable[[], dict[str, Any]]) -> None:
        """Do one thing if there is time, and write down what came of it or why it failed."""
        started = time.monotonic()
        if started - self.began > self.until_s:
            self.keep("failed", name, {"skipped": "no time was left"})
            return
        faulthandler.dump_traceback_later(LONGEST_IDEA_S, repeat=True)
        try:
            result = work()
        except Exception as error:
            group, result = "failed", {"failed": f"{type(error).__name__}: {first_line(error)}"}
        faulthandler.cancel_dump_traceback_later()
        self.keep(group, name, result)
        print(json.dumps({name: result, "seconds": round(time.monotonic() - started, 1)}), flush=True)

    def keep(self, group: str, name: str, result: dict[str, Any]) -> None:
        """Write everything down."""
        self.record.setdefault(group, {})[name] = result
        with open_out(self.path) as file:
            file.write(json.dumps(self.record))

    def whole(self, run: Run, jobs: dict[str, list[Job]], shots: dict[str, int], way: Way) -> dict[str, Any]:
        """Fire every category in one way; the first time is what the others are held against."""
        found = {}
        for category, own in jobs.items():
            turn, rates = run.whole(own, way)
            base = self.usual.get(category)
            found[category] = {**told(turn, shots[category], base), **told_rates(rates, shots[category])}
            self.usual.setdefault(category, turn.outcomes)
        return found

    def turns(
        self, run: Run, jobs: dict[str, list[Job]], shots: dict[str, int], ways: Sequence[Way]
    ) -> dict[str, Any]:
        """Fire every category in two ways in turns."""
        found = {}
        for category, own in jobs.items():
            base, other = run.turns(own, ways)
            found[category] = told(other, shots[category], base.outcomes)
        return found

    def worker(self, run: Run, jobs: dict[str, list[Job]], shots: dict[str, int]) -> dict[str, Any]:
        """Fire every category as the worker does, shots at a fallen clock again, in two ways in turns."""
        if run.direct is None:
            raise Fault("unsupported", "inputs cannot be written directly")
        found = {}
        for category, own in jobs.items():
            ways = run.as_the_worker(own)
            bases = (None, ways[0][0].outcomes)
            found[category] = {
                name: {
                    **told(turn, shots[category], base),
                    "ms_a_shot": round(1000 * seconds / shots[category], 3),
                    "fired_again": sum(
                        outcome.recordings > 1 for outcome in turn.outcomes if isinstance(outcome, Timed)
                    ),
                }
                for name, (turn, seconds), base in zip(("scheduled", "direct"), ways, bases, strict=True)
            }
        return found


def parsed() -> Any:
    """Return the arguments."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("plan", type=Path)
    parser.add_argument("--json", type=Path, required=True, help="what came of it, written after each idea")
    parser.add_argument("--until", type=float, default=125, help="seconds after which no idea is begun")
    parser.add_argument("--share", type=float, default=1, help="of the shots that are usually taken")
    parser.add_argument("--ideas", nargs="+", choices=list(IDEAS), default=list(IDEAS))
    return parser.parse_args()


def main() -> None:
    """Try every idea while there is time."""
    arguments = parsed()
    plan, worker = read_plan(arguments.plan), Worker()
    trial = Trial(arguments.json, arguments.until)
    (tp, *_), *_ = plan.engines()
    worker.boot(plan.boot(tp))
    engine = worker.engine
    assert engine is not None
    shots = chosen(plan.shots, tp, arguments.share)
    jobs = {
        category: [job for shot in own for job in jobs_of(engine, shot)] for category, own in shots.items()
    }
    sizes = {category: len(own) for category, own in shots.items()}
    trial.record = {
        **head("shot-time", plan),
        "boot_s": round(time.monotonic() - trial.began, 1),
        "conditions": engine.conditions,
        "requests": {
            category: round(statistics.fmean(len(job.requests) for job in own), 1)
            for category, own in jobs.items()
        },
        "ideas": {},
    }
    run = Run(engine)
    trial.attempt("worker", "the worker", partial(trial.worker, run, jobs, sizes))
    for name in arguments.ideas:
        ways = IDEAS[name]
        if len(ways) == 1:
            trial.attempt("ideas", name, partial(trial.whole, run, jobs, sizes, *ways))
        else:
            trial.attempt("pairs", name, partial(trial.turns, run, jobs, sizes, ways))
    leave(0)


if __name__ == "__main__":
    run_script(main)
