"""An engine of full depth that runs one of its decoder layers alone, and what its calls take one by one."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from engine.engine import Engine
from engine.layers import Sites
from engine.middle import as_middle_layer
from engine.routing import find_expert_modules, find_routers
from faults import Fault
from timing.jobs import Job
from timing.kernel_timer import KernelTimer, RangeMarks, without_collector
from timing.profiler import Session
from timing.timed import WallMarks, fire_jobs

CHANGED = ("layers", "routers", "experts", "decoders")
"""What an engine of one layer has of its own."""

Calls = dict[str, list[list[float]]]
"""Microseconds of the calls of each layer, pass by pass, in the order of a forward."""


def decoders(engine: Engine) -> Any:
    """Return the decoder layers of a model."""
    return engine.runner.get_model().model.layers


@contextmanager
def one_layer(engine: Engine, number: int, before: int = 0) -> Iterator[Any]:
    """Make a forward run one decoder layer, after so many of those before it; returns it.

    Modules to time are its own and those outside of all decoder layers.
    """
    model, layers = engine.runner.get_model().model, decoders(engine)
    first, own = layers[number - before], {id(module) for module in layers[number].modules()}
    others = {id(module) for layer in layers for module in layer.modules()} - own
    if AS_MIDDLE not in vars(first):
        as_middle_layer(first)
        setattr(first, AS_MIDDLE, True)
    running = [module for layer in layers[number - before : number + 1] for module in layer.modules()]
    kept = {name: getattr(engine, name) for name in CHANGED}
    ends = model.start_layer, model.end_layer
    engine.layers = {category: own_sites(sites, others) for category, sites in engine.layers.items()}
    engine.routers, engine.experts = find_routers(running), find_expert_modules(running)
    engine.decoders = {} if before else dict.fromkeys(own, layers[number])
    model.start_layer, model.end_layer = number - before, number + 1
    try:
        yield layers[number]
    finally:
        model.start_layer, model.end_layer = ends
        for name, value in kept.items():
            setattr(engine, name, value)


AS_MIDDLE = "as_middle"
"""Attribute of a decoder layer that gets a residual where it is called without one."""


def own_sites(sites: Sites, others: set[int]) -> Sites:
    """Return the modules of each layer that are not among those of other decoder layers."""
    return {
        layer: [module for module in modules if id(module) not in others] for layer, modules in sites.items()
    }


def calls_of(engine: Engine, jobs: Sequence[Job], passes: int) -> list[Calls | Fault]:
    """Fire jobs by whole forwards; returns what each call of a module took."""
    return (clocked if engine.device.type == "cpu" else recorded)(engine, jobs, passes)


def recorded(engine: Engine, jobs: Sequence[Job], passes: int) -> list[Calls | Fault]:
    """Return the calls of jobs by one recording of the device's kernels."""
    timer = KernelTimer(engine, Session(engine.device.type.upper()))
    marks = RangeMarks(timer.session, timer.clock)
    with without_collector():
        faults, sums, _ = timer.record(engine, jobs, passes, marks)
    found: list[Calls | Fault] = []
    for fault, keys in zip(faults, marks.keys, strict=False):
        spans = [(layer, number, sums[name].duration_ns / 1000) for name, (layer, number) in keys.items()]
        found.append(fault or listed(spans, passes))
    return found


def clocked(engine: Engine, jobs: Sequence[Job], passes: int) -> list[Calls | Fault]:
    """Return the calls of jobs by the host's clock."""
    found: list[Calls | Fault] = []
    for job in jobs:
        marks = WallMarks(engine.synchronize)
        (fault,) = fire_jobs(engine, [job], passes, marks, layer_only=False)
        found.append(fault or listed(marks.spans, passes))
    return found


def listed(spans: Sequence[tuple[str, int, float]], passes: int) -> Calls:
    """Return spans by layer and pass, in their order."""
    calls: Calls = {}
    for layer, number, us in spans:
        calls.setdefault(layer, [[] for _ in range(passes)])[number].append(round(us, 3))
    return calls


def hold(engine: Engine, cycles: int) -> None:
    """Keep a GPU waiting, so that the host runs ahead of it."""
    if engine.device.type != "cpu":
        import torch

        torch.cuda._sleep(cycles)
