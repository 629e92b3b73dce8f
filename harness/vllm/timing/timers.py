"""The timer of each quantity."""

from engine.engine import Engine
from timing.event_timer import EventTimer
from timing.kernel_timer import KernelTimer
from timing.profiler import Session
from timing.timed import Timer, WallTimer


def make_timer(engine: Engine, quantity: str) -> Timer:
    """Return a timer of one of the device's quantities."""
    match quantity:
        case "kernel":
            return KernelTimer(engine, Session(engine.device.type.upper()))
        case "event":
            import torch

            return EventTimer(torch.cuda)
        case _:
            return WallTimer(engine.synchronize)
