"""The protocol's loop: requests in, answers out, one engine at a time."""

import traceback
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from boot import boot_engine
from boot_faults import boot_fault
from device import describe
from engine import Engine
from faults import Fault, shot_fault
from fire import fire_fields, probe
from messages import (
    Answer,
    Boot,
    Booted,
    Bye,
    Done,
    Error,
    Failed,
    Fire,
    Hello,
    HelloAnswer,
    Request,
    Result,
    Shutdown,
)
from protocol import PROTOCOL, parse
from timing import Timer, WallTimer

TIMERS: dict[str, Callable[[Engine], Timer]] = {"wall": lambda engine: WallTimer(engine.synchronize)}
"""How to make the timer of each quantity, the preferred one first."""


class EngineDead(Exception):
    """The engine is beyond repair, and whoever asked was told."""


class Worker:
    """Answers requests; keeps the engine of the last boot."""

    def __init__(self) -> None:
        self.engine: Engine | None = None

    def serve(self, lines: Iterable[bytes], emit: Callable[[Answer], None]) -> int:
        """Answer every line until shutdown or the end; returns the process's exit status."""
        for line in lines:
            try:
                request = parse(line)
                for answer in self.answers(request):
                    emit(answer)
                if isinstance(request, Shutdown):
                    return 0
            except Fault as fault:
                emit(Error(fault.kind, fault.message, fault.detail))
                if fault.kind == "engine_dead":
                    return 1
            except EngineDead:
                return 1
        return 0

    def answers(self, request: Request) -> Iterator[Answer]:
        """Return the answers to one request."""
        match request:
            case Hello():
                yield self.hello(request)
            case Boot():
                yield self.boot(request)
            case Fire():
                yield from self.fire(request)
            case Shutdown():
                yield Bye()

    def hello(self, request: Hello) -> HelloAnswer:
        """Say who answers."""
        if request.protocol != PROTOCOL:
            raise Fault("bad_request", f"this harness speaks protocol {PROTOCOL}: found {request.protocol}")
        return describe(list(TIMERS))

    def boot(self, request: Boot) -> Booted:
        """Free the engine of before and build the asked one."""
        self.close()
        try:
            self.engine = boot_engine(request)
            probe(self.engine, WallTimer(self.engine.synchronize))
        except Exception as error:
            self.close()
            fault = boot_fault(error)
            raise Fault(fault.kind, f"cannot boot tp {request.tp}: {fault.message}", fault.detail) from error
        engine = self.engine
        layers = {
            layer: {"class": type(modules[0]).__name__, "modules": len(modules)}
            for sites in engine.layers.values()
            for layer, modules in sites.items()
        }
        return Booted(request.tp, engine.limits, engine.num_blocks, layers, engine.arguments)

    def fire(self, request: Fire) -> Iterator[Answer]:
        """Fire shots in order, an answer for each as soon as it is known."""
        engine = self.engine
        if engine is None:
            raise Fault("bad_request", "no engine is booted: send boot before fire")
        if request.quantity not in TIMERS:
            known = ", ".join(TIMERS)
            raise Fault("bad_request", f"quantity must be one of {known}: found {request.quantity!r}")
        timer = TIMERS[request.quantity](engine)
        for index, fields in enumerate(request.shots):
            answer = outcome(engine, timer, request, index, fields)
            yield answer
            if isinstance(answer, Failed) and answer.kind == "engine_dead":
                raise EngineDead
        yield Done(request.seq)

    def close(self) -> None:
        """Free the engine, if there is one."""
        if self.engine is not None:
            engine, self.engine = self.engine, None
            engine.close()


def outcome(
    engine: Engine, timer: Timer, request: Fire, index: int, fields: Mapping[str, Any]
) -> Result | Failed:
    """Fire one shot of a request; returns its samples, or why it has none."""
    try:
        return Result(request.seq, index, fire_fields(engine, fields, request.iterations, timer))
    except Exception as error:
        fault = shot_fault(error)
        if fault.kind == "engine_dead":
            traceback.print_exc()
    return Failed(request.seq, index, fault.kind, f"shot {index} ({fields.get('category')}): {fault.message}")
