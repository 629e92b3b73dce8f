"""Which NVIDIA GPU, or slice of one, this process uses, as nvidia-smi tells without CUDA."""

import os
import re
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

from faults import Fault

ORDER = "CUDA_DEVICE_ORDER"
VISIBLE = "CUDA_VISIBLE_DEVICES"

GPU_LINE = re.compile(r"GPU \d+: (.+) \(UUID: (GPU-[^)]+)\)")
SLICE_LINE = re.compile(r"\s+MIG (\S+)\s+Device\s+\d+: \(UUID: (MIG-[^)]+)\)")
HIDDEN = {"", "-1", "NoDevFiles"}
"""Values of CUDA_VISIBLE_DEVICES that leave a process no GPU."""


@dataclass(frozen=True)
class Gpu:
    """A GPU, or a MIG slice, whose name says so."""

    name: str
    uuid: str
    slices: tuple["Gpu", ...] = ()


def use_bus_order() -> None:
    """Make CUDA number GPUs as nvidia-smi does, by their place on the PCI bus; before CUDA is used."""
    os.environ[ORDER] = "PCI_BUS_ID"


def parse_listing(text: str) -> list[Gpu]:
    """Read what `nvidia-smi -L` prints."""
    gpus: list[Gpu] = []
    for line in text.splitlines():
        if found := GPU_LINE.match(line):
            gpus.append(Gpu(found[1], found[2]))
        elif gpus and (found := SLICE_LINE.match(line)):
            last = gpus[-1]
            part = Gpu(f"{last.name} MIG {found[1]}", found[2])
            gpus[-1] = Gpu(last.name, last.uuid, (*last.slices, part))
    return gpus


def choose(gpus: Sequence[Gpu], visible: str | None) -> Gpu | None:
    """Return the first device that CUDA_VISIBLE_DEVICES leaves, None when it leaves none.

    A GPU that is sliced is used by its first slice. Raises Fault when a device is named that is not there.
    """
    asked = None if visible is None else visible.split(",")[0].strip()
    if asked in HIDDEN or not gpus:
        return None
    if asked is None:
        found: Gpu | None = gpus[0]
    elif asked.isdecimal():
        found = gpus[int(asked)] if int(asked) < len(gpus) else None
    else:
        every = [each for gpu in gpus for each in (gpu, *gpu.slices)]
        found = next((each for each in every if each.uuid.startswith(asked)), None)
    if found is None:
        there = ", ".join(each.uuid for gpu in gpus for each in (gpu, *gpu.slices))
        raise Fault(
            "unsupported", f"{VISIBLE} must name a device of `nvidia-smi -L` ({there}): found {asked!r}"
        )
    return found.slices[0] if found.slices else found


@cache
def visible_gpu() -> Gpu | None:
    """Return the GPU of this process, None when nvidia-smi knows none."""
    listing = ask("-L")
    return None if listing is None else choose(parse_listing(listing), os.environ.get(VISIBLE))


@cache
def driver_version() -> str:
    """Return the driver's version, `unknown` when nvidia-smi does not tell."""
    return (ask("--query-gpu=driver_version", "--format=csv,noheader") or "unknown").splitlines()[0].strip()


def ask(*arguments: str) -> str | None:
    """Return what nvidia-smi prints, None when it is not there or fails."""
    try:
        ran = subprocess.run(
            ["nvidia-smi", *arguments], capture_output=True, text=True, timeout=30, check=True
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return ran.stdout
