"""Locks a GPU's clock, and gives it back when the process that started it has ended, however that was.

    python3 -m engine.clock_guard GPU-UUID MHZ

Prints one line of JSON: `{"locked": true}`, or `{"error": ...}` and ends with 1. The lock lasts until
standard input ends or the starting process is gone; signals do not end it before, because a clock that stays
locked is everyone's on the machine.
"""

import json
import os
import select
import signal
import sys
from contextlib import suppress
from typing import Any

from engine.state import by_uuid, find_nvml

POLL_S = 0.5
"""How often the guard looks whether its starter is gone: a child of that may keep its pipe open."""

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def main() -> int:
    """Lock, wait and give back; returns the exit status."""
    uuid, mhz = sys.argv[1], int(sys.argv[2])
    starter = os.getppid()
    for number in SIGNALS:
        signal.signal(number, signal.SIG_IGN)
    try:
        nvml = find_nvml()
        nvml.nvmlInit()
        handle = by_uuid(nvml, uuid)
        refuse_unknown(nvml, handle, mhz)
        nvml.nvmlDeviceSetGpuLockedClocks(handle, mhz, mhz)
    except Exception as error:
        tell({"error": str(error) or type(error).__name__})
        return 1
    try:
        tell({"locked": True})
        while os.getppid() == starter:
            ready, _, _ = select.select([sys.stdin], [], [], POLL_S)
            if ready and not os.read(sys.stdin.fileno(), 1):
                break
    finally:
        nvml.nvmlDeviceResetGpuLockedClocks(handle)
    return 0


def refuse_unknown(nvml: Any, handle: Any, mhz: int) -> None:
    """Raise ValueError when the device has no such clock, with the nearest that it has."""
    try:
        memory = max(nvml.nvmlDeviceGetSupportedMemoryClocks(handle))
        known = list(nvml.nvmlDeviceGetSupportedGraphicsClocks(handle, memory))
    except nvml.NVMLError:
        return
    if mhz not in known:
        near = sorted(sorted(known, key=lambda clock: abs(clock - mhz))[:2])
        raise ValueError(
            f"the device has no clock of {mhz} MHz, the nearest are {' and '.join(map(str, near))}"
        )


def tell(line: dict[str, Any]) -> None:
    """Print a line, should anyone still listen."""
    with suppress(BrokenPipeError):
        os.write(sys.stdout.fileno(), f"{json.dumps(line)}\n".encode())


if __name__ == "__main__":
    sys.exit(main())
