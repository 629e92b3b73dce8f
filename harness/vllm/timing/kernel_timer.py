"""The quantity `kernel`: the sum of device kernels launched inside a module, one recording for many jobs."""

import gc
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from engine.engine import Engine
from faults import Fault, shot_fault
from timing.jobs import Job
from timing.kernel_sums import KernelSum, sum_kernels
from timing.profiler import PREFIX, Session
from timing.timed import Measured, Timed, fire_jobs, samples_of


class KernelTimer:
    """Sums of kernels."""

    quantity = "kernel"
    chunk = 128

    def __init__(self, engine: Engine, activity: str) -> None:
        self.session = Session(activity)
        self.synchronize = engine.synchronize

    def measure(self, engine: Engine, jobs: Sequence[Job], iterations: int) -> Measured:
        """Time jobs in their order; the decoder layer is repeated where only attention is asked."""
        marks = RangeMarks()
        with without_collector():
            faults, sums, busy_ns = self.record(engine, jobs, iterations, marks)
        outcomes: list[Timed | Fault] = []
        for index, (job, fault) in enumerate(zip(jobs, faults, strict=False)):
            outcomes.append(fault or summed(marks.keys[index], sums, job, iterations))
        return Measured(outcomes, busy_ns / 1000)

    def record(
        self, engine: Engine, jobs: Sequence[Job], iterations: int, marks: "RangeMarks"
    ) -> tuple[list[Fault | None], dict[str, KernelSum], int]:
        """Fire jobs within one recording; returns their faults, the sums by range and all device time.

        An error of the device that comes late has no job to blame: the first one is said to have it.
        """
        self.session.start()
        faults = fire_jobs(engine, marks.each(jobs), iterations, marks, in_layer=True)
        try:
            self.synchronize()
            return faults, *sum_kernels(self.session.stop(), PREFIX)
        except Exception as error:
            return [shot_fault(error)], {}, 0


def summed(
    keys: dict[str, tuple[str, int]], sums: dict[str, KernelSum], job: Job, iterations: int
) -> Timed | Fault:
    """Return the samples of a job from the sums of its ranges, `keys` being their layers and passes."""
    spans = [(layer, number, sums[name].duration_ns / 1000) for name, (layer, number) in keys.items()]
    kernels: dict[str, list[str]] = {layer: [] for layer in job.sites}
    for name, (layer, number) in keys.items():
        if number == iterations - 1:
            kernels[layer] += sums[name].kernels
    silent = next((layer for layer, names in kernels.items() if keys and not names), None)
    if silent is not None:
        return Fault("unsupported", f"no device kernels were seen in layer {silent!r}")
    try:
        return Timed(samples_of(spans, job.sites, iterations), kernels)
    except Fault as fault:
        return fault


class RangeMarks:
    """Marks that open named ranges in the recording."""

    def __init__(self) -> None:
        from torch.autograd.profiler import record_function

        self.record_function = record_function
        self.keys: list[dict[str, tuple[str, int]]] = []
        """Layer and pass of each range, by job."""
        self.count = 0
        self.number: int | None = None
        self.open: list[Any] = []

    def each(self, jobs: Sequence[Job]) -> Iterator[Job]:
        """Return the jobs, noting whose ranges come next."""
        for job in jobs:
            self.keys.append({})
            yield job

    def begin(self, number: int | None) -> None:
        """Begin a pass."""
        self.number = number

    def end(self) -> None:
        """End the pass and what a failure left open in it."""
        while self.open:
            self.leave()
        self.number = None

    def enter(self, layer: str) -> None:
        """Enter a module; those of the warm-up are not recorded."""
        if self.number is None:
            return
        name = f"{PREFIX}{self.count}"
        self.count += 1
        self.keys[-1][name] = (layer, self.number)
        span = self.record_function(name)
        span.__enter__()
        self.open.append(span)

    def leave(self) -> None:
        """Leave the module that was entered last."""
        if self.open:
            self.open.pop().__exit__(None, None, None)


@contextmanager
def without_collector() -> Iterator[None]:
    """Keep Python's collector from walking the many events of a recording meanwhile."""
    was = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was:
            gc.enable()
