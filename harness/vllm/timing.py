"""Timers: how long the modules of each layer take in a forward."""

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

from faults import Fault


class Timer(Protocol):
    """Times layers; one timer, one quantity of the protocol."""

    quantity: str

    def samples(
        self, sites: Mapping[str, Sequence[Any]], forward: Callable[[], None], iterations: int
    ) -> dict[str, list[float]]:
        """Return, for each layer, the microseconds of each forward, repeats of the layer averaged."""
        ...


class WallTimer:
    """The host's monotonic clock around each module, the device's queue empty on both sides."""

    quantity = "wall"

    def __init__(self, synchronize: Callable[[], None]) -> None:
        self.synchronize = synchronize

    def samples(
        self, sites: Mapping[str, Sequence[Any]], forward: Callable[[], None], iterations: int
    ) -> dict[str, list[float]]:
        """Return, for each layer, the microseconds of each forward, repeats of the layer averaged."""
        spans: dict[str, list[int]] = {layer: [] for layer in sites}
        hooks = [
            hook
            for layer, modules in sites.items()
            for module in modules
            for hook in self.watch(module, spans[layer])
        ]
        samples: dict[str, list[float]] = {layer: [] for layer in sites}
        try:
            for _ in range(iterations):
                forward()
                for layer, times in spans.items():
                    samples[layer].append(mean_us(layer, times))
                    times.clear()
        finally:
            for hook in hooks:
                hook.remove()
        return samples

    def watch(self, module: Any, spans: list[int]) -> list[Any]:
        """Append the nanoseconds of every call of a module to `spans`; returns the hooks to remove."""
        started = 0

        def before(*_: Any) -> None:
            nonlocal started
            self.synchronize()
            started = time.perf_counter_ns()

        def after(*_: Any) -> None:
            self.synchronize()
            spans.append(time.perf_counter_ns() - started)

        return [module.register_forward_pre_hook(before), module.register_forward_hook(after)]


def mean_us(layer: str, times: Sequence[int]) -> float:
    """Return the mean of nanoseconds in microseconds; a layer that did not run is a Fault."""
    if not times:
        raise Fault("unsupported", f"layer {layer!r} was found, but its modules were not called in a forward")
    return round(sum(times) / len(times) / 1000, 3)
