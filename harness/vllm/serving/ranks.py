"""Watches the steps of one device in its own process: vLLM makes its worker inherit from this."""

import time
from collections.abc import Callable
from typing import Any

from serving.server import memory_of, on_device

RankStep = tuple[float, float, float | None, float | None]
"""When the host of a device began with a step and had launched it, in seconds of `time.perf_counter`, which
the processes of a host share; the device's time from begin to end, and what recording an event took, in
microseconds."""


class RankWatch:
    """Asked by name from the engine's process."""

    model_runner: Any

    def watch_steps(self) -> None:
        """Note from now on when steps begin and end."""
        self.seen: list[list[Any]] = []
        runner = self.model_runner
        runner.execute_model = self.executing(runner.execute_model)
        runner.sample_tokens = self.sampling(runner.sample_tokens)

    def executing(self, execute: Callable[..., Any]) -> Callable[..., Any]:
        """Return a call that notes the begin of a forward."""

        def watched(output: Any, *args: Any, **named: Any) -> Any:
            if not output.num_scheduled_tokens:
                return execute(output, *args, **named)
            began = time.perf_counter()
            begin, probe_us = timed_event()
            result = execute(output, *args, **named)
            self.seen.append([began, time.perf_counter(), begin, event(), probe_us])
            return result

        return watched

    def sampling(self, sample: Callable[..., Any]) -> Callable[..., Any]:
        """Return a call that notes the end of a step."""

        def watched(*args: Any, **named: Any) -> Any:
            result = sample(*args, **named)
            if self.seen:
                self.seen[-1][1] = time.perf_counter()
                self.seen[-1][3] = event()
            return result

        return watched

    def take_steps(self) -> list[RankStep]:
        """Return the steps so far and forget them."""
        seen, self.seen = self.seen, []
        if not on_device():
            return [(began, launched, None, None) for began, launched, *_ in seen]
        import torch

        torch.accelerator.synchronize()
        return [
            (began, launched, float(begin.elapsed_time(end)) * 1e3, probe_us)
            for began, launched, begin, end, probe_us in seen
        ]

    def rank_memory(self) -> dict[str, int]:
        """Return what the device's memory went to, in bytes."""
        return memory_of(self)


def event() -> Any:
    """Return an event that the device passes after all that was launched so far, None without one."""
    if not on_device():
        return None
    import torch

    event = torch.cuda.Event(enable_timing=True)
    event.record()
    return event


def timed_event() -> tuple[Any, float | None]:
    """Return an event as `event` does, and what it took to record in microseconds: the host's speed."""
    began = time.perf_counter()
    recorded = event()
    return recorded, None if recorded is None else (time.perf_counter() - began) * 1e6
