"""The quantity `event`: device events around each module, the queue held back so that the host runs ahead."""

import statistics
import time
from collections.abc import Sequence
from typing import Any

from engine.engine import Engine
from engine.layers import Part
from faults import Fault
from timing.jobs import Job
from timing.passes import OTHER
from timing.timed import Measured, Span, Timed, fire_jobs, timed

MARGIN_US = 200.0
LONGEST_US = 50_000.0
LEAST_US = 0.001

Pair = tuple[Any, Any]
"""Events before and after a call."""


class EventTimer:
    """Device events (torch.cuda's, which are ROCm's too)."""

    quantity = "event"
    chunk = 32

    def __init__(self, cuda: Any) -> None:
        """Measure what a pair of events costs with nothing between them, and how long a cycle of sleep is.

        `cuda` is torch.cuda, or what has its Event, _sleep and synchronize.
        """
        self.cuda = cuda
        self.synchronize = cuda.synchronize
        self.cycles_per_us = self.calibrate()
        self.empty_us = self.empty_pair()

    def measure(self, engine: Engine, jobs: Sequence[Job], iterations: int) -> Measured:
        """Time jobs in their order; the decoder layer is repeated where only attention is asked."""
        fired: list[tuple[Job, EventMarks, Fault | None]] = []
        for job in jobs:
            marks = EventMarks(self)
            (fault,) = fire_jobs(engine, [job], iterations, marks, layer_only=True)
            fired.append((job, marks, fault))
            if fault and fault.kind == "engine_dead":
                break
        self.synchronize()
        outcomes: list[Timed | Fault] = [
            fault or timed(marks.spans(self.empty_us), job, iterations) for job, marks, fault in fired
        ]
        return Measured(outcomes)

    def hold(self, us: float) -> None:
        """Keep the device's queue back for so long, so that the host runs ahead of it."""
        self.cuda._sleep(int(min(us, LONGEST_US) * self.cycles_per_us))

    def event(self) -> Any:
        """Return an event that was recorded just now."""
        event = self.cuda.Event(enable_timing=True)
        event.record()
        return event

    def calibrate(self) -> float:
        """Return the cycles of a microsecond of sleep."""
        cycles = 2_000_000
        self.cuda._sleep(cycles)
        self.synchronize()
        first = self.event()
        self.cuda._sleep(cycles)
        last = self.event()
        self.synchronize()
        return cycles / float(first.elapsed_time(last) * 1000)

    def empty_pair(self) -> float:
        """Return the microseconds between two events with nothing between them."""
        self.hold(10 * MARGIN_US)
        pairs = [(self.event(), self.event()) for _ in range(50)]
        self.synchronize()
        return float(statistics.median(first.elapsed_time(last) * 1000 for first, last in pairs))


def elapsed_us(pair: Pair) -> float:
    """Return the microseconds between two events."""
    first, last = pair
    return float(first.elapsed_time(last) * 1000)


class EventMarks:
    """Marks that record events; every pass is held back for as long as the host needed for the one before."""

    splits = False

    def __init__(self, timer: EventTimer) -> None:
        self.timer = timer
        self.number: int | None = None
        self.began = 0.0
        self.host_us = 5_000.0
        self.open: list[tuple[str, Any, list[Pair]]] = []
        self.pairs: list[tuple[str, int, Pair, list[Pair]]] = []
        """Layer, pass and events of each call, and the events of calls within it."""

    def begin(self, number: int | None) -> None:
        """Begin a pass."""
        self.number = number
        self.timer.hold(1.5 * self.host_us + MARGIN_US)
        self.began = time.perf_counter()

    def end(self) -> None:
        """End the pass."""
        self.host_us = (time.perf_counter() - self.began) * 1e6
        self.open.clear()

    def enter(self, layer: str | None, _: Sequence[Part] = ()) -> None:
        """Enter a module."""
        self.open.append((layer or OTHER, self.timer.event(), []))

    def leave(self) -> None:
        """Leave the module that was entered last."""
        layer, first, within = self.open.pop()
        pair = (first, self.timer.event())
        if self.open:
            self.open[-1][2].append(pair)
        if self.number is not None and layer != OTHER:
            self.pairs.append((layer, self.number, pair, within))

    def spans(self, empty_us: float) -> list[Span]:
        """Return the spans, without what an empty pair costs: before each call within, and at the end."""

        def own_us(pair: Pair, within: Sequence[Pair]) -> float:
            others_us = sum(map(elapsed_us, within)) + (len(within) + 1) * empty_us
            return max(elapsed_us(pair) - others_us, LEAST_US)

        return [(layer, number, own_us(pair, within)) for layer, number, pair, within in self.pairs]
