"""A driver's library that keeps what was done in a file, which the variable FAKE_NVML names."""

import json
import os
from pathlib import Path
from typing import Any

NVML_CLOCK_SM = 1


class NVMLError(Exception):
    """NVML's own."""


def note(call: str, *values: int) -> dict[str, Any]:
    """Write a call down; raises what the file says that it meets, and returns the file."""
    path = Path(os.environ["FAKE_NVML"])
    world: dict[str, Any] = json.loads(path.read_text())
    world["calls"].append([call, *values])
    beside = path.with_suffix(".new")
    beside.write_text(json.dumps(world))
    beside.replace(path)
    if call in world.get("refuses", {}):
        raise NVMLError(world["refuses"][call])
    return world


def nvmlInit() -> None:
    """Begin."""


def nvmlDeviceGetHandleByUUID(uuid: bytes) -> str:
    """Return a handle of the one device."""
    if uuid != b"GPU-1":
        raise NVMLError("Not Found")
    return "handle"


def nvmlDeviceGetSupportedMemoryClocks(_: str) -> list[int]:
    """Return the clocks of the memory."""
    if "clocks" not in json.loads(Path(os.environ["FAKE_NVML"]).read_text()):
        raise NVMLError("Not Supported")
    return [2619, 1593]


def nvmlDeviceGetSupportedGraphicsClocks(_: str, memory: int) -> list[int]:
    """Return the clocks of the multiprocessors."""
    assert memory == 2619
    clocks: list[int] = json.loads(Path(os.environ["FAKE_NVML"]).read_text())["clocks"]
    return clocks


def nvmlDeviceSetGpuLockedClocks(_: str, least: int, most: int) -> None:
    """Lock."""
    note("lock", least, most)


def nvmlDeviceResetGpuLockedClocks(_: str) -> None:
    """Give back."""
    note("reset")
