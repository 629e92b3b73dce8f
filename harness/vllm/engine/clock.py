"""A locked clock of the multiprocessors: asked of the driver, read back, and given back at the end."""

import json
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from engine.state import Read
from faults import Fault

ROOT = Path(__file__).parents[1]

STEP_MHZ = 15
"""Clocks of NVIDIA's GPUs are so far apart; the one that is read may be one step off."""

READ_BACK_S = 3.0
"""For how long a device at work may take to arrive at its clock."""

GIVE_BACK_S = 10.0
"""How long the driver may take to give a clock back."""


class LockedClock:
    """A device whose clock is locked; a process beside this one gives it back even if this one is killed."""

    def __init__(self, uuid: str, mhz: int) -> None:
        """Lock the clock; raises Fault with the driver's reason when it refuses."""
        self.mhz = mhz
        self.locked = False
        self.guard = subprocess.Popen(
            [sys.executable, "-m", "engine.clock_guard", uuid, str(mhz)],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            start_new_session=True,
        )
        assert self.guard.stdout is not None
        line = self.guard.stdout.readline()
        answer = json.loads(line) if line.strip() else {"error": "the process that locks it ended"}
        if "error" in answer:
            self.give_back()
            raise Fault("unsupported", refusal(mhz, answer["error"]))
        self.locked = True

    def verify(self, read: Read, work: Callable[[], Any]) -> None:
        """Keep the device at work until its clock is the asked one; if it never is, gives it back and raises.

        Raises Fault.
        """
        end = time.monotonic() + READ_BACK_S
        while True:
            work()
            clock = read(0).sm_clock_mhz
            if clock is not None and abs(clock - self.mhz) <= STEP_MHZ:
                return
            if time.monotonic() > end:
                self.give_back()
                found = "no clock can be read" if clock is None else f"the device is at {clock} MHz"
                raise Fault("unsupported", refusal(self.mhz, f"the driver took it, but {found}"))

    def give_back(self) -> None:
        """Give the clock back, and wait until that is done."""
        assert self.guard.stdin is not None
        self.guard.stdin.close()
        try:
            status = self.guard.wait(GIVE_BACK_S)
        except subprocess.TimeoutExpired:
            status = None
        if self.locked and status != 0:
            print(
                "the clock may still be locked: nvidia-smi --reset-gpu-clocks gives it back", file=sys.stderr
            )


def device_uuid(device: Any) -> str:
    """Return the UUID of a torch device as NVML knows it; raises Fault of a device that has none."""
    if device.type != "cuda":
        raise Fault("unsupported", f"the clock of a device of type {device.type} cannot be locked")
    import torch

    return f"GPU-{torch.cuda.get_device_properties(device).uuid}"


def refusal(mhz: int, reason: str) -> str:
    """Return what a refused lock says."""
    return (
        f"cannot lock the clock at {mhz} MHz: {reason}; locking needs the rights of an administrator"
        " (nvidia-smi --lock-gpu-clocks tells), without --clock the device keeps its own"
    )
