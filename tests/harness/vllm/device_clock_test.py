"""The clock that is counted around jobs, without a device."""

from collections.abc import Iterator
from typing import Any

import pytest
from timing.device_clock import Clocks, DeviceClock, lowest, mhz_of
from timing.kernel_sums import Event, KernelSum
from timing.profiler import CLOCK_CYCLES, PREFIX


class Recording:
    """In place of a session: each count takes the time of the next clock, in MHz."""

    def __init__(self, *clocks: int) -> None:
        self.clocks = list(clocks)
        self.events: list[Event] = []

    def start(self) -> None:
        self.events = []

    def stop(self) -> Iterator[Event]:
        return iter(self.events)

    def range(self, name: str) -> Any:
        raise NotImplementedError

    def clock(self, name: str) -> None:
        took = round(1e3 * CLOCK_CYCLES / self.clocks.pop(0))
        self.events += [(name, False, 0, 0, 9), ("launch", False, 7, 1, 1), ("spin", True, 7, 20, took)]


@pytest.fixture(autouse=True)
def slept(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Make time pass by what is slept alone."""
    slept: list[float] = []
    monkeypatch.setattr("time.sleep", slept.append)
    monkeypatch.setattr("time.monotonic", lambda: sum(slept))
    return slept


def clock_of(*clocks: int, fastest: int) -> DeviceClock:
    clock = DeviceClock(Recording(*clocks), lambda: None)
    clock.fastest = fastest
    return clock


@pytest.mark.parametrize(
    ("clocks", "waits"),
    [([1980], 0), ([1881], 0), ([1880, 1881], 1), ([1400, 1400, 1700, 1950], 3)],
)
def test_a_fallen_clock_is_waited_for(slept: list[float], clocks: list[int], waits: int) -> None:
    clock = clock_of(*clocks, fastest=1980)
    assert clock.rest()
    assert slept == [0.005] * waits
    assert clock.fastest == 1980


def test_a_clock_that_does_not_come_back_within_its_time_is_the_device_s_from_then_on(
    slept: list[float],
) -> None:
    clock = clock_of(*[1400] * 60, fastest=1980)
    assert not clock.rest()
    assert 0.2 < sum(slept) < 0.21
    assert clock.fastest == 1400
    assert not clock.had_fallen((1400, 1400))
    assert clock.rest()


def test_a_device_that_fails_meanwhile_has_no_clock() -> None:
    def fail() -> None:
        raise RuntimeError("CUDA error: an illegal memory access was encountered")

    assert DeviceClock(Recording(1980), fail).now() == 0


@pytest.mark.parametrize(
    ("clocks", "fallen"),
    [((1881, 1000), False), ((1880, 1980), True), ((2100, 2100), False), (None, False)],
)
def test_a_job_that_began_at_a_fallen_clock(clocks: Clocks | None, fallen: bool) -> None:
    assert clock_of(fastest=1980).had_fallen(clocks) is fallen


@pytest.mark.parametrize(
    ("clocks", "both"),
    [
        ([(1980, 1500)], (1980, 1500)),
        ([(1980, 1500), (1965, 1980)], (1965, 1500)),
        ([(1980, 1500), None], None),
        ([None], None),
        ([], None),
    ],
)
def test_the_clocks_of_some_jobs_are_the_lowest(clocks: list[Clocks | None], both: Clocks | None) -> None:
    assert lowest(clocks) == both


@pytest.mark.parametrize(
    ("before", "behind", "clocks", "fastest"),
    [(2000, 1600, (2000, 1600), 2000), (2000, None, None, 2000), (None, 1600, None, 1)],
)
def test_a_job_has_clocks_where_both_are_known(
    before: int | None, behind: int | None, clocks: Clocks | None, fastest: int
) -> None:
    counted = {"before-3": before, "behind-3": behind}
    sums = {
        f"{PREFIX}{name}": KernelSum(round(1e3 * CLOCK_CYCLES / mhz)) for name, mhz in counted.items() if mhz
    }
    clock = clock_of(fastest=1)
    assert (clock.found(sums, 3), clock.fastest) == (clocks, fastest)
    assert clock.found(sums, 2) is None


def test_a_clock_is_cycles_by_their_time() -> None:
    assert [mhz_of(each) for each in (KernelSum(20_202), KernelSum(), None)] == [1980, 0, 0]
