"""The device's own clock before and behind each job, by the time of a kernel that counts cycles."""

import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress

from timing.kernel_sums import KernelSum, sum_kernels
from timing.profiler import CLOCK_CYCLES, PREFIX, Recording

FALLEN = 0.95
"""Of the fastest clock: below it, a clock is lower than a device's varies by itself.

A device at its power limit lowers its clock for some tens of milliseconds: an H200 by up to 28% behind
prefills of 4 ms. Else the clock is within 4% of the fastest.
"""

REST_S = 0.2
"""For how long a clock is waited for that has fallen: an H200 changes it every 0.1 s."""

REST_STEP_S = 0.005
"""How often it is counted meanwhile."""

BEFORE, BEHIND = "before", "behind"

Clocks = tuple[int, int]
"""Megahertz right before a job's first pass and behind its last one."""


class DeviceClock:
    """Counts the clock, and knows the fastest one that a job began at since the boot."""

    def __init__(self, session: Recording, synchronize: Callable[[], None]) -> None:
        self.session = session
        self.synchronize = synchronize
        self.fastest = 0

    def count(self, side: str, index: int) -> None:
        """Count cycles on a side of a job, in the open recording."""
        # An error of the device comes up again with the next call, which has a job to blame.
        with suppress(RuntimeError):
            self.session.clock(clock_name(side, index))

    def found(self, sums: Mapping[str, KernelSum], index: int) -> Clocks | None:
        """Return what was counted around a job; None where one of the two is not known."""
        before, behind = (mhz_of(sums.get(clock_name(side, index))) for side in (BEFORE, BEHIND))
        self.fastest = max(self.fastest, before)
        return (before, behind) if before and behind else None

    def had_fallen(self, clocks: Clocks | None) -> bool:
        """Return whether a job began at a fallen clock; one that lowers it by itself did not."""
        return clocks is not None and clocks[0] < least_clock(self.fastest)

    def rest(self) -> bool:
        """Wait until the clock is back; when it does not come back, the one that it has is the device's."""
        end = time.monotonic() + REST_S
        while (now := self.now()) < least_clock(self.fastest):
            if time.monotonic() > end:
                self.fastest = now
                return False
            time.sleep(REST_STEP_S)
        return True

    def now(self) -> int:
        """Return the clock by a recording of its own; 0 where it is not known."""
        # An error of the device comes up again with the next recording, which has jobs to blame.
        with suppress(RuntimeError):
            self.session.start()
            self.session.clock(clock_name(BEFORE, 0))
            self.synchronize()
            sums, _ = sum_kernels(self.session.stop(), PREFIX)
            return mhz_of(sums.get(clock_name(BEFORE, 0)))
        return 0


def least_clock(fastest: float) -> float:
    """Return the lowest clock that is as good as the fastest."""
    return FALLEN * fastest


def clock_name(side: str, index: int) -> str:
    """Return the range in which cycles are counted on a side of a job."""
    return f"{PREFIX}{side}-{index}"


def mhz_of(counted: KernelSum | None) -> int:
    """Return the clock by the time of the cycles, 0 where it is not known."""
    return round(1e3 * CLOCK_CYCLES / counted.duration_ns) if counted and counted.duration_ns else 0


def lowest(clocks: Sequence[Clocks | None]) -> Clocks | None:
    """Return the lowest clock on each side of some jobs; None when those of one are not known."""
    known = [each for each in clocks if each is not None]
    if not known or len(known) < len(clocks):
        return None
    return min(before for before, _ in known), min(behind for _, behind in known)
