"""When a shot has enough samples: the standard error of every layer's median is small enough."""

import math
import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from faults import Fault
from messages import Precision
from timing.device_clock import lowest
from timing.timed import Measured, Timed, died


def median_error(samples: Sequence[float]) -> float:
    """Return the standard error of the median, as a share of it; one sample tells nothing (infinite).

    It is pi / 2 * D / sqrt(n - 1), D being the mean distance from the median: of normal samples the deviation
    is sqrt(pi / 2) * D, and the median's error sqrt(pi / 2) deviations over the root of their number.
    """
    count = len(samples)
    if count < 2:
        return math.inf
    median = statistics.median(samples)
    distance = statistics.fmean(abs(sample - median) for sample in samples)
    return math.pi / 2 * distance / math.sqrt(count - 1) / median


def is_precise(samples: Mapping[str, Sequence[float]], rule: Precision) -> bool:
    """Return whether every layer's median is precise enough."""
    return max(map(median_error, samples.values())) <= rule.relative


def until_precise(measure: Callable[[Sequence[int], int], Measured], count: int, rule: Precision) -> Measured:
    """Measure `count` jobs `min` times, then those that are not precise as often again, up to `max` times.

    `measure` is given the indices of the jobs and the iterations.
    """
    first = measure(range(count), rule.min)
    outcomes, busy_us, taken = list(first.outcomes), first.device_busy_us, rule.min
    while taken < rule.max and not died(outcomes):
        open_jobs = [
            index
            for index, outcome in enumerate(outcomes)
            if isinstance(outcome, Timed) and not is_precise(outcome.samples, rule)
        ]
        if not open_jobs:
            break
        more = min(taken, rule.max - taken)
        again = measure(open_jobs, more)
        taken += more
        if busy_us is not None and again.device_busy_us is not None:
            busy_us += again.device_busy_us
        for index, outcome in zip(open_jobs, again.outcomes, strict=False):
            outcomes[index] = joined(outcomes[index], outcome)
    return Measured(outcomes, busy_us)


def joined(before: Timed | Fault, after: Timed | Fault) -> Timed | Fault:
    """Return the samples of both, the second's when its kernels are others, or the Fault that ended it."""
    if isinstance(before, Fault) or isinstance(after, Fault):
        return after
    recordings = before.recordings + after.recordings - 1
    if before.kernels != after.kernels:
        return replace(after, recordings=recordings)
    overlapping = {**before.kernel_sums, **after.kernel_sums}
    return Timed(
        {layer: values + after.samples[layer] for layer, values in before.samples.items()},
        after.kernels,
        {layer: [*added(before, layer), *added(after, layer)] for layer in overlapping},
        recordings,
        lowest([before.clocks_mhz, after.clocks_mhz]),
    )


def added(timed: Timed, layer: str) -> list[float]:
    """Return the samples of a layer with each kernel counted in full."""
    return timed.kernel_sums.get(layer, timed.samples[layer])
