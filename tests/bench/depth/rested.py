"""Whole forwards of a cool device: it rests before each, as it does between shots."""

import time
from collections.abc import Callable, Mapping
from typing import Any

from engine.engine import Engine
from engine.state import open_state
from whole import forward

REST = 1.5
"""Rest before a pass, by what passed since the rest before: the device is at work for two fifths of it."""

MOST_REST_S = 0.12


def rested(engine: Engine, write: Callable[[Mapping[str, Any]], None]) -> None:
    """Fire random batches as `forward` does, with a rest before each; a last line has clocks and watts."""
    read, evict = open_state(engine.device), engine.evict
    passes: list[tuple[int | None, float | None]] = []
    last = time.perf_counter()

    def rest() -> None:
        nonlocal last
        engine.synchronize()
        if read is not None:
            state = read(0)
            passes.append((state.sm_clock_mhz, state.power_w))
        time.sleep(min(MOST_REST_S, REST * (time.perf_counter() - last)))
        last = time.perf_counter()
        evict()

    engine.evict = rest  # type: ignore[method-assign]
    try:
        forward(engine, write)
    finally:
        engine.evict = evict  # type: ignore[method-assign]
    write({"type": "clocks", "mhz_w": passes})
