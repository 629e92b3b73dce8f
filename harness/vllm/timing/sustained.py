"""What a module takes when the device does nothing else: time, power and clock of a lasting load."""

import statistics
import time
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from itertools import pairwise
from typing import Any

from engine.engine import EndOfForward, Engine
from engine.routing import forced
from engine.state import Read
from faults import Fault
from messages import State, SustainedTimes
from timing.jobs import Job

WINDOW_S = 0.01
"""Work that is queued at once; two windows wait while a third runs."""

SETTLE_SHARE = 0.4
"""Share of the time that passes before anything is read: power limits act within it."""

HOST_SHARE = 0.9
"""Of a call of which the host takes more of its time to launch it the device rests in between."""

TRIAL = 10
"""Calls by which that is judged."""

HOLD_CYCLES = 40_000_000
"""Cycles for which the device is held back meanwhile, so that the host runs ahead: some 20 ms."""

REST_S = 0.3
"""For how long a device rests before its power at rest is read, and for how long it is."""

LEAST_BUSY = 0.05
"""A device that is at work for less of the time tells too little of the power that it takes for that."""

Reading = tuple[float, State]
"""Seconds on the host's clock, and the state of the device then."""


def rest_power(read: Read) -> float | None:
    """Return the watts of the device at rest with its clock up, None where it does not tell."""
    time.sleep(REST_S)
    readings: list[Reading] = []
    started = time.perf_counter()
    while (at := time.perf_counter()) - started < REST_S:
        readings.append((at, read(0)))
        time.sleep(WINDOW_S)
    return power_of(readings)


def sustain(
    engine: Engine, job: Job, read: Read, seconds: float, rest_w: float | None
) -> dict[str, SustainedTimes]:
    """Repeat each layer's module of a job for so many seconds; `rest_w` is what the device takes at rest.

    A layer that is kernels by name cannot be repeated by itself.
    """
    parted = {part.layer for part in job.parts}
    return {
        layer: sustain_module(engine, job, modules[0], lambda call: repeat(call, read, seconds, rest_w))
        for layer, modules in job.sites.items()
        if layer not in parted
    }


def sustain_module(
    engine: Engine, job: Job, module: Any, lasting: Callable[[Callable[[], Any]], SustainedTimes]
) -> SustainedTimes:
    """Repeat one module within a forward, which ends there."""
    found: list[SustainedTimes] = []

    def again(_: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        found.append(lasting(lambda: module.forward(*args, **kwargs)))
        raise EndOfForward

    with ExitStack() as stack:
        if job.activated_experts is not None:
            tokens = sum(new for new, _ in job.requests)
            stack.enter_context(
                forced(engine.routers, tokens, job.activated_experts, None, engine.device, engine.experts)
            )
        hook = module.register_forward_pre_hook(again, with_kwargs=True)
        stack.callback(hook.remove)
        engine.forward(job.requests)
        engine.synchronize()
    if not found:
        raise Fault("unsupported", "a module was found, but it was not called in a forward")
    return found[0]


def repeat(call: Callable[[], Any], read: Read, seconds: float, rest_w: float | None) -> SustainedTimes:
    """Keep the device busy with calls; returns what they take after it has settled.

    Calls that are shorter than their launch tell their power alone.
    """
    import torch

    def mark() -> Any:
        event = torch.cuda.Event(enable_timing=True)
        event.record()
        return event

    def window(count: int) -> Any:
        for _ in range(count):
            call()
        return mark()

    def trial() -> tuple[float, float]:
        before, began = mark(), time.perf_counter()
        after = window(TRIAL)
        host_us = (time.perf_counter() - began) * 1e6 / TRIAL
        after.synchronize()
        return before.elapsed_time(after) * 1000 / TRIAL, host_us

    window(3)
    torch.cuda.synchronize()
    each_us, host_us = trial()
    rests = host_us > HOST_SHARE * each_us
    count = max(1, round(WINDOW_S * 1e6 / each_us))
    marks, readings = deque([mark()]), list[Reading]()
    times_us: list[float] = []
    started = time.perf_counter()
    while (passed := time.perf_counter() - started) < seconds:
        marks.append(window(count))
        if len(marks) > 3:
            first = marks.popleft()
            marks[0].synchronize()
            if passed >= SETTLE_SHARE * seconds:
                times_us.append(first.elapsed_time(marks[0]) * 1000 / count)
                readings.append((time.perf_counter(), read(0)))
    torch.cuda.synchronize()
    time_us, power_w, clock_mhz = statistics.median(times_us), power_of(readings), clock_of(readings)
    if not rests:
        return SustainedTimes(round(time_us, 3), power_w, clock_mhz)
    torch.cuda._sleep(HOLD_CYCLES)
    call_us, _ = trial()
    busy_share = min(1.0, call_us / time_us)
    return SustainedTimes(None, power_at_work(power_w, rest_w, busy_share), clock_mhz, round(busy_share, 4))


def power_at_work(power_w: float | None, rest_w: float | None, busy_share: float) -> float | None:
    """Return the watts while a device is at work, of one that rests for the remainder of the time."""
    if power_w is None or rest_w is None or busy_share < LEAST_BUSY:
        return None
    return round(rest_w + max(0.0, power_w - rest_w) / busy_share, 1)


def power_of(readings: Sequence[Reading]) -> float | None:
    """Return the mean power in watts by the energy counter, from its first to its last step.

    A device that has no counter, or whose counter stood still, is taken by its own readings of power.
    """
    steps = [
        (at, state.energy_j)
        for (_, before), (at, state) in pairwise(readings)
        if state.energy_j is not None and state.energy_j != before.energy_j
    ]
    if len(steps) > 1:
        (first_s, first_j), (last_s, last_j) = steps[0], steps[-1]
        return round((last_j - first_j) / (last_s - first_s), 1)
    told = [state.power_w for _, state in readings if state.power_w is not None]
    return round(statistics.median(told), 1) if told else None


def clock_of(readings: Sequence[Reading]) -> int | None:
    """Return the median clock of the multiprocessors in MHz."""
    told = [state.sm_clock_mhz for _, state in readings if state.sm_clock_mhz is not None]
    return round(statistics.median(told)) if told else None
