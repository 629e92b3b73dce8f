"""Shots fired in several ways by one engine, each with the clock that it had."""

import itertools
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from engine.engine import Engine
from faults import Fault
from timing.device_clock import DeviceClock
from timing.jobs import Job
from timing.kernel_sums import Event, sum_kernels
from timing.kernel_timer import KernelTimer, RangeMarks, summed, without_collector
from timing.profiler import PREFIX, Recording, Session
from timing.timed import Timed, fire_jobs

ITERATIONS = 3
CHUNK = 128
UNCOUNTED = 16
"""Shots that are fired before those that count."""
PARTS = ("open", "set-up", "passes", "device", "close", "read")


@dataclass(frozen=True)
class Way:
    """How shots are fired; as it stands the usual way."""

    direct: bool = False
    """Inputs written directly instead of requests taken in."""


USUAL = Way()


@dataclass
class Turn:
    """What one way gave."""

    outcomes: list[Timed | Fault] = field(default_factory=list)
    clocks: list[int] = field(default_factory=list)
    """Megahertz at the end of each job, 0 where it could not be told."""


@dataclass
class Rates:
    """Where the time of a way went."""

    split: dict[str, float] = field(default_factory=lambda: dict.fromkeys(PARTS, 0.0))
    busy_us: float = 0.0


class Marks(RangeMarks):
    """Marks that set the engine to the way of each job, and count clock cycles behind it."""

    def __init__(self, engine: Engine, session: Recording, direct: Any) -> None:
        super().__init__(session, DeviceClock(session, engine.synchronize))
        self.engine, self.direct = engine, direct
        self.taken_s: list[float] = []
        self.first_s: list[float] = []

    def in_ways(self, pairs: Sequence[tuple[Job, Way]]) -> Iterator[Job]:
        """Return the jobs."""
        ways = [way for _, way in pairs]
        for index, job in enumerate(self.each([job for job, _ in pairs])):
            self.engine.direct = self.direct if ways[index].direct else None
            self.taken_s.append(time.perf_counter())
            yield job

    def begin(self, number: int | None) -> None:
        """Begin a pass."""
        if len(self.first_s) < len(self.taken_s):
            self.first_s.append(time.perf_counter())
        super().begin(number)


class Run:
    """Fires jobs on an engine."""

    def __init__(self, engine: Engine) -> None:
        self.engine, self.direct = engine, engine.direct
        self.session: Recording = HostSession() if engine.device.type == "cpu" else Session("CUDA")

    def whole(self, jobs: Sequence[Job], way: Way) -> tuple[Turn, Rates]:
        """Fire jobs in chunks in one way, after a few that nobody counts."""
        self.record([(job, way) for job in jobs[:UNCOUNTED]], Rates())
        turn, rates = Turn(), Rates()
        for start in range(0, len(jobs), CHUNK):
            one = self.record([(job, way) for job in jobs[start : start + CHUNK]], rates)
            turn.outcomes += one.outcomes
            turn.clocks += one.clocks
        return turn, rates

    def as_the_worker(self, jobs: Sequence[Job]) -> tuple[tuple[Turn, float], tuple[Turn, float]]:
        """Fire jobs by the worker's own timer, taken in and then written directly, chunks in turns.

        All have been fired once before. Returns what each way gave and its seconds.
        """
        timer = KernelTimer(self.engine, self.session)
        turns, seconds = (Turn(), Turn()), [0.0, 0.0]
        inputs = (None, self.direct)
        timer.measure(self.engine, jobs, 1)
        for start in range(0, len(jobs), CHUNK):
            own = jobs[start : start + CHUNK]
            for side in (1, 0) if start // CHUNK % 2 else (0, 1):
                self.engine.direct = inputs[side]
                began = time.perf_counter()
                turns[side].outcomes += timer.measure(self.engine, own, ITERATIONS).outcomes
                seconds[side] += time.perf_counter() - began
        self.engine.direct = self.direct
        return (turns[0], seconds[0]), (turns[1], seconds[1])

    def turns(self, jobs: Sequence[Job], ways: Sequence[Way]) -> tuple[Turn, Turn]:
        """Fire jobs in two ways in turns, which of them is first changing each time."""
        found = Turn(), Turn()
        self.record([(job, ways[0]) for job in jobs[:UNCOUNTED]], Rates())
        for start in range(0, len(jobs), CHUNK // 2):
            own = jobs[start : start + CHUNK // 2]
            order = [(0, 1) if index % 2 else (1, 0) for index in range(len(own))]
            both = self.record(
                [(job, ways[side]) for job, sides in zip(own, order, strict=True) for side in sides], Rates()
            )
            for at, side in enumerate(itertools.chain.from_iterable(order)):
                found[side].outcomes.append(both.outcomes[at])
                found[side].clocks.append(both.clocks[at])
        return found

    def record(self, pairs: Sequence[tuple[Job, Way]], rates: Rates) -> Turn:
        """Record jobs once, as the worker does, with clocks in between."""
        if self.direct is None and any(way.direct for _, way in pairs):
            raise Fault("unsupported", "inputs cannot be written directly")
        session = self.session
        marks = Marks(self.engine, session, self.direct)
        with without_collector():
            now = [time.perf_counter()]
            session.start()
            now.append(time.perf_counter())
            faults = fire_jobs(self.engine, marks.in_ways(pairs), ITERATIONS, marks, layer_only=True)
            now.append(time.perf_counter())
            self.engine.synchronize()
            now.append(time.perf_counter())
            events = session.stop()
            now.append(time.perf_counter())
            sums, busy_ns = sum_kernels(events, PREFIX)
            outcomes = [
                fault or summed(marks.found(index, sums), job, ITERATIONS)
                for index, ((job, _), fault) in enumerate(zip(pairs, faults, strict=True))
            ]
            now.append(time.perf_counter())
        ready = sum(first - taken for first, taken in zip(marks.first_s, marks.taken_s, strict=False))
        took = [after - before for before, after in itertools.pairwise(now)]
        parts = (took[0], ready, took[1] - ready, *took[2:])
        for name, seconds in zip(PARTS, parts, strict=True):
            rates.split[name] += seconds
        rates.busy_us += busy_ns / 1000
        return Turn(outcomes, [(marks.clock.found(sums, index) or (0, 0))[1] for index in range(len(pairs))])


class HostSession:
    """In place of a recorder where there is no device: each range is one kernel."""

    def __init__(self) -> None:
        self.events: list[Event] = []

    def start(self) -> None:
        """Record from here on."""
        self.events.clear()

    def stop(self) -> list[Event]:
        """End the recording; returns its events."""
        return list(self.events)

    def range(self, name: str) -> "HostRange":
        """Return a range of the host."""
        return HostRange(self, name)

    def clock(self, name: str) -> None:
        """Have a range for the clock."""
        with self.range(name):
            pass


class HostRange:
    """A range that is its own kernel."""

    def __init__(self, session: HostSession, name: str) -> None:
        self.session, self.name = session, name

    def __enter__(self) -> None:
        """Begin."""
        self.start = time.monotonic_ns()

    def __exit__(self, *_: object) -> None:
        """End."""
        duration, number = time.monotonic_ns() - self.start, len(self.session.events) + 1
        self.session.events += [
            (self.name, False, 0, self.start, duration),
            ("", False, number, self.start, 1),
            ("host", True, number, self.start, duration),
        ]


def percentile(values: Sequence[float], percent: int) -> float:
    """Return a percentile of absolute values, one of them."""
    ordered = sorted(map(abs, values))
    return ordered[min(len(ordered) - 1, len(ordered) * percent // 100)]
