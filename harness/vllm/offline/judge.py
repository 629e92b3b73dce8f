"""Which shots of a plan that is fired alone have to be measured again.

The rules are those of `src/journal/judge.ts`, which judges the journal when it is ingested, for one lane;
the cases of `tests/data/judge-cases.json` hold both to them.
"""

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from offline.journal import ShotId, shot_id
from timing.device_clock import least_clock

MOST_AGAIN = 2
"""How often a shot is measured again at most because the device drifted."""

WALL_SHARE = 0.25
DEVICE_SHARE = 0.03
"""By which share a sentinel's time may move, of the quantity wall and of device times."""

CLOCK_SHARE = 0.1
"""By which share the clock of the multiprocessors may move."""

BREAK_INTERVALS = 2
"""After a break, a sentinel vouches for what lies before it when it comes within so many intervals."""


@dataclass(frozen=True)
class Reading:
    """A sentinel that was fired: microseconds, clocks in MHz, and when it was, in seconds since 1970."""

    time_us: float
    clock: float | None = None
    range: Sequence[float] = ()
    at_s: float | None = None
    began: float | None = None
    """The clock that it began at, as the device itself counted it."""


@dataclass
class Stretch:
    """What was measured between two sentinels of the same shot."""

    sentinel: ShotId
    before: Reading | None
    epoch: int
    after: Reading | None = None
    is_open: bool = True


@dataclass
class Chunk:
    """What was fired of a stretch between two readings of the device."""

    stretch: Stretch
    begin: float | None = None
    """The clock at the end of what was fired before it, None when unknown."""
    end: float | None = None
    is_read: bool = False
    """Whether the device was read at its end."""


@dataclass(frozen=True)
class Measurement:
    """A measurement of a shot."""

    chunk: Chunk | None
    """Where it lies, None where nothing watched."""
    clocks: Sequence[float] | None = None
    """The clock right before and right behind the shot, where it was counted."""


@dataclass
class Judge:
    """Follows the lines of a journal."""

    moved: bool = False
    """Whether the writer's last sentinel had moved."""
    share: float = DEVICE_SHARE
    every_s: float = 0.0
    accepts: bool = False
    watched: bool = False
    epoch: int = 0
    stretch: Stretch | None = None
    chunk: Chunk | None = None
    """What is being fired, None between two readings without shots."""
    clock: float | None = None
    """The clock at the end of what was fired last."""
    tails: list[Stretch] = field(default_factory=list)
    faster: Reading | None = None
    fired: set[ShotId] = field(default_factory=set)
    references: dict[ShotId, Reading] = field(default_factory=dict)
    own: set[ShotId] = field(default_factory=set)
    """Shots whose reference the present writer has set."""
    measured: dict[ShotId, list[Measurement]] = field(default_factory=dict)

    def take(self, line: Mapping[str, Any]) -> None:
        """Take in the next line."""
        match line.get("type"):
            case "session":
                self.begin(line)
            case "engine":
                self.break_off()
            case "failed" if line.get("sentinel"):
                self.break_off()
            case "sentinel":
                self.sentinel(shot_id(line), reading_of(line))
            case "shot":
                chunk = self.firing() or (self.blind() if self.watched and self.has_reference(line) else None)
                measurement = Measurement(chunk, line.get("shot_clocks_mhz"))
                self.measured.setdefault(shot_id(line), []).append(measurement)
            case "state":
                self.read(line.get("sm_clock_mhz"))

    def begin(self, line: Mapping[str, Any]) -> None:
        """A process begins to write."""
        self.break_off()
        self.moved, self.faster = False, None
        self.fired.clear()
        self.own.clear()
        self.accepts = bool(line.get("accept_speed"))
        watch = line.get("watch")
        self.watched = bool(watch)
        if watch:
            self.share, self.every_s = float(watch["share"]), float(watch["every_s"])

    def has_reference(self, line: Mapping[str, Any]) -> bool:
        """Return whether the degree of a line has a reference."""
        return any(shot[1] == line["tp"] for shot in self.references)

    def blind(self) -> Chunk:
        """Return where a shot lies that was measured without a sentinel though there had been some."""
        return Chunk(Stretch((), None, self.epoch, is_open=False))

    def firing(self) -> Chunk | None:
        """Return the chunk that is being fired, None before the first sentinel."""
        if self.stretch is not None and self.chunk is None:
            self.chunk = Chunk(self.stretch, self.clock)
        return self.chunk

    def read(self, clock: float | None) -> None:
        """Take in a clock at the end of what was fired; before it the device may have been idle."""
        if self.chunk is not None:
            self.chunk.end, self.chunk.is_read = clock, True
            self.clock, self.chunk = clock, None

    def break_off(self) -> None:
        """What no sentinel came after is in doubt, until one does soon."""
        if self.stretch is not None:
            self.stretch.is_open = False
            self.tails.append(self.stretch)
        self.stretch = self.chunk = None

    def sentinel(self, shot: ShotId, reading: Reading) -> None:
        """Take in a sentinel."""
        self.refer(shot, reading)
        if self.stretch is not None and self.stretch.sentinel == shot:
            self.stretch.after, self.stretch.is_open = reading, False
        else:
            self.break_off()
        for tail in self.tails:
            if tail.sentinel == shot and self.is_soon(tail.before, reading):
                tail.after = reading
        self.tails.clear()
        self.stretch = Stretch(shot, reading, self.epoch)
        self.chunk, self.clock = None, reading.clock
        self.moved = not self.stands(shot, reading)

    def refer(self, shot: ShotId, reading: Reading) -> None:
        """Find what a sentinel is held against, and the fastest clock that one began at."""
        self.hold(shot, reading)
        own = self.references.get(shot)
        if own is None or reading.began is None or (own.began is None and not self.stands(shot, reading)):
            return
        self.references[shot] = replace(own, began=max(own.began or 0, reading.began))

    def hold(self, shot: ShotId, reading: Reading) -> None:
        """Find what a sentinel is held against: the first one, a faster one or an accepted one."""
        is_first = shot not in self.fired
        self.fired.add(shot)
        reference = self.references.get(shot)
        if reference is None:
            if self.moved:
                return  # a device that had moved when its degree before ended is no measure for the next one
            clocks = [known.clock for known in self.references.values() if known.clock is not None]
            clock = clocks[0] if clocks else reading.clock
            began = [known.began for known in self.references.values() if known.began is not None]
            self.references[shot] = Reading(reading.time_us, clock, began=max(began, default=None))
            self.own.add(shot)
        elif self.stands(shot, reading):
            self.faster = None
        elif self.accepts and is_first:
            self.epoch += 1
            self.rebase(shot, reading)
        elif reading.time_us / reference.time_us - 1 < -self.share:
            before, self.faster = self.faster, reading
            if before is not None and abs(reading.time_us / before.time_us - 1) <= self.share:
                self.faster = None
                self.rebase(shot, before)
        else:
            self.faster = None

    def rebase(self, shot: ShotId, reading: Reading) -> None:
        """Hold what comes and what was measured against another sentinel.

        What an earlier writer set stays where the present one had set the reference itself.
        """
        kept = {each: known for each, known in self.references.items() if each not in self.own}
        self.references = {**(kept if shot in self.own else {}), shot: reading}
        self.own = {shot}

    def fits(self, shot: ShotId, reading: Reading, clocks: Sequence[float | None]) -> bool:
        """Return whether a sentinel agrees with its reference, in its time and in some clocks."""
        reference = self.references.get(shot)
        return (
            reference is not None
            and abs(reading.time_us / reference.time_us - 1) <= self.share
            and not any(clock_moved(reference.clock, clock) for clock in clocks)
        )

    def stands(self, shot: ShotId, reading: Reading) -> bool:
        """Return whether a sentinel agrees with its reference; of clocks what both began at, if known."""
        reference = self.references.get(shot)
        if reference is None or reference.began is None or reading.began is None:
            return self.fits(shot, reading, [reading.clock, *reading.range])
        return self.fits(shot, reading, []) and reading.began >= least_clock(reference.began)

    def is_explained(self, reference: Reading, reading: Reading) -> bool:
        """Return whether a sentinel's time is the reference's, or as much longer as its clock was lower."""
        ratio = reading.time_us / reference.time_us
        lower = 1.0 if reading.began is None else max(1.0, (reference.began or 0) / reading.began)
        return ratio - 1 >= -self.share and ratio / lower - 1 <= self.share

    def is_soon(self, before: Reading | None, after: Reading) -> bool:
        """Return whether a sentinel after a break came so soon that it vouches for what lies before it."""
        if before is None or before.at_s is None or after.at_s is None:
            return False
        return 0 <= after.at_s - before.at_s <= BREAK_INTERVALS * self.every_s

    def has_moved(self, chunk: Chunk, clocks: Sequence[float] | None) -> bool:
        """Return whether the device drifted where a shot was measured; its own clock counts, if known."""
        reference = self.references.get(chunk.stretch.sentinel)
        if clocks is None or reference is None or reference.began is None:
            return self.is_off_chunk(chunk)
        sides = [side for side in (chunk.stretch.before, chunk.stretch.after) if side is not None]
        return clocks[0] < least_clock(reference.began) or not all(
            self.is_explained(reference, side) for side in sides
        )

    def is_off_chunk(self, chunk: Chunk) -> bool:
        """Return whether the device drifted on a side of a chunk: by a sentinel's time, or a clock.

        A chunk that was not read at its end counts as its whole stretch.
        """
        shot, before, after = chunk.stretch.sentinel, chunk.stretch.before, chunk.stretch.after
        if before is None:
            return False
        if not self.fits(shot, before, [chunk.begin if chunk.is_read else before.clock]):
            return True
        if after is None:
            return False
        return not self.fits(shot, after, [chunk.end] if chunk.is_read else [after.clock, *after.range])

    def in_doubt(self, shot: ShotId) -> bool:
        """Return whether a shot's last times are in doubt."""
        last = self.measured.get(shot, [Measurement(None)])[-1]
        if last.chunk is None:
            return False
        stretch = last.chunk.stretch
        return (stretch.after is None and not stretch.is_open) or self.has_moved(last.chunk, last.clocks)

    def is_due(self, shot: ShotId) -> bool:
        """Return whether a shot is in doubt and may be measured again."""
        if not self.in_doubt(shot):
            return False
        marks = [
            known
            for known in self.measured[shot]
            if known.chunk is not None
            and known.chunk.stretch.epoch == self.epoch
            and self.has_moved(known.chunk, known.clocks)
        ]
        return len(marks) <= MOST_AGAIN


def reading_of(line: Mapping[str, Any]) -> Reading:
    """Return what a sentinel's line says."""
    clocks = line.get("clocks_mhz", ())
    began, _ = line.get("shot_clocks_mhz") or (None, None)
    return Reading(time_of(line["samples"]), line.get("clock_mhz"), clocks, line.get("at_s"), began)


def usual_share(quantity: str) -> float:
    """Return the share by which a sentinel may move unless it is said."""
    return WALL_SHARE if quantity == "wall" else DEVICE_SHARE


def time_of(samples: Mapping[str, Sequence[float]]) -> float:
    """Return the time of a sentinel: the sum of its layers' medians, in microseconds."""
    return sum(statistics.median(values) for values in samples.values())


def clock_moved(first: float | None, now: float | None) -> bool:
    """Return whether a clock has moved too far; an unknown one has not."""
    return first is not None and now is not None and abs(now / first - 1) > CLOCK_SHARE
