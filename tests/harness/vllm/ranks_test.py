"""What the process of one device notes of its steps."""

from types import SimpleNamespace
from typing import Any

import pytest
from serving.ranks import RankWatch


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
