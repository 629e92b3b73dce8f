"""A session of torch's profiler that records launches, kernels and our own ranges, and nothing else."""

from collections.abc import Iterable, Iterator
from typing import Any, Protocol

from timing.kernel_sums import Event

PREFIX = "shotlab:"
"""How the names of our ranges begin."""

CLOCK_CYCLES = 40_000
"""Whose time tells the device's clock: about 20 µs."""


def spin(cycles: int) -> None:
    """Count cycles on a CUDA device."""
    import torch

    torch.cuda._sleep(cycles)


class Recording(Protocol):
    """Records launches, kernels and our own ranges."""

    def start(self) -> None:
        """Record from here on."""
        ...

    def stop(self) -> Iterable[Event]:
        """End the recording; returns its events."""
        ...

    def range(self, name: str) -> Any:
        """Return a range of the host, to be entered and left."""
        ...

    def clock(self, name: str) -> None:
        """Count `CLOCK_CYCLES` on the device, in a range of this name, where the device can."""
        ...


class Session:
    """One recording; a process has one at a time."""

    def __init__(self, activity: str, operators: bool = False) -> None:
        """Prepare to record our ranges and the device's `activity`: CUDA, which is ROCm's too, XPU or CPU."""
        from torch._C._profiler import ProfilerActivity, ProfilerConfig, ProfilerState, _ExperimentalConfig

        quiet = _ExperimentalConfig(disable_external_correlation=True)
        self.config = ProfilerConfig(ProfilerState.KINETO, False, False, False, False, False, quiet)
        self.operators = operators
        self.counts = activity == "CUDA"
        self.activities = {ProfilerActivity.CPU, getattr(ProfilerActivity, activity)}

    def start(self) -> None:
        """Record from here on; operators are left out unless asked for: they are most of a session's cost."""
        from torch._C._profiler import RecordScope

        autograd = calls()
        autograd._prepare_profiler(self.config, self.activities)
        scopes = {RecordScope.USER_SCOPE} | ({RecordScope.FUNCTION} if self.operators else set())
        autograd._enable_profiler(self.config, self.activities, scopes)

    def stop(self) -> Iterator[Event]:
        """End the recording; returns its events."""
        return events(calls()._disable_profiler())

    def range(self, name: str) -> Any:
        """Return a range of the host, to be entered and left."""
        from torch.autograd.profiler import record_function

        return record_function(name)

    def clock(self, name: str) -> None:
        """Count cycles on the device, in a range of this name, where the device can."""
        if self.counts:
            with self.range(name):
                spin(CLOCK_CYCLES)


def calls() -> Any:
    """Return torch's calls that start and stop a recording; its type hints lack the scopes."""
    from torch._C import _autograd

    return _autograd


def events(result: Any) -> Iterator[Event]:
    """Return the events of a recording."""
    from torch._C._autograd import DeviceType

    cpu = DeviceType.CPU
    for event in result.events():
        yield (
            event.name(),
            event.device_type() != cpu,
            event.correlation_id(),
            event.start_ns(),
            event.duration_ns(),
        )
