"""Steps one after the other without a pause: their kernels, and the device's clock and power meanwhile."""

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from typing import Any

from engine.engine import Engine
from engine.routing import forced
from engine.shots import Requests, Shot, broken_limit
from engine.state import Read, open_state
from forward import activated_experts, tokens_of
from recording import ELSEWHERE, PassRanges
from timing.jobs import Job
from timing.kernel_sums import sum_kernels
from timing.kernel_timer import KernelTimer, without_collector
from timing.profiler import PREFIX, Session

READ_S = 0.02
REST_S = 0.7
LASTS_S = 2.2
"""For how long steps follow each other: the power limit acts fully within a second."""

ISOLATED = 6
"""Steps of a queue that has pauses."""

DECODES = ((1, 2000),) * 16
SCENARIOS: tuple[tuple[str, tuple[Requests, ...], float], ...] = (
    ("isolated", (((2000, 0),),), 0.2),
    ("fresh", (((2048, 0),),), 0.0),
    ("history", tuple(((2048, before),) for before in (0, 2048, 4096, 6144)), 0.0),
    ("beside decodes", (((2032, 0), *DECODES),), 0.0),
    ("history beside decodes", tuple(((2032, before), *DECODES) for before in (0, 2032, 4064)), 0.0),
)
"""Name, batches in turn, all of as many tokens, and seconds between them."""


def queue(engine: Engine, write: Callable[[Mapping[str, Any]], None]) -> None:
    """Run every scenario; the host must be faster than the device for the device to have no pause."""
    read = open_state(engine.device)
    for name, batches, gap_s in SCENARIOS:
        if any(broken_limit(Shot("attention", requests), engine.limits) for requests in batches):
            continue
        write(
            {
                "type": "queue",
                "name": name,
                "batches": counted(batches),
                **run(engine, batches, gap_s, read),
            }
        )


def run(engine: Engine, batches: Sequence[Requests], gap_s: float, read: Read | None) -> dict[str, Any]:
    """Fire batches in turn; returns the kernels of each step, what passed, and the readings."""
    if engine.device.type == "cpu":
        return {"message": "a CPU has no kernels"}
    timer = KernelTimer(engine, Session(engine.device.type.upper()))
    marks = PassRanges(timer.session, timer.clock)
    list(marks.each([Job(batches[0], {})]))
    readings: list[dict[str, Any]] = []
    done = threading.Event()

    def watch() -> None:
        while read is not None and not done.wait(READ_S):
            state = read(0)
            readings.append(
                {
                    "s": round(time.perf_counter() - started, 4),
                    "mhz": state.sm_clock_mhz,
                    "w": state.power_w,
                    "j": state.energy_j,
                    "throttle": state.throttle,
                }
            )

    watcher = threading.Thread(target=watch)
    tokens = tokens_of(batches[0])
    experts = activated_experts(engine.limits, tokens)
    with ExitStack() as stack:
        stack.enter_context(without_collector())
        stack.enter_context(engine.without_logits())
        if experts is not None:
            stack.enter_context(forced(engine.routers, tokens, experts, None, engine.device, engine.experts))
        engine.forward(batches[0])
        engine.synchronize()
        started = time.perf_counter()
        engine.forward(batches[-1])
        engine.synchronize()
        rounds = round(LASTS_S / (time.perf_counter() - started) / len(batches))
        steps = ISOLATED if gap_s else max(2, rounds) * len(batches)
        time.sleep(REST_S)
        started = time.perf_counter()
        watcher.start()
        timer.session.start()
        for number in range(steps):
            marks.begin(number)
            engine.forward(batches[number % len(batches)])
            marks.end()
            if gap_s:
                engine.synchronize()
                time.sleep(gap_s)
        engine.synchronize()
        wall_us = (time.perf_counter() - started) * 1e6
        done.set()
        watcher.join()
        sums, busy_ns = sum_kernels(timer.session.stop(), PREFIX)
    keys = marks.keys[0]
    us = [0.0] * steps
    for name, (layer, number) in keys.items():
        assert layer == ELSEWHERE
        us[number] += sums[name].duration_ns / 1000
    return {"kernel_us": us, "busy_us": busy_ns / 1000, "wall_us": wall_us, "readings": readings}


def counted(batches: Sequence[Requests]) -> list[list[list[int]]]:
    """Return batches with the number of equal requests."""
    found = []
    for requests in batches:
        counts: dict[tuple[int, int], int] = {}
        for request in requests:
            counts[request] = counts.get(request, 0) + 1
        found.append([[*request, count] for request, count in counts.items()])
    return found
