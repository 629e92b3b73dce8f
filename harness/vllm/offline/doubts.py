"""Shots whose times are in doubt, because the device had moved when they were measured (`docs/noise.md`)."""

import statistics
from collections.abc import Mapping, Sequence

MOST_AGAIN = 2
"""How often a shot is measured again at most."""

WALL_SHARE = 0.25
DEVICE_SHARE = 0.03
"""By which share a sentinel's time may move, of the quantity wall and of device times."""

CLOCK_SHARE = 0.1
"""By which share the clock of the multiprocessors may move."""

Sentinel = tuple[float, int | None]
"""Microseconds of a sentinel, and the clock in MHz where it is known."""


class Doubts:
    """Follows shots, clocks and sentinels in the order of a results file and judges as `ingest` does."""

    def __init__(self, share: float | None = None) -> None:
        """Begin without doubts; `share` replaces what is usual for a quantity."""
        self.asked = share
        self.share = DEVICE_SHARE
        self.moved = False
        """Whether the last sentinel had moved."""
        self.marks: dict[str, int] = {}
        self.standing: set[str] = set()
        self.unjudged: set[str] | None = None
        self.references: dict[str, Sentinel] = {}
        self.faster: dict[str, Sentinel] = {}
        self.first_clock: int | None = None
        self.clock: int | None = None
        self.farthest: int | None = None

    def begin(self, quantity: str) -> None:
        """A process begins to write: its sentinels are held against its own first."""
        usual = WALL_SHARE if quantity == "wall" else DEVICE_SHARE
        self.share = usual if self.asked is None else self.asked
        self.references.clear()
        self.faster.clear()
        self.unjudged = None
        self.moved = False

    def measured(self, shot: str) -> None:
        """Take in that a shot was measured."""
        self.standing.discard(shot)
        if self.unjudged is not None:
            self.unjudged.add(shot)

    def give_up(self, shot: str) -> None:
        """Do not measure a shot again."""
        self.marks[shot] = MOST_AGAIN + 1

    def see(self, clock: int | None) -> None:
        """Take in the clock at the end of a chunk, in MHz."""
        if clock is None:
            return
        self.clock = clock
        if self.farthest is None or self.distance(clock) > self.distance(self.farthest):
            self.farthest = clock

    def sentinel(self, shot: str, samples: Mapping[str, Sequence[float]]) -> None:
        """Judge a sentinel; when it has moved, what was measured since the one before is in doubt."""
        time_us = time_of(samples)
        clock = self.clock if self.first_clock is None else self.farthest
        if self.first_clock is None:
            self.first_clock = self.clock
        self.farthest = None
        reference = self.choose_reference(shot, (time_us, clock))
        drift = time_us / reference[0] - 1
        self.moved = abs(drift) > self.share or clock_moved(reference[1], clock)
        if self.moved:
            for shot in self.unjudged or ():
                self.standing.add(shot)
                self.marks[shot] = self.marks.get(shot, 0) + 1
        self.unjudged = set()

    def choose_reference(self, shot: str, sentinel: Sentinel) -> Sentinel:
        """Return what a sentinel is held against.

        It is the first one, or one that was faster by more than the share, once the next is as fast.
        """
        reference = self.references.setdefault(shot, sentinel)
        before = self.faster.pop(shot, None)
        if sentinel[0] / reference[0] - 1 < -self.share:
            if before is not None and abs(sentinel[0] / before[0] - 1) <= self.share:
                self.references[shot] = before
            else:
                self.faster[shot] = sentinel
        return self.references[shot]

    def is_due(self, shot: str) -> bool:
        """Return whether a shot is in doubt and may be measured again."""
        return shot in self.standing and self.marks[shot] <= MOST_AGAIN

    @property
    def clock_moved(self) -> bool:
        """Whether the clock has moved, so that a sentinel is to be fired at once."""
        return clock_moved(self.first_clock, self.clock)

    def distance(self, clock: int) -> int:
        """Return how far a clock is from the first, in MHz."""
        return 0 if self.first_clock is None else abs(clock - self.first_clock)


def time_of(samples: Mapping[str, Sequence[float]]) -> float:
    """Return the time of a sentinel: the sum of its layers' medians, in microseconds."""
    return sum(statistics.median(values) for values in samples.values())


def clock_moved(first: int | None, now: int | None) -> bool:
    """Return whether a clock has moved too far; an unknown one has not."""
    return first is not None and now is not None and abs(now / first - 1) > CLOCK_SHARE
