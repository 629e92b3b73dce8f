"""The protocol's loop: requests in, answers out, one engine at a time."""

import time
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from engine.boot import boot_engine
from engine.boot_faults import boot_fault
from engine.caches import CacheGroup, keeps_all
from engine.clock import LockedClock, device_uuid, refusal
from engine.device import QUANTITIES, describe
from engine.engine import Engine
from engine.state import Read, open_state
from faults import Fault, shot_fault
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
    Shutdown,
    Sustain,
    Sustained,
    SustainedTimes,
    Walk,
    Walked,
)
from protocol import PROTOCOL, parse
from timing.chunks import Chunk
from timing.jobs import jobs_of
from timing.selfcheck import check
from timing.sustained import rest_power, sustain
from timing.timed import Timer
from timing.timers import make_timer
from timing.walk import walk


class EngineDead(Exception):
    """The engine is beyond repair, and whoever asked was told."""


def told_group(group: CacheGroup) -> dict[str, Any]:
    """Return a group of the KV cache as answers have it."""
    return {"kind": group.kind, "block_size": group.block_size, "span": group.span}


class Worker:
    """Answers requests; keeps the engine of the last boot."""

    def __init__(self) -> None:
        self.engine: Engine | None = None
        self.timers: dict[str, Timer] = {}
        self.read_state: Read | None = None
        self.told: set[str] = set()
        self.clock: LockedClock | None = None

    def serve(self, lines: Iterable[bytes], emit: Callable[[Answer], None]) -> int:
        """Answer every line until shutdown or the end; returns the process's exit status."""
        try:
            return self.serve_lines(lines, emit)
        finally:
            self.unlock()

    def serve_lines(self, lines: Iterable[bytes], emit: Callable[[Answer], None]) -> int:
        """Answer every line, the device's clock as it was asked."""
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
            case Sustain():
                yield from self.sustain(request)
            case Walk():
                yield self.walk(request)
            case Shutdown():
                yield Bye()

    def hello(self, request: Hello) -> HelloAnswer:
        """Say who answers."""
        if request.protocol != PROTOCOL:
            raise Fault("bad_request", f"this harness speaks protocol {PROTOCOL}: found {request.protocol}")
        return describe()

    def boot(self, request: Boot) -> Booted:
        """Free the engine of before and build the asked one."""
        self.close()
        try:
            self.engine = boot_engine(request)
            self.read_state = open_state(self.engine.device)
            self.lock(self.engine, request.clock_mhz)
            preferred = QUANTITIES[self.engine.device.type][0]
            check(self.engine, self.timer(self.engine, preferred))
        except Exception as error:
            self.close()
            fault = boot_fault(error)
            raise Fault(fault.kind, f"cannot boot tp {request.tp}: {fault.message}", fault.detail) from error
        engine = self.engine
        launched_by: dict[str, list[Any]] = {}
        for part in engine.parts:
            launched_by.setdefault(part.layer, []).append(part.module)
        layers = {
            layer: {"class": type(found[0]).__name__, "modules": len(found)}
            for sites in engine.layers.values()
            for layer, modules in sites.items()
            for found in [modules or launched_by[layer]]
        }
        groups = engine.batches.groups
        caches = None if keeps_all(groups) else [told_group(group) for group in groups]
        return Booted(
            request.tp,
            engine.limits,
            engine.num_blocks,
            layers,
            engine.arguments,
            engine.conditions if self.clock is None else {**engine.conditions, "clock_mhz": self.clock.mhz},
            caches,
            True if self.read_state is not None else None,
        )

    def fire(self, request: Fire) -> Iterator[Answer]:
        """Fire shots in order, an answer for each as soon as it is known."""
        engine = self.engine
        if engine is None:
            raise Fault("bad_request", "no engine is booted: send boot before fire")
        known = QUANTITIES[engine.device.type]
        if request.quantity not in known:
            raise Fault(
                "bad_request", f"quantity must be one of {', '.join(known)}: found {request.quantity!r}"
            )
        timer = self.timer(engine, request.quantity)
        started, busy_us = time.perf_counter(), 0.0
        yield from self.state(request.seq)
        for start in range(0, len(request.shots), timer.chunk):
            chunk = Chunk(engine, timer, request, start)
            for answer in chunk.fire(self.told):
                yield answer
                if isinstance(answer, Failed) and answer.kind == "engine_dead":
                    raise EngineDead(answer.message)
            busy_us += chunk.device_busy_us or 0.0
        yield from self.state(request.seq)
        wall_us = (time.perf_counter() - started) * 1e6
        yield Done(request.seq, round(busy_us, 3) or None, round(wall_us, 3))

    def sustain(self, request: Sustain) -> Iterator[Answer]:
        """Repeat the modules of shots for a while each, an answer for each shot as soon as it is known."""
        engine, read = self.engine, self.read_state
        if engine is None:
            raise Fault("bad_request", "no engine is booted: send boot before sustain")
        if read is None:
            raise Fault("unsupported", f"a device of type {engine.device.type} tells neither power nor clock")
        rest_w = rest_power(read)
        for index, fields in enumerate(request.shots):
            try:
                layers: dict[str, SustainedTimes] = {}
                for job in jobs_of(engine, fields):
                    layers |= sustain(engine, job, read, request.seconds, rest_w)
            except Exception as error:
                fault = shot_fault(error)
                message = f"shot {index} ({fields.get('category')}): {fault.message}"
                yield Failed(request.seq, index, fault.kind, message)
                if fault.kind == "engine_dead":
                    raise EngineDead(fault.message) from error
                continue
            yield Sustained(request.seq, index, layers)
        yield Done(request.seq)

    def walk(self, request: Walk) -> Walked:
        """Say what batches go through."""
        if self.engine is None:
            raise Fault("bad_request", "no engine is booted: send boot before walk")
        try:
            return walk(self.engine, request.batches)
        except Exception as error:
            fault = shot_fault(error)
            raise fault from error

    def timer(self, engine: Engine, quantity: str) -> Timer:
        """Return the timer of a quantity, made when it is first asked for."""
        if quantity not in self.timers:
            self.timers[quantity] = make_timer(engine, quantity)
        return self.timers[quantity]

    def state(self, seq: int) -> Iterator[Answer]:
        """Return the state of the device, where it can be read."""
        if self.read_state is not None:
            yield self.read_state(seq, energy=False)

    def lock(self, engine: Engine, mhz: int | None) -> None:
        """Lock the device's clock, None gives it back; raises Fault when it cannot be."""
        if self.clock is not None and self.clock.mhz != mhz:
            self.unlock()
        if mhz is None:
            return
        if self.clock is None:
            self.clock = LockedClock(device_uuid(engine.device), mhz)
        if self.read_state is None:
            self.unlock()
            raise Fault("unsupported", refusal(mhz, "the device does not tell its clock"))

        def work() -> None:
            engine.evict()
            engine.synchronize()

        try:
            self.clock.verify(self.read_state, work)
        except Fault:
            self.clock = None
            raise

    def unlock(self) -> None:
        """Give the clock back, if it is locked."""
        if self.clock is not None:
            clock, self.clock = self.clock, None
            clock.give_back()

    def close(self) -> None:
        """Free the engine, if there is one."""
        self.timers.clear()
        if self.engine is not None:
            engine, self.engine = self.engine, None
            engine.close()
