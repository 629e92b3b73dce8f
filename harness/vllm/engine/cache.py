"""The device's last-level cache: how large it is, and data that leaves nothing else in it."""

import os
from pathlib import Path
from typing import Any

MARGIN = 2
"""Filler by cache: a cache may keep lines of before beside what is read once."""

UNKNOWN_BYTES = 256 << 20
"""Taken for a cache whose size the device does not tell."""

UNITS = {"K": 1 << 10, "M": 1 << 20, "G": 1 << 30}


class CacheFiller:
    """Data of `filler_bytes` that is read before each timed pass; `cache_bytes` None is a guess."""

    def __init__(self, device: Any) -> None:
        """Ask how large the cache of a torch device is; memory is taken with the first reading."""
        self.device = device
        self.cache_bytes = cache_bytes(device)
        self.filler_bytes = MARGIN * (self.cache_bytes or UNKNOWN_BYTES)
        self.data: Any = None
        self.more: Any = None

    def read(self) -> None:
        """Read the filler, so that the cache holds data that no layer reads."""
        if self.data is None:
            import torch

            self.data = torch.zeros(self.filler_bytes // 4, device=self.device)
        self.data.sum()

    def pass_by(self, size: int) -> None:
        """Read other data of `size` bytes, a cache's at most: what was used before has aged by as much."""
        most = self.filler_bytes // MARGIN
        if self.more is None:
            import torch

            self.more = torch.zeros(most // 4, device=self.device)
        self.more[: min(size, most) // 4].sum()


def cache_bytes(device: Any) -> int | None:
    """Return the bytes of a device's last-level cache, or None when it does not tell."""
    if device.type == "cpu":
        return cpu_cache_bytes(Path("/sys/devices/system/cpu"), os.sched_getaffinity(0))
    import torch

    properties = getattr(torch, device.type).get_device_properties(device)
    return getattr(properties, "L2_cache_size", 0) or None


def cpu_cache_bytes(system: Path, cpus: set[int]) -> int | None:
    """Return the bytes of the last-level caches that processors share, each once, as Linux tells them."""
    found: dict[tuple[int, str], int] = {}
    for cpu in cpus:
        levels = [
            (int(read(index / "level") or 0), read(index / "shared_cpu_list"), read(index / "size"))
            for index in (system / f"cpu{cpu}/cache").glob("index*")
        ]
        if levels:
            level, shared, size = max(levels)
            found[level, shared] = size_of(size)
    return sum(found.values()) or None


def read(path: Path) -> str:
    """Return a file's text, empty when there is none."""
    try:
        return path.read_text(encoding="utf-8").strip()
    except OSError:
        return ""


def size_of(text: str) -> int:
    """Return the bytes of a size such as 32768K."""
    return int(text[:-1]) * UNITS[text[-1]] if text[:-1].isdecimal() and text[-1] in UNITS else 0
