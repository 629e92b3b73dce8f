"""Passes: the forwards of a job, or the part of them that is timed, with marks around its modules."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from typing import Any, Protocol

from engine.engine import EndOfForward, Engine
from engine.layers import Part
from engine.routing import forced
from timing.jobs import Job


class Marks(Protocol):
    """Is told when passes and modules begin and end."""

    splits: bool
    """Whether it can tell the kernels of a module apart by their names."""

    def begin(self, number: int | None) -> None:
        """Begin a pass; None is the warm-up."""
        ...

    def end(self) -> None:
        """End the pass and, when it failed, what is open in it."""
        ...

    def enter(self, layer: str | None, parts: Sequence[Part] = ()) -> None:
        """Enter a module of a layer, None for that of the module around it; some kernels are of `parts`."""
        ...

    def leave(self) -> None:
        """Leave the module that was entered last."""
        ...


OTHER = ""
"""The layer of a module whose time is nobody's: it lies within one that is timed."""


class EndOfPass(Exception):
    """Ends a pass whose remainder is not timed."""


def run_passes(engine: Engine, job: Job, iterations: int, marks: Marks, layer_only: bool) -> None:
    """Run a warm-up and `iterations` passes of a job; in its layers where the job and the timer allow it."""
    with ExitStack() as stack:
        if job.activated_experts is not None:
            tokens = sum(new for new, _ in job.requests)
            stack.enter_context(
                forced(
                    engine.routers,
                    tokens,
                    job.activated_experts,
                    1 + iterations,
                    engine.device,
                    engine.experts,
                )
            )
        if not job.with_logits:
            stack.enter_context(engine.without_logits())
        if layer_only and job.decoders:
            stack.enter_context(repeated(engine, job, iterations, marks))
            engine.forward_into(job.requests)
        else:
            run_forwards(engine, job, iterations, marks)


def run_forwards(engine: Engine, job: Job, iterations: int, marks: Marks) -> None:
    """Run whole forwards, each with an empty cache; the warm-up has no marks around its modules."""
    with one_pass(marks, None):
        engine.forward(job.requests)
    timed = [module for modules in job.sites.values() for module in modules]
    with marked(job, marks) as untimed, engine.after_another(timed, untimed):
        for number in range(iterations):
            engine.evict()
            with one_pass(marks, number):
                engine.forward(job.requests)


@contextmanager
def repeated(engine: Engine, job: Job, iterations: int, marks: Marks) -> Iterator[None]:
    """Make every forward run its decoder layers up to the timed modules again and again, and end there.

    The forward stops before the first of the layers, and each is given what that one was given: their shapes
    and the batch are alike. What a layer does behind the timed module is left out; the weights that it would
    have read are replaced by a reading that empties the device's cache of what the pass before left in it.
    Behind that reading the kernel of a small layer runs as the layer before would have run it.
    """
    sites = [module for modules in job.sites.values() for module in modules]

    def again(_: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        for site, decoder in zip(sites, job.decoders, strict=True):
            with engine.kernel_before(site, job.requests) as run_before:
                for number in (None, *range(iterations)):
                    engine.evict()
                    if number is not None:
                        run_before()
                    with one_pass(marks, number):
                        try:
                            decoder.forward(*args, **kwargs)
                        except EndOfPass:
                            continue
        raise EndOfForward

    def end(*_: Any) -> None:
        raise EndOfPass

    with marked(job, marks):
        hooks = [
            *(decoder.register_forward_pre_hook(again, with_kwargs=True) for decoder in job.decoders),
            *(site.register_forward_hook(end) for site in sites),
        ]
        try:
            yield
        finally:
            for hook in hooks:
                hook.remove()


@contextmanager
def one_pass(marks: Marks, number: int | None) -> Iterator[None]:
    """Tell the marks where a pass begins and ends."""
    marks.begin(number)
    try:
        yield
    finally:
        marks.end()


@contextmanager
def marked(job: Job, marks: Marks) -> Iterator[Callable[[], AbstractContextManager[None]]]:
    """Put marks around every call of a job's modules meanwhile, and of those that launch its parts.

    Yields what is to be around calls that are not timed: they are nobody's, also where a module that is timed
    makes them.
    """
    layers: list[tuple[str | None, Any]] = [
        (layer, module) for layer, modules in [*job.sites.items(), (OTHER, job.inner)] for module in modules
    ]
    parts: dict[int, list[Part]] = {}
    if job.parts and marks.splits:
        known = {id(module) for _, module in layers}
        for part in job.parts:
            if id(part.module) not in known and id(part.module) not in parts:
                layers.append((None, part.module))
            parts.setdefault(id(part.module), []).append(part)

    is_timed = True

    def before(layer: str | None, module: Any) -> Any:
        own = parts.get(id(module))
        told = (layer, own) if own else (layer,)

        def enter(*_: Any) -> None:
            if is_timed:
                marks.enter(*told)

        return enter

    def after(*_: Any) -> None:
        if is_timed:
            marks.leave()

    @contextmanager
    def untimed() -> Iterator[None]:
        nonlocal is_timed
        marks.enter(OTHER)
        is_timed = False
        try:
            yield
        finally:
            is_timed = True
            marks.leave()

    hooks = [
        hook
        for layer, module in layers
        for hook in (
            module.register_forward_pre_hook(
                before(layer, module), **({"prepend": True} if layer == OTHER else {})
            ),
            module.register_forward_hook(after),
        )
    ]
    try:
        yield untimed
    finally:
        for hook in hooks:
            hook.remove()
