"""The head of a file of evidence."""

from typing import Any

from engine.device import describe, device_type
from faults import Fault
from offline.plan import Plan


def head(kind: str, plan: Plan) -> dict[str, Any]:
    """Return which kind of evidence it is, and of what model on what device."""
    answer = describe()
    return {
        "kind": kind,
        "model": plan.settings.get("model"),
        "hardware": plan.settings.get("hardware"),
        "device": answer.device,
        "driver": answer.driver,
        "engine_version": answer.engine_version,
        "runtime": answer.runtime,
    }


def needs_cuda(what: str) -> None:
    """Raise Fault where the engine runs on no CUDA device."""
    kind = device_type()
    if kind != "cuda":
        raise Fault("unsupported", f"{what} need a CUDA device, and this engine runs on a {kind}")
