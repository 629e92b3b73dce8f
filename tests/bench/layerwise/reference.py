"""The reference profiler's way of timing a shot, around vLLM's `layerwise_profile`."""

import sys
import types
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from engine.engine import Engine
from timing.jobs import Job


def load_profile() -> Any:
    """Return vLLM's profiler; of 0.26 it imports a module that exists for type checkers only."""
    stand_in: Any = types.ModuleType("_typeshed")
    stand_in.DataclassInstance = object
    sys.modules.setdefault("_typeshed", stand_in)
    from vllm.profiler.layerwise_profile import layerwise_profile

    return layerwise_profile


def time_classes(profile: Any, engine: Engine, job: Job, iterations: int) -> dict[str, float]:
    """Return the mean microseconds of a forward in the modules of each class that a job times.

    As the reference does it: one warm-up, then whole forwards within one profile.
    """
    engine.forward(job.requests)
    engine.synchronize()
    with profile() as session:
        for _ in range(iterations):
            engine.forward(job.requests)
        engine.synchronize()
    # The summary of all forwards is listed once for each of them: of equal roots one is to be counted.
    roots = {root["entry"]["name"]: root for root in session.results.convert_stats_to_dict()["summary_stats"]}
    classes = {type(module).__name__ for modules in job.sites.values() for module in modules}
    return {name: sum(times(list(roots.values()), name)) / iterations for name in classes}


def times(entries: Sequence[Mapping[str, Any]], name: str) -> Iterator[float]:
    """Return the microseconds of the outermost entries of a class."""
    for item in entries:
        entry = item["entry"]
        if entry["name"].split("(")[0] == name:
            yield entry["cuda_time_us"]
        else:
            yield from times(item["children"], name)
