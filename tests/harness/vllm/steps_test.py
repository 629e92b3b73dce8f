"""What is noted of a server's steps, over calls that do nothing."""

from types import SimpleNamespace
from typing import Any

import pytest
from serving.ranks import RankStep
from serving.steps import Step, Watch


class Fake:
    """A server whose calls take a second each; `planned` are the tokens of each step by request."""

    def __init__(self, planned: list[dict[str, int]], ahead: bool) -> None:
        self.now = 0.0
        self.planned = iter(planned)
        running = [SimpleNamespace(request_id="old", num_computed_tokens=40)]
        self.scheduler = SimpleNamespace(
            running=running, schedule=self.schedule, update_from_output=self.tick("updated")
        )
        executor = SimpleNamespace(execute_model=self.tick("executed"), sample_tokens=self.tick("sampled"))
        self.core = SimpleNamespace(model_executor=executor)
        config = SimpleNamespace(scheduler_config=SimpleNamespace(async_scheduling=ahead))
        self.engine = SimpleNamespace(vllm_config=config)
        self.on_device = False
        self.worker: Any = SimpleNamespace()
        self.ranks: list[list[RankStep]] = []

    def ask_ranks(self, method: str) -> list[list[RankStep]]:
        return self.ranks if method == "take_steps" else []

    def clock(self) -> float:
        return self.now

    def tick(self, answer: str) -> Any:
        def call(*_: Any) -> str:
            self.now += 1
            return answer

        return call

    def schedule(self) -> Any:
        self.now += 1
        tokens = next(self.planned)
        new = [
            SimpleNamespace(req_id=name, num_computed_tokens=16)
            for name in tokens
            if name not in ("old", "lost")
        ]
        return SimpleNamespace(num_scheduled_tokens=tokens, scheduled_new_reqs=new)

    def step(self) -> None:
        """Run one step as an engine does."""
        output = self.scheduler.schedule()
        executor = self.core.model_executor
        assert executor.execute_model(output) == "executed"
        assert executor.sample_tokens() == "sampled"
        assert self.scheduler.update_from_output(output) == "updated"


def watch_of(
    monkeypatch: pytest.MonkeyPatch, planned: list[dict[str, int]], ahead: bool
) -> tuple[Any, Watch]:
    server = Fake(planned, ahead)
    monkeypatch.setattr("time.perf_counter", server.clock)
    anything: Any = server
    return server, Watch(anything)


def test_a_step_is_noted_with_its_batch_and_when_it_was_launched_and_done(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    server, watch = watch_of(monkeypatch, [{"old": 1, "a": 8, "b": 8}, {"old": 1}], ahead=False)
    server.step()
    server.step()
    assert watch.take() == [
        Step([(1, 40, 1), (8, 16, 2)], 0.0, launched_s=2.0, output_s=3.0, next_s=4.0, waited_s=1.0),
        Step([(1, 40, 1)], 4.0, launched_s=6.0, output_s=7.0, waited_s=1.0),
    ]
    assert watch.take() == []


def test_a_server_that_schedules_ahead_launches_when_it_samples(monkeypatch: pytest.MonkeyPatch) -> None:
    server, watch = watch_of(monkeypatch, [{"old": 1}, {"old": 1}], ahead=True)
    server.step()
    server.step()
    first, second = watch.take()
    assert (first.launched_s, first.output_s, first.waited_s) == (3.0, 3.0, 0.0)
    assert first.next_s is None, "nothing was scheduled before its tokens had come: the host rested"
    assert (second.scheduled_s, second.launched_s) == (4.0, 7.0)


def test_a_schedule_without_tokens_is_no_step_and_a_rest_ends_what_is_the_hosts(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    server, watch = watch_of(monkeypatch, [{}, {"old": 1}, {"old": 1}], ahead=False)
    server.step()
    assert watch.steps == []
    server.step()
    watch.rest()
    server.step()
    first, second = watch.take()
    assert (first.next_s, second.next_s) == (None, None)


def test_where_each_device_has_a_process_the_slowest_host_and_the_first_device_count(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    server = Fake([{"old": 1}, {"old": 1}], ahead=False)
    server.worker = None
    monkeypatch.setattr("time.perf_counter", server.clock)
    anything: Any = server
    watch = Watch(anything)
    server.step()
    server.step()
    server.ranks = [
        [(1.0, 2.5, 700.0, 20.0), (5.0, 5.5, 800.0, 30.0)],
        [(1.0, 5.0, 900.0, 40.0), (5.0, 6.0, 900.0, 40.0)],
    ]
    first, second = watch.take()
    assert (first.launch_us(), first.host_us(), first.span_us()) == (5e6, 4e6, 700.0)
    assert (first.probe_us, second.probe_us) == (20.0, 30.0)
    assert (second.launch_us(), second.host_us(), second.span_us()) == (2e6, None, 800.0)


@pytest.mark.parametrize("on_device", [True, False])
def test_events_of_the_device_mark_a_step_where_the_process_has_one(
    monkeypatch: pytest.MonkeyPatch, on_device: bool
) -> None:
    server = Fake([{}, {"old": 1}], ahead=False)
    server.on_device = on_device
    monkeypatch.setattr("time.perf_counter", server.clock)
    made: list[str] = []

    def event() -> str:
        made.append(f"{server.now}")
        return made[-1]

    monkeypatch.setattr("serving.steps.event", event)
    monkeypatch.setattr("serving.steps.timed_event", lambda: (event(), 12.5))
    anything: Any = server
    watch = Watch(anything)
    server.step()
    server.step()
    (step,) = watch.take()
    # Begun when it is launched, at its end once more behind the sampler: what was before it is replaced.
    assert step.events == (("5.0", "7.0") if on_device else None)
    assert made == (["5.0", "6.0", "7.0"] if on_device else [])
    assert step.probe_us == (12.5 if on_device else None)


def test_a_step_s_times_are_in_microseconds() -> None:
    class Event:
        def __init__(self, ms: float) -> None:
            self.ms = ms

        def elapsed_time(self, other: "Event") -> float:
            return other.ms - self.ms

    step = Step([], 1.0, launched_s=1.25, next_s=2.0, waited_s=0.5, events=(Event(1.0), Event(3.5)))
    assert (step.launch_us(), step.host_us(), step.span_us()) == (250_000.0, 500_000.0, 2500.0)
    bare = Step([], 1.0)
    assert (bare.launch_us(), bare.host_us(), bare.span_us()) == (None, None, None)


def test_a_request_that_nothing_is_known_of_has_no_tokens_yet(monkeypatch: pytest.MonkeyPatch) -> None:
    server, watch = watch_of(monkeypatch, [{"lost": 5}], ahead=False)
    server.step()
    (step,) = watch.take()
    assert step.batch == [(5, 0, 1)]


@pytest.mark.parametrize("ranks", [[[]], [[(1.0, 2.0, 3.0, 4.0)], []]])
def test_devices_that_do_not_tell_of_every_step_are_an_error(
    monkeypatch: pytest.MonkeyPatch, ranks: list[list[RankStep]]
) -> None:
    server, watch = watch_of(monkeypatch, [{"old": 1}], ahead=False)
    server.step()
    server.worker, server.ranks = None, ranks
    with pytest.raises(ValueError, match="zip"):
        watch.take()
