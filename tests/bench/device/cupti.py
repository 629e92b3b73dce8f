"""Recordings by CUPTI itself: device kernels alone, read from its buffers as they are.

torch's profiler makes objects of every record and records every call of the host. Here a range is what was
launched between two marks: tiny kernels of ours, numbered as all launches are, in the order in which the host
made them. Layouts are those of `cupti_activity.h`: CUPTI adds fields behind these and moves none.
"""

import ctypes
import mmap
from collections.abc import Callable, Iterator
from operator import itemgetter
from pathlib import Path
from struct import Struct
from typing import Any

from faults import Fault
from timing.kernel_sums import Event
from timing.profiler import CLOCK_CYCLES, spin

MEMCPY, MEMSET, KERNEL = 1, 2, 10
"""Kinds of records."""

KINDS = (MEMCPY, MEMSET, KERNEL)

OF_KERNEL = Struct("<16xQQ60xI8xQ")
OF_MEMCPY = Struct("<4xBBB9xQQ12xI")
OF_MEMSET = Struct("<16xQQ12xI2xH")
KIND = Struct("<I")

MARK = b"spin_kernel"
"""In the name of a mark: torch's kernel that counts cycles."""

Record = tuple[int, int, int, str | None]
"""Number of the launch, start and end in nanoseconds, and name; a mark has none."""

COPIES = ("Unknown", "HtoD", "DtoH", "HtoA", "AtoH", "AtoA", "AtoD", "DtoA", "DtoD", "HtoH", "PtoP")
MEMORIES = (
    "Unknown",
    "Pageable",
    "Pinned",
    "Device",
    "Array",
    "Managed",
    "Device Static",
    "Managed Static",
    "Unknown",
)

BUFFER_BYTES = 16 << 20
"""Of one buffer: a chunk of shots writes about 3 MiB, so that none is full before the recording ends."""

LONGEST_DEMANGLED = 1024
"""Characters of a mangled name; torch's profiler leaves longer ones as they are, and so do we."""

FORCED = 1

STEADY_CLOCK = "_ZNSt6chrono3_V212steady_clock3nowEv"
"""The function of the C++ library that returns nanoseconds.

Records are to have its times: torch's profiler has CUPTI write ticks of the processor into them.
"""

REQUESTED = ctypes.CFUNCTYPE(
    None,
    ctypes.POINTER(ctypes.c_void_p),
    ctypes.POINTER(ctypes.c_size_t),
    ctypes.POINTER(ctypes.c_size_t),
)
COMPLETED = ctypes.CFUNCTYPE(
    None, ctypes.c_void_p, ctypes.c_uint32, ctypes.c_void_p, ctypes.c_size_t, ctypes.c_size_t
)


class Cupti:
    """The library, as this process has loaded it."""

    def __init__(self) -> None:
        """Find it; raises Fault when there is none, or its records cannot be read."""
        try:
            self.library = ctypes.CDLL(library_path())
            self.clock = ctypes.cast(ctypes.CDLL("libstdc++.so.6")[STEADY_CLOCK], ctypes.c_void_p)
            self.next_record = self.library.cuptiActivityGetNextRecord
        except (OSError, AttributeError) as error:
            raise Fault("unsupported", f"CUPTI cannot be used: {error}") from error
        self.next_record.argtypes = (ctypes.c_void_p, ctypes.c_size_t, ctypes.POINTER(ctypes.c_void_p))

    def call(self, name: str, *arguments: Any) -> None:
        """Call one of its functions; raises Fault when it fails."""
        status = getattr(self.library, f"cupti{name}")(*arguments)
        if status:
            raise Fault("unsupported", f"cupti{name} failed with {status}")


def library_path() -> str:
    """Return the path of the CUPTI that torch has loaded, else its name."""
    maps = Path("/proc/self/maps").read_text(encoding="utf-8")
    loaded = (line.split()[-1] for line in maps.splitlines() if "libcupti.so" in line)
    return next(loaded, "libcupti.so")


class CuptiSession:
    """One recording; a process has one at a time, of torch's profiler or of this."""

    def __init__(self, cupti: Cupti | None = None, launch: Callable[[int], None] = spin) -> None:
        """Prepare to record; `launch` counts cycles on the device. Raises Fault without a usable CUPTI."""
        self.cupti, self.launch = cupti or Cupti(), launch
        self.buffers: dict[int, mmap.mmap] = {}
        self.free: list[int] = []
        self.full: list[tuple[int, int]] = []
        self.ranges: list[tuple[str, int, int]] = []
        """Name, first and last mark."""
        self.marks = 0
        self.demangled = Demangler()
        self.requested, self.completed = REQUESTED(self.request), COMPLETED(self.complete)

    def request(self, buffer: Any, size: Any, most: Any) -> None:
        """Give CUPTI a buffer."""
        if not self.free:
            made = mmap.mmap(-1, BUFFER_BYTES)
            address = ctypes.addressof(ctypes.c_char.from_buffer(made))
            self.buffers[address] = made
            self.free.append(address)
        buffer[0], size[0], most[0] = self.free.pop(), BUFFER_BYTES, 0

    def complete(self, _: Any, __: int, buffer: int, ___: int, valid: int) -> None:
        """Take a buffer back."""
        self.full.append((buffer, valid))

    def start(self) -> None:
        """Record from here on."""
        self.ranges.clear()
        self.marks = 0
        self.cupti.call("ActivityRegisterCallbacks", self.requested, self.completed)
        self.cupti.call("ActivityRegisterTimestampCallback", self.cupti.clock)
        for kind in KINDS:
            self.cupti.call("ActivityEnable", kind)

    def stop(self) -> list[Event]:
        """End the recording; returns its events. Ranges and launches are at their numbers, not at times."""
        self.flush()
        for kind in KINDS:
            self.cupti.call("ActivityDisable", kind)
        self.flush()
        records = sorted(self.records(), key=itemgetter(0, 1))
        self.free += [address for address, _ in self.full]
        self.full.clear()
        return self.events(records)

    def flush(self) -> None:
        """Have all buffers back."""
        self.cupti.call("ActivityFlushAll", FORCED)

    def mark(self, cycles: int = 1) -> int:
        """Launch a mark; returns which it is."""
        self.launch(cycles)
        self.marks += 1
        return self.marks - 1

    def range(self, name: str) -> "Range":
        """Return a range of the host, to be entered and left."""
        return Range(self, name)

    def clock(self, name: str) -> None:
        """Count cycles on the device, in a range of this name."""
        mark = self.mark(CLOCK_CYCLES)
        self.ranges.append((name, mark, mark))

    def events(self, records: list[Record]) -> list[Event]:
        """Return the events of sorted records; ranges have no kernels when marks are lost."""
        marks = [record for record in records if record[3] is None]
        whole = len(marks) == self.marks
        found: list[Event] = []
        for name, first, last in self.ranges:
            begin, end = (marks[first][0], marks[last][0]) if whole else (0, 0)
            found.append((name, False, 0, begin, end - begin))
            if whole and first == last:
                number, start, stop, _ = marks[first]
                found += [("", False, number, number, 0), ("clock", True, number, start, stop - start)]
        for number, start, end, kernel in records:
            if kernel is not None:
                found.append((kernel, True, number, start, end - start))
                if whole:
                    found.append(("", False, number, number, 0))
        return found

    def records(self) -> Iterator[Record]:
        """Return what was recorded."""
        names: dict[int, str | None] = {}
        record, found = ctypes.c_void_p(), self.cupti.next_record
        at = ctypes.byref(record)
        for address, valid in self.full:
            buffer = memoryview(self.buffers[address])
            record.value = None
            while not found(address, valid, at):
                offset = (record.value or address) - address
                (kind,) = KIND.unpack_from(buffer, offset)
                if kind == KERNEL:
                    start, end, number, name = OF_KERNEL.unpack_from(buffer, offset)
                    if name not in names:
                        names[name] = self.name_at(name)
                    yield number, start, end, names[name]
                elif kind == MEMCPY:
                    copy, source, target, start, end, number = OF_MEMCPY.unpack_from(buffer, offset)
                    memories = f"{MEMORIES[source]} -> {MEMORIES[target]}"
                    yield number, start, end, f"Memcpy {COPIES[copy]} ({memories})"
                elif kind == MEMSET:
                    start, end, number, memory = OF_MEMSET.unpack_from(buffer, offset)
                    yield number, start, end, f"Memset ({MEMORIES[memory]})"

    def name_at(self, address: int) -> str | None:
        """Return a kernel's name, none of a mark."""
        mangled = ctypes.string_at(address)
        return None if MARK in mangled else self.demangled(mangled)


class Range:
    """A named range of the host, between two marks."""

    def __init__(self, session: CuptiSession, name: str) -> None:
        self.session = session
        self.name = name

    def __enter__(self) -> None:
        """Begin."""
        self.first = self.session.mark()

    def __exit__(self, *_: object) -> None:
        """End."""
        self.session.ranges.append((self.name, self.first, self.session.mark()))


class Demangler:
    """Names of C++ functions as torch's profiler writes them."""

    def __init__(self) -> None:
        library = ctypes.CDLL("libstdc++.so.6")
        self.function = getattr(library, "__cxa_demangle")
        self.function.restype = ctypes.c_void_p
        self.function.argtypes = (ctypes.c_char_p, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p)
        self.release = ctypes.CDLL(None).free
        self.release.argtypes = (ctypes.c_void_p,)

    def __call__(self, mangled: bytes) -> str:
        """Return the demangled name, or the name when it is none or too long."""
        if len(mangled) > LONGEST_DEMANGLED:
            return mangled.decode()
        found = self.function(mangled, None, None, None)
        if not found:
            return mangled.decode()
        name = ctypes.string_at(found).decode()
        self.release(found)
        return name
