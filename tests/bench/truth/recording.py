"""Passes of an engine, all of them accounted for: what no layer's module does is done elsewhere."""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any

from engine.engine import Engine
from engine.layers import Sites
from faults import Fault
from timing.event_timer import EventMarks, EventTimer
from timing.jobs import Job
from timing.kernel_sums import KernelSum
from timing.kernel_timer import KernelTimer, RangeMarks, without_collector
from timing.passes import Marks
from timing.profiler import Session
from timing.timed import Span, WallMarks, fire_jobs

Around = Callable[[Marks], AbstractContextManager[Any]]

ELSEWHERE = "elsewhere"
"""Name of what a pass does outside of the layers."""

CHUNK = 16
"""Jobs of one recording."""


@dataclass(frozen=True)
class Recorded:
    """What a job's passes did."""

    layers: dict[str, list[float]]
    """Microseconds of each pass by layer, the calls of a layer added up."""
    kernels: dict[str, dict[str, int]]
    """How often a pass launched which kernel, by layer; empty where only the clock was read."""

    def fields(self) -> dict[str, Any]:
        """Return what a file of times says of it."""
        layers_us = {layer: rounded(times) for layer, times in self.layers.items()}
        return {"layers_us": layers_us, "kernels": self.kernels}


def rounded(values: Sequence[float]) -> list[float]:
    """Return microseconds to the nanosecond."""
    return [round(value, 3) for value in values]


def all_sites(engine: Engine) -> Sites:
    """Return the modules of every layer."""
    return {layer: modules for sites in engine.layers.values() for layer, modules in sites.items()}


def record(
    engine: Engine, jobs: Sequence[Job], iterations: int, around: Around = nullcontext
) -> list[Recorded | Fault]:
    """Fire jobs: kernels are summed, on a CPU the clock is read; what killed the engine is the last.

    `around` gets the marks and may put more of them into the passes.
    """
    way = record_clock if engine.device.type == "cpu" else record_kernels
    outcomes: list[Recorded | Fault] = []
    for start in range(0, len(jobs), CHUNK):
        outcomes += way(engine, jobs[start : start + CHUNK], iterations, around)
        last = outcomes[-1]
        if isinstance(last, Fault) and last.kind == "engine_dead":
            break
    return outcomes


def record_kernels(
    engine: Engine, jobs: Sequence[Job], iterations: int, around: Around
) -> list[Recorded | Fault]:
    """Fire jobs in one recording of the device's kernels."""
    timer = KernelTimer(engine, Session(engine.device.type.upper()))
    marks = PassRanges(timer.session, timer.clock)
    with without_collector(), around(marks):
        faults, sums, _ = timer.record(engine, jobs, iterations, marks)
    return [
        fault or recorded(keys, sums, iterations) for fault, keys in zip(faults, marks.keys, strict=False)
    ]


def recorded(keys: dict[str, tuple[str, int]], sums: dict[str, KernelSum], iterations: int) -> Recorded:
    """Return the sums of a job's ranges, `keys` being their layers and passes."""
    kernels: dict[str, Counter[str]] = {}
    for name, (layer, number) in keys.items():
        if number == iterations - 1:
            kernels.setdefault(layer, Counter()).update(sums[name].kernels)
    spans = [(layer, number, sums[name].duration_ns / 1000) for name, (layer, number) in keys.items()]
    return Recorded(by_pass(spans, iterations), {layer: dict(found) for layer, found in kernels.items()})


def record_clock(
    engine: Engine, jobs: Sequence[Job], iterations: int, around: Around
) -> list[Recorded | Fault]:
    """Fire jobs by the host's clock."""
    outcomes: list[Recorded | Fault] = []
    for job in jobs:
        marks = PassClock(engine.synchronize)
        with around(marks):
            (fault,) = fire_jobs(engine, [job], iterations, marks, layer_only=False)
        outcomes.append(fault or Recorded(by_pass(marks.spans, iterations), {}))
        if fault and fault.kind == "engine_dead":
            break
    return outcomes


def by_pass(spans: Iterable[Span], iterations: int) -> dict[str, list[float]]:
    """Add the calls of each layer up, pass by pass."""
    layers: dict[str, list[float]] = {}
    for layer, number, us in spans:
        layers.setdefault(layer, [0.0] * iterations)[number] += us
    return layers


def whole_events(engine: Engine, jobs: Sequence[Job], iterations: int) -> list[list[float] | Fault]:
    """Return microseconds of device from the start to the end of each whole pass."""
    import torch

    timer = EventTimer(torch.cuda)
    outcomes: list[list[float] | Fault] = []
    for job in jobs:
        marks = WholeEvents(timer)
        (fault,) = fire_jobs(engine, [job], iterations, marks, layer_only=False)
        engine.synchronize()
        outcomes.append(fault or [us for _, _, us in marks.spans(timer.empty_us)])
    return outcomes


class PassRanges(RangeMarks):
    """Marks with a range around every pass as well: of nested ranges the innermost has a kernel."""

    def begin(self, number: int | None) -> None:
        """Begin a pass."""
        super().begin(number)
        self.enter(ELSEWHERE)


class PassClock(WallMarks):
    """Marks that read the clock, in whole passes as well."""

    def begin(self, number: int | None) -> None:
        """Begin a pass."""
        super().begin(number)
        self.warm_up = number is None
        self.enter(ELSEWHERE)

    def end(self) -> None:
        """End the pass and what a failure left open in it; the warm-up, which comes first, does not count."""
        while self.open:
            self.leave()
        if self.warm_up:
            self.spans.clear()


class WholeEvents(EventMarks):
    """Marks that record events where a pass begins and ends."""

    def begin(self, number: int | None) -> None:
        """Begin a pass."""
        super().begin(number)
        self.enter(ELSEWHERE)

    def end(self) -> None:
        """End the pass."""
        self.leave()
        super().end()
