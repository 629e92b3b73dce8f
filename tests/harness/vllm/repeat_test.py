"""Calls that are repeated without a pause, on a device whose time is told by hand."""

from collections.abc import Callable
from operator import sub
from typing import Any

import pytest
import timing.sustained as sustained
from event_timer_test import Cuda
from messages import State, SustainedTimes


class World:
    """A device that needs some time for a call, and a host that needs some to launch it."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, call_us: float, host_us: float) -> None:
        import torch

        self.cuda = Cuda()
        self.host_s = 0.0
        self.calls = 0
        self.held = False
        self.call_us, self.host_us = call_us, host_us
        self.marks: list[int] = []
        """How many calls were made before each mark."""
        self.waits: list[tuple[int, int]] = []
        """The mark that was waited for, and how many calls were made by then."""
        self.reads: list[tuple[int, float]] = []
        """What the state was asked for with, and when, in seconds of the host."""
        world = self

        class Event(self.cuda.Event):  # type: ignore[name-defined,misc]
            def record(self) -> None:
                super().record()
                self.calls = world.calls
                world.marks.append(world.calls)

            def synchronize(self) -> None:
                world.waits.append((self.calls, world.calls))

        monkeypatch.setattr(torch.cuda, "Event", Event)
        monkeypatch.setattr(torch.cuda, "synchronize", lambda: None)
        monkeypatch.setattr(torch.cuda, "_sleep", self.hold)
        monkeypatch.setattr("time.perf_counter", self.clock)

    def clock(self) -> float:
        self.host_s += 1e-6
        return self.host_s

    def hold(self, _cycles: int) -> None:
        self.held = True

    def call(self) -> None:
        self.calls += 1
        self.cuda.work(self.call_us if self.held else max(self.call_us, self.host_us))
        self.host_s += max(self.call_us, self.host_us) * 1e-6

    def read(self, seq: int) -> State:
        self.reads.append((seq, self.host_s))
        return State(0, 1500, None, None, 650.0, [])


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> Callable[[float, float], World]:
    return lambda call_us, host_us: World(monkeypatch, call_us, host_us)


def test_a_call_takes_what_the_device_needs_for_it_once_it_has_settled(
    made: Callable[[float, float], World], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sustained, "HOST_SHARE", 2.0)
    world = made(500.0, 10.0)
    times: Any = sustained.repeat(world.call, world.read, 0.5, 125.0)
    assert times == SustainedTimes(times.time_us, 650.0, 1500, 1.0)
    assert 500 <= times.time_us < 502, "a mark between windows is all that is added"
    assert world.calls > 0.5 / 500e-6 * 0.9


def test_windows_of_ten_milliseconds_are_queued_two_ahead_and_read_once_the_device_has_settled(
    made: Callable[[float, float], World], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sustained, "HOST_SHARE", 2.0)
    world = made(500.0004, 10.0)
    times = sustained.repeat(world.call, world.read, 0.5, 125.0)
    # A window of twenty calls and the mark behind it.
    assert times.time_us == round((20 * 500.0004 + 1.5) / 20, 3) == 500.075
    # Three calls, a trial of ten, and from there on windows.
    assert world.marks[:6] == [3, 3, 13, 13, 33, 53]
    assert set(map(sub, world.marks[4:], world.marks[3:])) == {20}
    assert world.waits[:3] == [(13, 13), (33, 73), (53, 93)]
    seqs, at_s = zip(*world.reads, strict=True)
    assert set(seqs) == {0}
    assert 0.2 <= at_s[0] < 0.23
    assert 0.5 <= at_s[-1] < 0.53


@pytest.mark.parametrize(
    ("call_us", "rest_w", "power_w", "busy_share"),
    [
        (100.0, 125.0, 125 + 525 / 0.2, 0.2),
        (100.0, 700.0, 700.0, 0.2),
        (100.0, None, None, 0.2),
        (20.0, 125.0, None, 0.04),
    ],
    ids=["at work for a fifth", "no more than at rest", "rest unknown", "too short"],
)
def test_a_call_shorter_than_its_launch_tells_the_power_while_it_runs_and_no_time(
    made: Callable[[float, float], World],
    call_us: float,
    rest_w: float | None,
    power_w: float | None,
    busy_share: float,
) -> None:
    world = made(call_us, 500.0)
    times = sustained.repeat(world.call, world.read, 0.5, rest_w)
    assert (times.time_us, times.sm_clock_mhz) == (None, 1500)
    assert times.busy_share == pytest.approx(busy_share, rel=0.02)
    assert times.power_w == (power_w if power_w is None else pytest.approx(power_w, rel=0.02))


def test_the_power_at_rest_is_read_once_the_device_has_settled(
    made: Callable[[float, float], World], monkeypatch: pytest.MonkeyPatch
) -> None:
    world = made(1.0, 1.0)
    watts = iter([400.0, *[126.0] * 1000])
    slept: list[float] = []

    def sleep(seconds: float) -> None:
        slept.append(seconds)
        world.host_s += seconds

    monkeypatch.setattr("time.sleep", sleep)
    power = sustained.rest_power(lambda _seq: State(0, 1980, None, None, next(watts), []))
    assert power == 126.0
    assert slept[0] == sustained.REST_S
