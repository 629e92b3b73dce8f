"""Chunks: shots of a request become answers, in the order of the shots."""

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any

from engine.engine import Engine
from faults import Fault
from messages import Failed, Fire, Kernels, Result
from timing.device_clock import lowest
from timing.jobs import Job, jobs_of
from timing.precision import is_precise, until_precise
from timing.timed import Measured, Timed, Timer


class Chunk:
    """The shots of a request from `start` on, as many as the timer likes at once."""

    def __init__(self, engine: Engine, timer: Timer, request: Fire, start: int) -> None:
        self.engine = engine
        self.timer = timer
        self.request = request
        self.start = start
        self.shots = request.shots[start : start + timer.chunk]
        self.device_busy_us: float | None = None

    def fire(self, told: set[str]) -> Iterator[Kernels | Result | Failed]:
        """Fire the shots; returns an answer for each, and names of kernels that were not `told` before.

        The last answer is of kind engine_dead when the engine died; the shots behind it have none.
        """
        read = [read_jobs(self.engine, fields) for fields in self.shots]
        measured = self.measure([job for jobs in read if not isinstance(jobs, Fault) for job in jobs])
        self.device_busy_us = measured.device_busy_us
        names = new_names(measured, told)
        if names:
            yield Kernels(names)
        outcomes = iter(measured.outcomes)
        for index, jobs in enumerate(read, self.start):
            if isinstance(jobs, Fault):
                yield self.answer(index, jobs)
                continue
            own = list(islice(outcomes, len(jobs)))
            fault = next((outcome for outcome in own if isinstance(outcome, Fault)), None)
            if not own:
                return
            yield self.answer(index, fault or merge_parts(own))
            if fault and fault.kind == "engine_dead":
                return

    def measure(self, jobs: Sequence[Job]) -> Measured:
        """Time jobs as often as the request says."""
        rule = self.request.precision
        if not jobs:
            return Measured([])
        if rule is None:
            return self.timer.measure(self.engine, jobs, self.request.iterations)
        return until_precise(
            lambda indices, iterations: self.timer.measure(
                self.engine, [jobs[index] for index in indices], iterations
            ),
            len(jobs),
            rule,
        )

    def answer(self, index: int, outcome: Timed | Fault) -> Result | Failed:
        """Return the answer that tells an outcome."""
        seq, rule = self.request.seq, self.request.precision
        if isinstance(outcome, Fault):
            category = self.request.shots[index].get("category")
            return Failed(seq, index, outcome.kind, f"shot {index} ({category}): {outcome.message}")
        stop = None if rule is None else "precision" if is_precise(outcome.samples, rule) else "max"
        kernels = {layer: [short_hash(name) for name in names] for layer, names in outcome.kernels.items()}
        recordings = outcome.recordings if outcome.recordings > 1 else None
        return Result(
            *(seq, index, outcome.samples, stop, kernels or None),
            *(recordings, outcome.kernel_sums or None, outcome.clocks_mhz),
        )


def read_jobs(engine: Engine, fields: Mapping[str, Any]) -> list[Job] | Fault:
    """Return the jobs of a shot, or why it cannot be fired."""
    try:
        return jobs_of(engine, fields)
    except Fault as fault:
        return fault


def merge_parts(outcomes: Iterable[Timed | Fault]) -> Timed:
    """Return the samples of all of a shot's jobs."""
    all_timed = [outcome for outcome in outcomes if isinstance(outcome, Timed)]
    return Timed(
        {name: values for timed in all_timed for name, values in timed.samples.items()},
        {name: kernels for timed in all_timed for name, kernels in timed.kernels.items()},
        {name: values for timed in all_timed for name, values in timed.kernel_sums.items()},
        max(timed.recordings for timed in all_timed),
        lowest([timed.clocks_mhz for timed in all_timed]),
    )


def new_names(measured: Measured, told: set[str]) -> dict[str, str]:
    """Return the kernels that were seen and not told before, by hash; they are told now."""
    seen = {
        name
        for outcome in measured.outcomes
        if isinstance(outcome, Timed)
        for names in outcome.kernels.values()
        for name in names
    }
    new = sorted(seen - told)
    told.update(new)
    return {short_hash(name): name for name in new}


def short_hash(name: str) -> str:
    """Return what results call a kernel."""
    return hashlib.sha256(name.encode()).hexdigest()[:8]
