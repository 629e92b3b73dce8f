"""Times of device kernels in named ranges of the host: plain data in, plain data out."""

from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import dataclass, field

Event = tuple[str, bool, int, int, int]
"""A profiler's event: name, whether the device did it, correlation id, start and duration in nanoseconds."""

Launched = tuple[str, int, int]
"""Name, start and duration in nanoseconds of a kernel or an operator."""


@dataclass
class KernelSum:
    """The kernels that were launched in a range, taken in by their start."""

    duration_ns: int = 0
    """How long at least one of them ran."""
    kernels: list[str] = field(default_factory=list)
    """Their names."""
    sum_ns: int = 0
    """Their durations added up: more than the above when they overlap."""
    until_ns: int = field(default=0, compare=False, repr=False)

    spans_ns: list[tuple[int, int]] = field(default_factory=list, compare=False)
    """Start and duration of each kernel."""

    def add(self, start: int, duration: int, name: str) -> None:
        """Take in the next kernel."""
        end = start + duration
        self.duration_ns += max(0, end - max(start, self.until_ns))
        self.until_ns = max(end, self.until_ns)
        self.sum_ns += duration
        self.kernels.append(name)
        self.spans_ns.append((start, duration))

    def add_all(self, launched: Iterable[Launched]) -> "KernelSum":
        """Take in kernels, none of which began before those that it has; returns itself."""
        for name, start, duration in sorted(launched, key=lambda kernel: kernel[1:]):
            self.add(start, duration, name)
        return self

    def each(self) -> list[Launched]:
        """Return name, start and nanoseconds of each kernel."""
        return [(name, *span) for name, span in zip(self.kernels, self.spans_ns, strict=True)]


def sum_kernels(events: Iterable[Event], prefix: str) -> tuple[dict[str, KernelSum], int]:
    """Return the kernels of every range whose name begins with `prefix`, and how many ns the device worked.

    A kernel belongs to the innermost range in which the host launched it: the launch is the event of the
    host with the kernel's correlation id. Copies of ranges on the device's timeline are no kernels.
    """
    ranges: list[tuple[int, int, str]] = []
    launches: dict[int, int] = {}
    kernels: list[tuple[int, int, int, str]] = []
    for name, on_device, correlation, start, duration in events:
        if name.startswith(prefix):
            if not on_device:
                ranges.append((start, start + duration, name))
        elif on_device:
            kernels.append((start, duration, correlation, name))
        else:
            launches[correlation] = start
    ranges.sort(key=lambda entry: (entry[0], -entry[1]))
    around = parents(ranges)
    starts = [start for start, _, _ in ranges]
    sums = {name: KernelSum() for _, _, name in ranges}
    device = KernelSum()
    for start, duration, correlation, name in sorted(kernels):
        device.add(start, duration, name)
        launched = launches.get(correlation)
        if launched is None:
            continue
        at = bisect_right(starts, launched) - 1
        while at >= 0 and ranges[at][1] < launched:
            at = around[at]
        if at >= 0:
            sums[ranges[at][2]].add(start, duration, name)
    return sums, device.duration_ns


def parents(ranges: list[tuple[int, int, str]]) -> list[int]:
    """Return for each of nested ranges, sorted by start, the position of the one around it, or -1."""
    found: list[int] = []
    open_ranges: list[int] = []
    for at, (start, _, _) in enumerate(ranges):
        while open_ranges and ranges[open_ranges[-1]][1] < start:
            open_ranges.pop()
        found.append(open_ranges[-1] if open_ranges else -1)
        open_ranges.append(at)
    return found
