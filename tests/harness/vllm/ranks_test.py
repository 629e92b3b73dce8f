"""What the process of one device notes of its steps."""

from types import SimpleNamespace
from typing import Any

import pytest
from serving.ranks import RankWatch, event, timed_event


class Worker(RankWatch):
    """A worker whose calls take a second each."""

    def __init__(self) -> None:
        self.now = 0.0
        self.model_runner: Any = SimpleNamespace(execute_model=self.tick, sample_tokens=self.tick)

    def tick(self, *_: Any) -> float:
        self.now += 1
        return self.now


def test_a_step_ends_when_its_tokens_are_sampled_and_empty_ones_are_none(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    worker = Worker()
    monkeypatch.setattr("time.perf_counter", lambda: worker.now)
    monkeypatch.setattr("serving.ranks.on_device", lambda: False)
    worker.watch_steps()
    step, empty = (SimpleNamespace(num_scheduled_tokens=tokens) for tokens in ({"a": 4}, {}))
    assert worker.model_runner.execute_model(step) == 1.0
    assert worker.model_runner.sample_tokens() == 2.0
    worker.model_runner.execute_model(empty)
    worker.model_runner.execute_model(step)
    assert worker.take_steps() == [(0.0, 2.0, None, None), (3.0, 4.0, None, None)]
    assert worker.take_steps() == []


class Mark:
    """An event of a device, which is passed at so many milliseconds."""

    def __init__(self, ms: float) -> None:
        self.ms = ms

    def elapsed_time(self, other: "Mark") -> float:
        return other.ms - self.ms


def test_on_a_device_a_step_takes_from_its_first_event_to_its_last(monkeypatch: pytest.MonkeyPatch) -> None:
    import torch

    worker = Worker()
    marks = iter([Mark(1.0), Mark(2.0), Mark(3.5), Mark(10.0), Mark(10.25)])
    synchronized: list[float] = []

    def record() -> Mark:
        worker.now += 0.25
        return next(marks)

    monkeypatch.setattr("time.perf_counter", lambda: worker.now)
    monkeypatch.setattr("serving.ranks.on_device", lambda: True)
    monkeypatch.setattr("serving.ranks.event", record)
    monkeypatch.setattr(torch.accelerator, "synchronize", lambda: synchronized.append(worker.now))
    worker.watch_steps()
    worker.model_runner.sample_tokens()
    step = SimpleNamespace(num_scheduled_tokens={"a": 4})
    worker.model_runner.execute_model(step)
    worker.model_runner.sample_tokens()
    worker.model_runner.execute_model(step)
    # A second each for the sampler without a step, the forwards and the sampler, and what the events took.
    assert worker.take_steps() == [(1.0, 3.5, 2500.0, 250_000.0), (3.75, 5.0, 250.0, 250_000.0)]
    assert synchronized == [5.25]


def test_without_a_device_there_is_no_event_and_no_speed_of_the_host(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("serving.ranks.on_device", lambda: False)
    assert event() is None
    assert timed_event() == (None, None)


def test_an_event_is_recorded_with_its_time(monkeypatch: pytest.MonkeyPatch) -> None:
    import torch

    class Event:
        def __init__(self, enable_timing: bool = False) -> None:
            self.told = [enable_timing]

        def record(self) -> None:
            self.told.append(True)

    monkeypatch.setattr("serving.ranks.on_device", lambda: True)
    monkeypatch.setattr(torch.cuda, "Event", Event)
    assert event().told == [True, True]
