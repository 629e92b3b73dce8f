"""Calls that are repeated without a pause, on a device whose time is told by hand."""

from collections.abc import Callable
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
        self.call_us, self.host_us = call_us, host_us

        class Event(self.cuda.Event):  # type: ignore[name-defined,misc]
            def synchronize(self) -> None:
                pass

        monkeypatch.setattr(torch.cuda, "Event", Event)
        monkeypatch.setattr(torch.cuda, "synchronize", lambda: None)
        monkeypatch.setattr("time.perf_counter", self.clock)

    def clock(self) -> float:
        self.host_s += 1e-6
        return self.host_s

    def call(self) -> None:
        self.calls += 1
        self.cuda.work(self.call_us)
        self.host_s += max(self.call_us, self.host_us) * 1e-6

    def read(self, _seq: int) -> State:
        return State(0, 1500, None, None, 650.0, [])


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> Callable[[float, float], World]:
    return lambda call_us, host_us: World(monkeypatch, call_us, host_us)


def test_a_call_takes_what_the_device_needs_for_it_once_it_has_settled(
    made: Callable[[float, float], World], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sustained, "HOST_SHARE", 2.0)
    world = made(500.0, 10.0)
    times: Any = sustained.repeat(world.call, world.read, 0.5)
    assert times == SustainedTimes(times.time_us, 650.0, 1500)
    assert 500 <= times.time_us < 502, "a mark between windows is all that is added"
    assert world.calls > 0.5 / 500e-6 * 0.9


def test_calls_that_the_host_cannot_launch_fast_enough_tell_nothing(
    made: Callable[[float, float], World],
) -> None:
    world = made(10.0, 500.0)
    assert sustained.repeat(world.call, world.read, 0.5) is None
    assert world.calls == 3 + sustained.TRIAL
