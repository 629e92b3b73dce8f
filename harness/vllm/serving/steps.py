"""Watches the steps of a server: batches, when they were scheduled and done, and what the host did."""

import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from serving.ranks import RankStep, event, timed_event
from serving.server import Server

Batch = list[tuple[int, int, int]]
"""Runs of equal requests: new tokens, tokens computed before, how many."""


@dataclass
class Step:
    """One step; times in seconds of the clock `time.perf_counter`."""

    batch: Batch
    scheduled_s: float
    launched_s: float | None = None
    output_s: float | None = None
    next_s: float | None = None
    """When the step after it was scheduled, when the host did not rest in between."""
    waited_s: float = 0.0
    """How long the host waited for the device meanwhile."""
    events: tuple[Any, Any] | None = None
    """Events of the device at the step's begin and end."""
    probe_us: float | None = None
    """What the host took to record an event of the device: a fixed piece of work, which tells its speed."""
    ranks: tuple[RankStep, ...] = ()
    """What the processes of several devices say of it."""

    def launch_us(self) -> float | None:
        """Return what the host took to schedule and launch it, on the last of several devices."""
        launched_s = max((launched for _, launched, *_ in self.ranks), default=self.launched_s)
        return None if launched_s is None else (launched_s - self.scheduled_s) * 1e6

    def host_us(self) -> float | None:
        """Return what the host was busy for until it could schedule the next step, or could launch it."""
        if self.next_s is None:
            return None
        own = self.next_s - self.scheduled_s - self.waited_s
        return max([own, *(launched_s - began_s for began_s, launched_s, *_ in self.ranks)]) * 1e6

    def span_us(self) -> float | None:
        """Return the device's time from the step's begin to its end; the device must have reached it."""
        if self.ranks:
            return self.ranks[0][2]
        return None if self.events is None else float(self.events[0].elapsed_time(self.events[1])) * 1e3


class Watch:
    """Replaces the engine's calls of a step by ones that note when they happen."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self.steps: list[Step] = []
        self.by_output: dict[int, Step] = {}
        self.last: Step | None = None
        self.on_device = server.on_device and server.worker is not None
        self.ahead = bool(server.engine.vllm_config.scheduler_config.async_scheduling)
        scheduler, executor = server.scheduler, server.core.model_executor
        scheduler.schedule = self.scheduling(scheduler.schedule)
        executor.execute_model = self.executing(executor.execute_model)
        executor.sample_tokens = self.sampling(executor.sample_tokens)
        scheduler.update_from_output = self.updating(scheduler.update_from_output)
        if server.worker is None:
            server.ask_ranks("watch_steps")

    def take(self) -> list[Step]:
        """Return the steps so far and forget them."""
        steps, self.steps = self.steps, []
        if self.server.worker is None:
            ranks = zip(*self.server.ask_ranks("take_steps"), strict=True)
            for step, of_ranks in zip(steps, ranks, strict=True):
                step.ranks = of_ranks
                step.probe_us = of_ranks[0][3]
        return steps

    def rest(self) -> None:
        """Note that the host has nothing to do: the time until the next step is not its own."""
        self.last = None

    def scheduling(self, schedule: Callable[..., Any]) -> Callable[..., Any]:
        """Return a call that notes what is scheduled."""

        def watched(*args: Any, **named: Any) -> Any:
            now = time.perf_counter()
            before = {one.request_id: one.num_computed_tokens for one in self.server.scheduler.running}
            output = schedule(*args, **named)
            for one in output.scheduled_new_reqs:
                before[one.req_id] = one.num_computed_tokens
            if output.num_scheduled_tokens:
                counts = Counter(
                    (new, before.get(name, 0)) for name, new in output.num_scheduled_tokens.items()
                )
                step = Step([(new, history, count) for (new, history), count in counts.items()], now)
                if self.last is not None:
                    self.last.next_s = now
                self.last = step
                self.by_output[id(output)] = step
                self.steps.append(step)
            return output

        return watched

    def executing(self, execute: Callable[..., Any]) -> Callable[..., Any]:
        """Return a call that notes the begin of a forward on the device."""

        def watched(output: Any, *args: Any, **named: Any) -> Any:
            step = self.by_output.get(id(output))
            begin, probe_us = timed_event() if step is not None and self.on_device else (None, None)
            result = execute(output, *args, **named)
            if step is not None:
                step.launched_s = time.perf_counter()
                step.probe_us = probe_us
                step.events = None if begin is None else (begin, event())
            return result

        return watched

    def sampling(self, sample: Callable[..., Any]) -> Callable[..., Any]:
        """Return a call that notes the end of a step on the device."""

        def watched(*args: Any, **named: Any) -> Any:
            result = sample(*args, **named)
            step = self.last
            if step is not None:
                if self.ahead:
                    step.launched_s = time.perf_counter()
                if step.events is not None:
                    step.events = (step.events[0], event())
            return result

        return watched

    def updating(self, update: Callable[..., Any]) -> Callable[..., Any]:
        """Return a call that notes when a step's tokens have come."""

        def watched(output: Any, *args: Any, **named: Any) -> Any:
            now = time.perf_counter()
            step = self.by_output.pop(id(output), None)
            if step is not None:
                step.output_s = now
            if self.last is not None and self.last.launched_s is not None:
                self.last.waited_s += now - self.last.launched_s
            if self.ahead and step is self.last:
                self.rest()  # nothing was there to be scheduled ahead
            return update(output, *args, **named)

        return watched
