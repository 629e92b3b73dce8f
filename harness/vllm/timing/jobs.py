"""Jobs: a shot's batch with the modules that are timed in it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from engine.caches import broken_pool, keeps_all
from engine.engine import Engine
from engine.layers import MIXERS, Part, Sites
from engine.shots import Requests, Shot, broken_limit, read_shot
from engine.skew import read_parts
from faults import Fault

SKEWED = "attention"
"""What the attention over a whole history is called."""


@dataclass(frozen=True)
class Job:
    """One batch to fire, and what of it is timed."""

    requests: Requests
    sites: Sites
    """Modules by the name of their samples."""
    with_logits: bool = False
    """Whether the forward goes on to the logits and the sampler."""
    decoders: tuple[Any, ...] = ()
    """Decoder layers of the timed modules, which may be repeated up to them in place of whole forwards."""
    activated_experts: int | None = None
    inner: tuple[Any, ...] = ()
    """Modules within those that are timed whose time is not theirs."""
    occurrences: Mapping[str, int] = field(default_factory=dict)
    """How often a forward's walk names a layer: its calls are shared out to so many."""
    parts: Sequence[Part] = ()
    """Kernels by name that are layers of their own, of whatever category."""


def jobs_of(engine: Engine, fields: Mapping[str, Any]) -> list[Job]:
    """Return the jobs of a shot of the protocol: one, or one for each part of a skew case.

    Raises Fault when the shot, or one of its parts, cannot be fired.
    """
    if fields.get("category") != "skew":
        return [job_of(engine, read_shot(fields))]
    jobs = {part: job_of(engine, shot) for part, shot in read_parts(fields).items()}
    return [skew_job(engine, part, job) for part, job in jobs.items()]


def skew_job(engine: Engine, part: str, job: Job) -> Job:
    """Return the job of a part of a skew case, of the attention that reads all of a history."""
    layer = SKEWED if SKEWED in job.sites else next(iter(job.sites))
    occurrences = {part: job.occurrences[layer]} if layer in job.occurrences else {}
    sites = {part: job.sites[layer]}
    decoders = decoders_of(engine, sites) if job.decoders else ()
    return replace(job, sites=sites, occurrences=occurrences, decoders=decoders)


def inner_of(engine: Engine, sites: Sites) -> tuple[Any, ...]:
    """Return the modules within timed ones whose time is not theirs; those timed themselves are none."""
    own = {id(module) for modules in sites.values() for module in modules}
    own |= {id(part.module) for part in engine.parts if part.layer in sites}
    within = {
        id(below): below for module in own for below in engine.inner.get(module, ()) if id(below) not in own
    }
    return tuple(within.values())


def decoders_of(engine: Engine, sites: Sites) -> tuple[Any, ...]:
    """Return the decoder layers of timed modules, if each has one of its own and no kernels beside."""
    found = [engine.decoders.get(id(module)) for modules in sites.values() for module in modules]
    if None in found or len(set(map(id, found))) < len(found):
        return ()
    return () if any(part.layer in sites for part in engine.parts) else tuple(found)


def job_of(engine: Engine, shot: Shot) -> Job:
    """Return the job of a shot; raises Fault when it cannot be fired."""
    sites = engine.layers.get(shot.category)
    if shot.category == "moe" and not engine.routers:
        raise Fault("unsupported", "the engine has no experts")
    if not sites:
        raise Fault("unsupported", f"the architecture has no {shot.category} layers")
    groups = engine.batches.groups
    broken = broken_limit(shot, engine.limits, tokens_only=not keeps_all(groups))
    if broken is None and not keeps_all(groups):
        broken = broken_pool(shot.requests, groups, engine.num_blocks)
    if broken:
        raise Fault("infeasible", broken)
    return Job(
        requests=shot.requests,
        sites=sites,
        with_logits=shot.category == "per_sequence",
        decoders=decoders_of(engine, sites) if shot.category in MIXERS else (),
        activated_experts=shot.activated_experts,
        inner=inner_of(engine, sites),
        occurrences=engine.occurrences,
        parts=engine.parts,
    )
