"""The first line of a file of times."""

from typing import Any

from engine.device import describe
from offline.plan import Plan


def file_head(kind: str, plan: Plan) -> dict[str, Any]:
    """Return which kind of times follow, and of what model on what device."""
    hello = describe()
    return {
        "type": kind,
        "model": plan.settings["model"],
        "device": hello.device,
        "driver": hello.driver,
        "engine": f"{hello.engine} {hello.engine_version}",
        "runtime": hello.runtime,
        "quantity": hello.quantities[0],
    }
