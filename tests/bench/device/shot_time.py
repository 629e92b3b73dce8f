"""Tries on a device what makes a shot shorter, each idea alone against the usual way, in one process.

    python3 tests/bench/device/shot_time.py plan.jsonl --json shot-time.json --until 150

Random attention, skew and dense shots of the plan's first degree. Of each idea: milliseconds a shot, where
they go, and how far the medians of the same shots are from the usual way's. Whatever fails says so, and the
rest goes on; the file is written after each.
"""

import argparse
import cProfile
import faulthandler
import json
import os
import pstats
import random
import statistics
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[3] / "harness/vllm"))

import io
import itertools

import timing.passes as passes
from cupti import CuptiSession
from direct_inputs import DirectInputs
from engine.engine import EndOfForward, Engine
from evidence import head
from faults import Fault, first_line
from loop import Worker
from offline.plan import Fields, read_plan
from script import open_out, run_script
from timing.jobs import Job, jobs_of
from timing.kernel_sums import KernelSum, sum_kernels
from timing.kernel_timer import RangeMarks, summed, without_collector
from timing.passes import EndOfPass, one_pass
from timing.profiler import PREFIX, Session
from timing.timed import Timed, fire_jobs

ITERATIONS = 3
READ: list[Any] = []
CLOCKS: list[Any] = []
SHOTS = {"attention": 500, "skew": 100, "dense": 60, "fresh": 150}
PROBES = (((64, 128), *((1, 64),) * 20), ((1, 1000),) * 200, ((2048, 0),), ((7, 30), (1, 900), (1, 33)))


class Clocks(RangeMarks):
    """Marks that note when a job is taken up and when its first pass begins."""

    def __init__(self, open_range: Callable[[str], Any]) -> None:
        super().__init__(open_range)
        self.taken_s: list[float] = []
        self.first_s: list[float] = []

    def each(self, jobs: Sequence[Job]) -> Iterator[Job]:
        """Return the jobs."""
        for index, job in enumerate(super().each(jobs)):
            if index % 8 == 0 and READ:
                CLOCKS.append(READ[0](0).sm_clock_mhz)
            self.taken_s.append(time.perf_counter())
            yield job

    def begin(self, number: int | None) -> None:
        """Begin a pass."""
        if len(self.first_s) < len(self.taken_s):
            self.first_s.append(time.perf_counter())
        super().begin(number)


class KernelsOnly(CuptiSession):
    """A recording without the calls that launched the kernels: what they cost; no kernel is found."""

    def record_calls(self, enabled: int) -> None:
        """Record none."""


class Run:
    """One way of timing on all shots."""

    def __init__(self, engine: Engine, session: Any, chunk: int = 128) -> None:
        self.engine, self.session, self.chunk = engine, session, chunk
        self.split = dict.fromkeys(("open", "set-up", "passes", "device", "close", "read"), 0.0)
        self.busy_us = 0.0
        self.lost = 0
        self.outcomes: list[Timed | Fault] = []
        self.clocks: list[Any] = []

    def fire(self, jobs: Sequence[Job], cold: bool = False) -> None:
        """Fire jobs in chunks, after a few that nobody counts."""
        if not cold:
            self.record(jobs[:16])
        self.__init__(self.engine, self.session, self.chunk)  # type: ignore[misc]
        for start in range(0, len(jobs), self.chunk):
            with without_collector():
                self.outcomes += self.record(jobs[start : start + self.chunk])
        self.lost = sum(isinstance(outcome, Fault) for outcome in self.outcomes)

    def record(self, jobs: Sequence[Job]) -> list[Timed | Fault]:
        """Record jobs once, as the worker does, with clocks in between."""
        marks = Clocks(self.session.range)
        now = [time.perf_counter()]
        self.session.start()
        now.append(time.perf_counter())
        faults = fire_jobs(self.engine, marks.each(jobs), ITERATIONS, marks, layer_only=True)
        now.append(time.perf_counter())
        self.engine.synchronize()
        now.append(time.perf_counter())
        events = self.session.stop()
        if not isinstance(self.session, Session):
            events = list(events)
        now.append(time.perf_counter())
        sums, busy_ns = sum_kernels(events, PREFIX)
        outcomes = [
            fault or self.outcome(keys, sums, job)
            for keys, job, fault in zip(marks.keys, jobs, faults, strict=False)
        ]
        now.append(time.perf_counter())
        ready = sum(first - taken for first, taken in zip(marks.first_s, marks.taken_s, strict=False))
        took = [after - before for before, after in itertools.pairwise(now)]
        for name, seconds in zip(
            self.split, (took[0], ready, took[1] - ready, took[2], took[3], took[4]), strict=True
        ):
            self.split[name] += seconds
        self.busy_us += busy_ns / 1000
        return outcomes

    def outcome(
        self, keys: dict[str, tuple[str, int]], sums: dict[str, KernelSum], job: Job
    ) -> Timed | Fault:
        """Return the samples of a job."""
        return summed(keys, sums, job, ITERATIONS)


class GraphRun(Run):
    """Attention by replays of a graph of the pass: its last kernels must be those of the eager pass."""

    def outcome(
        self, keys: dict[str, tuple[str, int]], sums: dict[str, KernelSum], job: Job
    ) -> Timed | Fault:
        """Return the samples of a job."""
        found = {number: sums[name] for name, (_, number) in keys.items()}
        eager = found.pop(-1).kernels
        samples = []
        for number in range(ITERATIONS):
            last = found[number].each()[-len(eager) :]
            if [name for name, _, _ in last] != eager:
                return Fault("unsupported", f"other kernels: {[name for name, _, _ in last]} for {eager}")
            total = KernelSum()
            for name, start, ns in last:
                total.add(start, ns, name)
            samples.append(round(total.duration_ns / 1000, 3))
        (layer,) = job.sites
        return Timed({layer: samples}, {layer: eager})


@contextmanager
def replayed(engine: Engine, job: Job, iterations: int, marks: Any) -> Iterator[None]:
    """As `repeated`, with passes replayed from a graph of one."""
    import torch

    pool = torch.cuda.graph_pool_handle()
    side = torch.cuda.Stream()
    ((layer, (site,)),) = job.sites.items()

    def until_site(module: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        try:
            module.forward(*args, **kwargs)
        except EndOfPass:
            return

    def again(module: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        engine.evict()
        with one_pass(marks, -1):
            hook = site.register_forward_pre_hook(lambda *_: marks.enter(layer))
            until_site(module, args, kwargs)
            hook.remove()
        graph = torch.cuda.CUDAGraph()
        side.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(side):
            graph.capture_begin(pool=pool, capture_error_mode="thread_local")
            until_site(module, args, kwargs)
            graph.capture_end()
        torch.cuda.current_stream().wait_stream(side)
        for number in range(iterations):
            engine.evict()
            with one_pass(marks, number):
                marks.enter(layer)
                graph.replay()
                marks.leave()
        raise EndOfForward

    def end(*_: Any) -> None:
        raise EndOfPass

    hooks = [
        engine.decoder.register_forward_pre_hook(again, with_kwargs=True),
        site.register_forward_hook(end),
    ]
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()


@contextmanager
def without_warm_up(engine: Engine, job: Job, iterations: int, marks: Any) -> Iterator[None]:
    """As `repeated`, without the pass that is not timed."""

    def again(module: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        for number in range(iterations):
            engine.evict()
            with one_pass(marks, number):
                try:
                    module.forward(*args, **kwargs)
                except EndOfPass:
                    continue
        raise EndOfForward

    def end(*_: Any) -> None:
        raise EndOfPass

    with passes.marked(job, marks):
        (site,) = (module for modules in job.sites.values() for module in modules)
        hooks = [
            engine.decoder.register_forward_pre_hook(again, with_kwargs=True),
            site.register_forward_hook(end),
        ]
        try:
            yield
        finally:
            for hook in hooks:
                hook.remove()


ALL = {"session": "cupti", "direct": True}


def in_place(engine: Engine, job: Job, iterations: int, marks: Any) -> None:
    """As `run_forwards`, the model repeated within one forward.

    Before each pass the cache is emptied, and the inputs are written again: a forward finds them as fresh.
    """

    def again(model: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        inputs = [value for value in [*args, *kwargs.values()] if hasattr(value, "copy_")]
        kept = [value.clone() for value in inputs]
        with one_pass(marks, None):
            model.forward(*args, **kwargs)
        with passes.marked(job, marks):
            for number in range(iterations):
                engine.evict()
                for value, copy in zip(inputs, kept, strict=True):
                    value.copy_(copy)
                with one_pass(marks, number):
                    model.forward(*args, **kwargs)
        raise EndOfForward

    hook = engine.runner.get_model().register_forward_pre_hook(again, with_kwargs=True)
    try:
        engine.forward(job.requests)
    finally:
        hook.remove()


def forwards_without_warm_up(engine: Engine, job: Job, iterations: int, marks: Any) -> None:
    """As `run_forwards`, without the pass that is not timed."""
    with passes.marked(job, marks):
        for number in range(iterations):
            engine.evict()
            with one_pass(marks, number):
                engine.forward(job.requests)


IDEAS: dict[str, dict[str, Any]] = {
    "first, no warm-up": {"only": ("fresh",), "repeated": without_warm_up, "cold": True},
    "usual": {},
    "cupti": {"session": "cupti"},
    "usual, again": {},
    "all": ALL,
    "direct": {"direct": True},
    "in place": {"forwards": in_place, "only": ("dense",)},
    "direct, no warm-up": {
        "session": "cupti",
        "direct": True,
        "only": ("dense",),
        "forwards": forwards_without_warm_up,
    },
    "all, no warm-up": {**ALL, "only": ("attention", "skew"), "repeated": without_warm_up},
    "all, again": ALL,
    "usual, third": {},
    "direct, again": {"direct": True, "only": ("attention",)},
    "in place, again": {"forwards": in_place, "only": ("dense",)},
    "all, no warm-up, again": {**ALL, "only": ("attention", "skew"), "repeated": without_warm_up},
    "profile": {**ALL, "only": ("attention",), "repeated": without_warm_up, "profile": True},
}
"""What is tried, in this order: the first is what the others are held against."""


def try_idea(
    engine: Engine,
    sessions: dict[str, Callable[[], Any]],
    direct: DirectInputs | None,
    jobs: dict[str, list[Job]],
    idea: dict[str, Any],
) -> dict[str, Run]:
    """Fire the jobs of each category in one way."""
    if idea.get("direct") and direct is None:
        raise Fault("unsupported", "inputs cannot be written directly")
    own: Any = engine
    if direct is not None and idea.get("direct"):
        own.forward = direct.forward
    session = sessions[idea.get("session", "profiler")]()
    before, passes.repeated = passes.repeated, idea.get("repeated", passes.repeated)
    whole, passes.run_forwards = passes.run_forwards, idea.get("forwards", passes.run_forwards)
    try:
        runs = {}
        for category in idea.get("only", jobs):
            runs[category] = idea.get("run", Run)(engine, session, idea.get("chunk", 128))
            CLOCKS.clear()
            if idea.get("profile"):
                profile = cProfile.Profile()
                profile.enable()
                runs[category].fire(jobs[category][:128])
                profile.disable()
                text = io.StringIO()
                for order in ("tottime", "cumulative"):
                    pstats.Stats(profile, stream=text).sort_stats(order).print_stats(70)
                print(text.getvalue(), flush=True)
            else:
                runs[category].fire(jobs[category], idea.get("cold", False))
            runs[category].clocks = list(CLOCKS)
        return runs
    finally:
        passes.repeated, passes.run_forwards = before, whole
        vars(engine).pop("forward", None)


def medians(run: Run) -> list[dict[str, float]]:
    """Return each job's medians by layer; none of a job that failed."""
    return [
        {layer: statistics.median(values) for layer, values in outcome.samples.items()}
        if isinstance(outcome, Timed)
        else {}
        for outcome in run.outcomes
    ]


def apart(run: Run, usual: Run) -> dict[str, Any]:
    """Return percentiles of the difference to the usual way, as shares of it, all layers and each."""
    found: dict[str, list[float]] = {"all": []}
    for mine, theirs in zip(medians(run), medians(usual), strict=False):
        for layer in mine.keys() & theirs.keys():
            share = mine[layer] / theirs[layer] - 1
            found["all"].append(share)
            found.setdefault(layer, []).append(share)
    return {
        layer: {
            "count": len(values),
            "signed_p50": round(statistics.median(values), 5),
            "p50": percentile(values, 50),
            "p90": percentile(values, 90),
            "p99": percentile(values, 99),
        }
        for layer, values in found.items()
        if values
    }


def percentile(values: Sequence[float], percent: int) -> float:
    """Return a percentile of absolute values."""
    ordered = sorted(map(abs, values))
    return round(ordered[min(len(ordered) - 1, len(ordered) * percent // 100)], 5)


def told(run: Run, usual: Run | None, shots: int, jobs: Sequence[Job]) -> dict[str, Any]:
    """Return what is written of a way and a category."""
    ms = {name: round(1000 * seconds / shots, 4) for name, seconds in run.split.items()}
    kernels = [getattr(outcome, "kernels", None) for outcome in run.outcomes]
    told: dict[str, Any] = {
        "shots": shots,
        "jobs": len(jobs),
        "ms_a_shot": round(sum(ms.values()), 3),
        "split_ms": ms,
        "busy_ms": round(run.busy_us / 1000 / shots, 4),
        "lost": run.lost,
        "clocks": run.clocks,
        "fault": next((str(each.message)[:300] for each in run.outcomes if isinstance(each, Fault)), None),
        "samples": [getattr(outcome, "samples", None) for outcome in run.outcomes],
    }
    if usual is not None and usual is not run:
        theirs = [getattr(outcome, "kernels", None) for outcome in usual.outcomes]
        told["apart"] = apart(run, usual)
        told["other_kernels"] = sum(mine != other for mine, other in zip(kernels, theirs, strict=False))
    return told


def chosen(shots: Sequence[Fields], tp: int) -> dict[str, list[Fields]]:
    """Return random shots of each category."""
    rng = random.Random(22)
    found = {}
    for category, count in SHOTS.items():
        if category == "fresh":
            continue
        own = [shot for shot in shots if shot["category"] == category and shot["tp"] == tp]
        found[category] = rng.sample(own, min(count, len(own)))
    found["fresh"], found["attention"] = found["attention"][:150], found["attention"][150:]
    return {category: own for category, own in found.items() if own}


def keep(path: Path, record: dict[str, Any]) -> None:
    with open_out(path) as file:
        file.write(json.dumps(record))


def main() -> None:
    """Try every idea while there is time."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("plan", type=Path)
    parser.add_argument("--json", type=Path, required=True, help="what came of it, written after each idea")
    parser.add_argument("--until", type=float, default=150, help="seconds after which no idea is begun")
    parser.add_argument("--ideas", nargs="+", choices=list(IDEAS), default=list(IDEAS))
    arguments = parser.parse_args()
    faulthandler.enable()
    faulthandler.dump_traceback_later(70)
    began = time.monotonic()
    plan, worker = read_plan(arguments.plan), Worker()
    worker.boot(plan.boot(plan.engines()[0][0]))
    engine = worker.engine
    assert engine is not None
    record: dict[str, Any] = {**head("shot-time", plan), "boot_s": round(time.monotonic() - began, 1)}
    shots = chosen(plan.shots, plan.engines()[0][0])
    jobs = {
        category: [job for shot in own for job in jobs_of(engine, shot)] for category, own in shots.items()
    }
    record["requests"] = {
        category: round(statistics.fmean(len(job.requests) for job in own), 1)
        for category, own in jobs.items()
    }
    READ.append(worker.read_state) if worker.read_state else None
    direct = None
    try:
        direct = DirectInputs(engine.runner, engine.batches)
        record["differs"] = [direct.differs(engine.runner.get_model(), requests) for requests in PROBES]
        if any(record["differs"]):
            direct = None
    except Exception as error:
        record["differs"] = f"{type(error).__name__}: {first_line(error)}"
    print(json.dumps({**record}), flush=True)
    activity = engine.device.type.upper()
    sessions: dict[str, Callable[[], Any]] = {
        "profiler": lambda: Session(activity),
        "cupti": CuptiSession,
        "kernels": KernelsOnly,
    }
    usual: dict[str, Run] = {}
    record["ideas"] = {}
    for name in arguments.ideas:
        if time.monotonic() - began > arguments.until:
            record["ideas"][name] = {"skipped": "no time was left"}
            continue
        started = time.monotonic()
        faulthandler.dump_traceback_later(25, repeat=True)
        try:
            runs = try_idea(engine, sessions, direct, jobs, IDEAS[name])
            blind = IDEAS[name].get("blind")
            record["ideas"][name] = {
                category: told(
                    run, None if blind else usual.get(category), len(shots[category]), jobs[category]
                )
                for category, run in runs.items()
            }
            usual = {**runs, **usual}
        except Exception as error:
            record["ideas"][name] = {"failed": f"{type(error).__name__}: {first_line(error)}"}
        faulthandler.cancel_dump_traceback_later()
        took = {"seconds": round(time.monotonic() - started, 1)}
        keep(arguments.json, record)
        brief = {
            category: {key: value for key, value in each.items() if key not in ("samples", "clocks")}
            if isinstance(each, dict)
            else each
            for category, each in record["ideas"][name].items()
        }
        print(json.dumps({name: brief, **took}), flush=True)
    keep(arguments.json, record)
    os._exit(0)


if __name__ == "__main__":
    run_script(main)
