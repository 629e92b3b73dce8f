"""The quantity `kernel`: how long the kernels run that a module launches, one recording for many jobs."""

import gc
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

from engine.engine import Engine
from engine.layers import Part, part_of
from faults import Fault, shot_fault
from timing.device_clock import BEFORE, BEHIND, DeviceClock
from timing.jobs import Job
from timing.kernel_sums import KernelSum, Launched, sum_kernels
from timing.passes import OTHER
from timing.profiler import PREFIX, Recording
from timing.timed import Measured, Timed, died, fire_jobs, samples_of

MOST_RECORDINGS = 3
"""How often a job is recorded at most: its passes must agree in their kernels, at no fallen clock."""


class LostKernels(Fault):
    """A recording whose passes do not agree in their kernels: it has lost some."""


class KernelTimer:
    """Times of kernels: where they overlap, the time counts once."""

    quantity = "kernel"
    chunk = 128

    def __init__(self, engine: Engine, session: Recording) -> None:
        self.session = session
        self.synchronize = engine.synchronize
        self.clock = DeviceClock(session, engine.synchronize)

    def measure(self, engine: Engine, jobs: Sequence[Job], iterations: int) -> Measured:
        """Time jobs in their order; the decoder layer is repeated where only attention is asked.

        Jobs of which a recording has lost kernels are recorded again, and those that began at a clock that
        others had lowered, once it is back: together, then each by itself. The faster clock counts.
        """
        first = self.measure_once(engine, jobs, iterations)
        outcomes, busy_us = list(first.outcomes), first.busy_us
        for recordings in range(2, MOST_RECORDINGS + 1):
            lost = {at for at, outcome in enumerate(outcomes) if isinstance(outcome, LostKernels)}
            slow = {at for at, outcome in enumerate(outcomes) if self.had_fallen(outcome)}
            chosen = sorted(lost | slow)
            for group in [chosen] if recordings == 2 else [[at] for at in chosen]:
                if died(outcomes):
                    break
                if not slow.isdisjoint(group) and not self.clock.rest():
                    slow = set()
                group = [at for at in group if at in lost or at in slow]
                if not group:
                    continue
                again = self.measure_once(engine, [jobs[at] for at in group], iterations)
                busy_us += again.busy_us
                for at, outcome in zip(group, again.outcomes, strict=False):
                    is_faster = began_mhz(outcome) > began_mhz(outcomes[at])
                    if at in lost or died([outcome]) or is_faster:
                        outcomes[at] = with_recordings(outcome, recordings)
        return Measured(outcomes, busy_us)

    def had_fallen(self, outcome: Timed | Fault) -> bool:
        """Return whether a job was timed that began at a fallen clock."""
        return isinstance(outcome, Timed) and self.clock.had_fallen(outcome.clocks_mhz)

    def measure_once(self, engine: Engine, jobs: Sequence[Job], iterations: int) -> "Recorded":
        """Record jobs once."""
        marks = RangeMarks(self.session, self.clock)
        with without_collector():
            faults, sums, busy_ns = self.record(engine, jobs, iterations, marks)
        outcomes: list[Timed | Fault] = []
        for index, (job, fault) in enumerate(zip(jobs, faults, strict=False)):
            outcome = fault or summed(marks.found(index, sums), job, iterations)
            clocks_mhz = self.clock.found(sums, index)
            outcomes.append(
                replace(outcome, clocks_mhz=clocks_mhz) if isinstance(outcome, Timed) else outcome
            )
        return Recorded(outcomes, busy_ns / 1000)

    def record(
        self, engine: Engine, jobs: Sequence[Job], iterations: int, marks: "RangeMarks"
    ) -> tuple[list[Fault | None], dict[str, KernelSum], int]:
        """Fire jobs within one recording; returns their faults, the sums by range and all device time.

        An error of the device that comes late has no job to blame: the first one is said to have it.
        """
        self.session.start()
        faults = fire_jobs(engine, marks.each(jobs), iterations, marks, layer_only=True)
        try:
            self.synchronize()
            return faults, *sum_kernels(self.session.stop(), PREFIX)
        except Fault as fault:
            return [fault] * len(faults), {}, 0
        except Exception as error:
            return [shot_fault(error)], {}, 0


@dataclass(frozen=True)
class Recorded:
    """What became of jobs in one recording."""

    outcomes: Sequence[Timed | Fault]
    busy_us: float
    """For how long the device worked."""


def began_mhz(outcome: Timed | Fault) -> int:
    """Return the clock that a job began at, 0 where it is not known or the job was not timed."""
    return outcome.clocks_mhz[0] if isinstance(outcome, Timed) and outcome.clocks_mhz else 0


def with_recordings(outcome: Timed | Fault, recordings: int) -> Timed | Fault:
    """Return an outcome that says how many recordings it took."""
    return replace(outcome, recordings=recordings) if isinstance(outcome, Timed) else outcome


Found = tuple[str, int, KernelSum]
"""The kernels of a layer in a pass, of one of its calls."""


def summed(ranges: Sequence[Found], job: Job, iterations: int) -> Timed | Fault:
    """Return the samples of a job from the sums of its ranges."""
    found = [each for each in ranges if each[0] in job.sites]
    try:
        samples = samples_of(
            [(layer, number, each.duration_ns / 1000) for layer, number, each in found], job, iterations
        )
        added = samples_of(
            [(layer, number, each.sum_ns / 1000) for layer, number, each in found], job, iterations
        )
    except Fault as fault:
        return fault
    kernels: dict[str, list[list[str]]] = {layer: [[] for _ in range(iterations)] for layer in job.sites}
    for layer, number, each in found:
        kernels[layer][number] += each.kernels
    lost = next((lost_kernels(layer, passes) for layer, passes in kernels.items() if differ(passes)), None)
    return lost or Timed(
        samples,
        {layer: passes[-1] for layer, passes in kernels.items()},
        {layer: values for layer, values in added.items() if values != samples[layer]},
    )


def differ(passes: Sequence[Sequence[str]]) -> bool:
    """Return whether the kernels of passes differ in number or names, or there are none.

    Their order may differ: that of kernels on two streams is by chance.
    """
    return not passes[0] or any(Counter(kernels) != Counter(passes[0]) for kernels in passes)


def lost_kernels(layer: str, passes: Sequence[Sequence[str]]) -> LostKernels:
    """Return the Fault of a layer whose passes do not agree."""
    if not any(passes):
        return LostKernels("unsupported", f"no device kernels were seen in layer {layer!r}")
    counts = ", ".join(str(len(kernels)) for kernels in passes)
    every = Counter(passes[0])
    for kernels in passes:
        every &= Counter(kernels)
    odd = next(name for kernels in passes for name in kernels if Counter(kernels)[name] > every[name])
    return LostKernels(
        "unsupported",
        f"the passes of a shot must launch the same kernels: layer {layer!r} launched {counts},"
        f" not all of them {odd[:80]!r}",
    )


Parted = tuple[int, Sequence[Part], str | None]
"""The pass of a range, its parts, and the range around it where what else it has is that one's."""


class RangeMarks:
    """Marks that open named ranges in the recording."""

    splits = True

    def __init__(self, session: Recording, clock: DeviceClock) -> None:
        self.session = session
        self.clock = clock
        self.keys: list[dict[str, tuple[str, int]]] = []
        """Layer and pass of each range, by job."""
        self.parted: list[dict[str, Parted]] = []
        """Those of modules some of whose kernels are layers by name."""
        self.count = 0
        self.number: int | None = None
        self.begun = 0
        """How many jobs have begun their first pass, or failed before it."""
        self.open: list[tuple[str, Any]] = []

    def found(self, index: int, sums: Mapping[str, KernelSum]) -> list[Found]:
        """Return the kernels of a job's layers by call, those that are layers by name apart."""
        own = {name: sums[name] for name in self.keys[index]}
        parts: list[Found] = []
        for name, (number, of_module, around) in self.parted[index].items():
            shares: dict[str, list[Launched]] = {}
            for kernel in sums[name].each():
                shares.setdefault(part_of(kernel[0], of_module) or OTHER, []).append(kernel)
            rest = shares.pop(OTHER, [])
            if name in own:
                own[name] = KernelSum().add_all(rest)
            elif around in own:
                own[around] = KernelSum().add_all([*own[around].each(), *rest])
            parts += [(layer, number, KernelSum().add_all(launched)) for layer, launched in shares.items()]
        return [*parts, *((layer, number, own[name]) for name, (layer, number) in self.keys[index].items())]

    def each(self, jobs: Sequence[Job]) -> Iterator[Job]:
        """Return the jobs, noting whose ranges come next, and count cycles behind each."""
        for job in jobs:
            self.keys.append({})
            self.parted.append({})
            yield job
            self.clock.count(BEHIND, len(self.keys) - 1)

    def begin(self, number: int | None) -> None:
        """Begin a pass; cycles are counted before a job's first."""
        self.number = number
        if self.begun < len(self.keys):
            self.begun = len(self.keys)
            self.clock.count(BEFORE, self.begun - 1)

    def end(self) -> None:
        """End the pass and what a failure left open in it."""
        while self.open:
            self.leave()
        self.number = None

    def enter(self, layer: str | None, parts: Sequence[Part] = ()) -> None:
        """Enter a module; those of the warm-up are not recorded."""
        if self.number is None:
            return
        name = f"{PREFIX}{self.count}"
        self.count += 1
        if layer:
            self.keys[-1][name] = (layer, self.number)
        if parts:
            around = self.open[-1][0] if layer is None and self.open else None
            self.parted[-1][name] = (self.number, parts, around)
        span = self.session.range(name)
        span.__enter__()
        self.open.append((name, span))

    def leave(self) -> None:
        """Leave the module that was entered last."""
        if self.open:
            self.open.pop()[1].__exit__(None, None, None)


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
