"""Timers: how long the modules of each layer take in a pass."""

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from traceback import clear_frames
from typing import Protocol

from engine.engine import Engine
from engine.layers import Part
from faults import Fault, shot_fault
from timing.device_clock import Clocks
from timing.jobs import Job
from timing.passes import OTHER, Marks, run_passes

Span = tuple[str, int, float]
"""A call of a module: its layer, the number of its pass, its microseconds."""


@dataclass(frozen=True)
class Timed:
    """What the passes of a job took."""

    samples: dict[str, list[float]]
    """Microseconds of each pass by layer, shared out to how often a forward's walk names the layer."""
    kernels: dict[str, list[str]] = field(default_factory=dict)
    """Kernels of one pass by layer, in the order of their start."""
    kernel_sums: dict[str, list[float]] = field(default_factory=dict)
    """As samples, each kernel counted in full, of layers whose kernels overlap."""
    recordings: int = 1
    """How many were made until one had lost no kernels, and began at no fallen clock."""
    clocks_mhz: Clocks | None = None
    """The device's clock right before the first pass and behind the last one, where it can be counted."""


@dataclass(frozen=True)
class Measured:
    """What became of jobs, in their order; shorter than they are when one killed the engine."""

    outcomes: list[Timed | Fault]
    device_busy_us: float | None = None


def died(outcomes: Sequence[Timed | Fault]) -> bool:
    """Return whether the engine died with one of the jobs."""
    return any(isinstance(outcome, Fault) and outcome.kind == "engine_dead" for outcome in outcomes)


class Timer(Protocol):
    """Times jobs; one timer, one quantity of the protocol."""

    quantity: str
    chunk: int
    """How many jobs it likes to be given at once."""

    def measure(self, engine: Engine, jobs: Sequence[Job], iterations: int) -> Measured:
        """Time jobs in their order."""
        ...


def fire_jobs(
    engine: Engine, jobs: Iterable[Job], iterations: int, marks: Marks, layer_only: bool
) -> list[Fault | None]:
    """Fire jobs in their order; returns for each why it failed. A fault that kills the engine is the last.

    What a job that failed has left in the device's memory is given back before the next one is fired.
    """
    faults: list[Fault | None] = []
    for job in jobs:
        try:
            run_passes(engine, job, iterations, marks, layer_only)
            faults.append(None)
        except Exception as error:
            fault = shot_fault(error)
            fault.__cause__ = error
            clear_frames(error.__traceback__)
            faults.append(fault)
            if fault.kind == "engine_dead":
                break
    return faults


def samples_of(spans: Iterable[Span], job: Job, iterations: int) -> dict[str, list[float]]:
    """Return the samples of each layer; raises Fault when a layer was not called in every pass.

    Two norms that a walk names twice give their mean, those of queries and keys, named once, their sum.
    Calls of a layer that it does not name are averaged.
    """
    sums = {layer: [(0, 0.0)] * iterations for layer in job.sites}
    for layer, number, us in spans:
        calls, total = sums[layer][number]
        sums[layer][number] = (calls + 1, total + us)
    for layer, passes in sums.items():
        if not all(calls for calls, _ in passes):
            raise Fault("unsupported", f"layer {layer!r} was found, but {not_run(layer, job)} in a forward")
    return {
        layer: [round(us / (job.occurrences.get(layer) or calls), 3) for calls, us in passes]
        for layer, passes in sums.items()
    }


def not_run(layer: str, job: Job) -> str:
    """Return what of a layer was not seen."""
    texts = sorted({text for part in job.parts if part.layer == layer for text in part.texts})
    modules = "its modules were not called" if job.sites[layer] else ""
    kernels = f"no kernel {' or '.join(texts)} was seen (the quantity kernel alone sees them)"
    return " and ".join([*([modules] if modules else []), *([kernels] if texts else [])])


class WallTimer:
    """The host's monotonic clock around each module, the device's queue empty on both sides."""

    quantity = "wall"
    chunk = 1

    def __init__(self, synchronize: Callable[[], None]) -> None:
        self.synchronize = synchronize

    def measure(self, engine: Engine, jobs: Sequence[Job], iterations: int) -> Measured:
        """Time jobs in their order, by whole forwards."""
        outcomes: list[Timed | Fault] = []
        for job in jobs:
            marks = WallMarks(self.synchronize)
            (fault,) = fire_jobs(engine, [job], iterations, marks, layer_only=False)
            outcomes.append(fault or timed(marks.spans, job, iterations))
            if fault and fault.kind == "engine_dead":
                break
        return Measured(outcomes)


def timed(spans: Iterable[Span], job: Job, iterations: int) -> Timed | Fault:
    """Return the samples of a job that was fired, or the Fault that it has none."""
    try:
        return Timed(samples_of(spans, job, iterations))
    except Fault as fault:
        return fault


class WallMarks:
    """Marks that read the clock."""

    splits = False

    def __init__(self, synchronize: Callable[[], None]) -> None:
        self.synchronize = synchronize
        self.spans: list[Span] = []
        self.number = 0
        self.open: list[tuple[str, int]] = []
        self.within_ns: list[int] = []
        """What modules within each open one took so far."""

    def begin(self, number: int | None) -> None:
        """Begin a pass."""
        self.number = number or 0

    def end(self) -> None:
        """End the pass."""
        self.open.clear()
        self.within_ns.clear()

    def enter(self, layer: str | None, _: Sequence[Part] = ()) -> None:
        """Enter a module."""
        self.synchronize()
        self.within_ns.append(0)
        self.open.append((layer or OTHER, time.perf_counter_ns()))

    def leave(self) -> None:
        """Leave the module that was entered last."""
        self.synchronize()
        layer, started = self.open.pop()
        elapsed_ns = time.perf_counter_ns() - started
        own_ns = elapsed_ns - self.within_ns.pop()
        if self.within_ns:
            self.within_ns[-1] += elapsed_ns
        if layer != OTHER:
            self.spans.append((layer, self.number, own_ns / 1000))
