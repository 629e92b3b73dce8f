"""Whole forwards of a cool device: it rests before each, as it does between shots."""

import time
from collections.abc import Callable, Mapping
from typing import Any

from engine.engine import Engine
from engine.state import open_state
from whole import forward

REST = 4.0
"""Rest before a pass, by what passed since the rest before: the device is at work for a fifth of the time."""

MOST_REST_S = 0.25


def rested(engine: Engine, write: Callable[[Mapping[str, Any]], None]) -> None:
    """Fire random batches as `forward` does, with a rest before each pass; a last line has the clocks."""
    read, evict = open_state(engine.device), engine.evict
    clocks_mhz: list[int | None] = []
    last = time.perf_counter()

    def rest() -> None:
        nonlocal last
        engine.synchronize()
        if read is not None:
            clocks_mhz.append(read(0).sm_clock_mhz)
        time.sleep(min(MOST_REST_S, REST * (time.perf_counter() - last)))
        last = time.perf_counter()
        evict()

    engine.evict = rest  # type: ignore[method-assign]
    try:
        forward(engine, write)
    finally:
        engine.evict = evict  # type: ignore[method-assign]
    write({"type": "clocks", "mhz": clocks_mhz})
