"""Recordings by CUPTI itself: kernels and the calls that launched them, read from its buffers as they are.

torch's profiler makes objects of every record, with fields that nobody here asks for; most of the time of a
shot that is not the host's own launching went there. Layouts are those of `cupti_activity.h`: CUPTI adds
fields behind these and moves none.
"""

import ctypes
import mmap
import time
from collections.abc import Iterator
from pathlib import Path
from struct import Struct
from typing import Any

from faults import Fault
from timing.kernel_sums import Event

MEMCPY, MEMSET, DRIVER, RUNTIME, KERNEL = 1, 2, 4, 5, 10
"""Kinds of records."""

DEVICE_KINDS = (MEMCPY, MEMSET, KERNEL)

RUNTIME_LAUNCHES = (13, 41, 51, 211, 214, 225, 235, 269, 270, 311, 312, 430, 431, 505, 506)
DRIVER_LAUNCHES = (60, 62, 64, 216, 218, 220, 277, 279, 281, 306, 307, 442, 477, 478, 514, 515, 652, 653)
"""Numbers of the calls that launch kernels, copies and fills."""

OF_KERNEL = Struct("<16xQQ60xI8xQ")
OF_MEMCPY = Struct("<4xBBB9xQQ12xI")
OF_MEMSET = Struct("<16xQQ12xI2xH")
OF_CALL = Struct("<8xQQ8xI")
KIND = Struct("<I")

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
"""The function of the C++ library that returns nanoseconds of the clock that `time.monotonic_ns` reads.

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

    def __init__(self, cupti: Cupti | None = None) -> None:
        """Prepare to record; raises Fault where CUPTI cannot be used."""
        self.cupti = cupti or Cupti()
        self.buffers: dict[int, mmap.mmap] = {}
        self.free: list[int] = []
        self.full: list[tuple[int, int]] = []
        self.ranges: list[Event] = []
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
        self.cupti.call("ActivityRegisterCallbacks", self.requested, self.completed)
        self.cupti.call("ActivityRegisterTimestampCallback", self.cupti.clock)
        for kind in DEVICE_KINDS:
            self.cupti.call("ActivityEnable", kind)
        self.record_calls(1)

    def record_calls(self, enabled: int) -> None:
        """Record the calls that launch something, or no longer."""
        for name, calls in (("Runtime", RUNTIME_LAUNCHES), ("Driver", DRIVER_LAUNCHES)):
            function = getattr(self.cupti.library, f"cuptiActivityEnable{name}Api")
            for number in calls:
                function(number, enabled)

    def stop(self) -> Iterator[Event]:
        """End the recording; returns its events."""
        self.flush()
        self.record_calls(0)
        for kind in DEVICE_KINDS:
            self.cupti.call("ActivityDisable", kind)
        self.flush()
        return self.read()

    def read(self) -> Iterator[Event]:
        """Return what was recorded, and make the buffers free again."""
        yield from self.ranges
        names: dict[int, str] = {}
        for address, valid in self.full:
            yield from self.events(address, valid, names)
        self.recycle()

    def flush(self) -> None:
        """Have all buffers back."""
        self.cupti.call("ActivityFlushAll", FORCED)

    def recycle(self) -> None:
        """Make buffers that were read free again."""
        self.free += [address for address, _ in self.full]
        self.full.clear()

    def range(self, name: str) -> "Range":
        """Return a range of the host, to be entered and left."""
        return Range(self, name)

    def events(self, address: int, valid: int, names: dict[int, str]) -> Iterator[Event]:
        """Return the events of a buffer; `names` are those of kernels by their address."""
        buffer = memoryview(self.buffers[address])
        record, found = ctypes.c_void_p(), self.cupti.next_record
        at = ctypes.byref(record)
        while not found(address, valid, at):
            offset = (record.value or address) - address
            (kind,) = KIND.unpack_from(buffer, offset)
            if kind == KERNEL:
                start, end, correlation, name = OF_KERNEL.unpack_from(buffer, offset)
                if name not in names:
                    names[name] = self.demangled(ctypes.string_at(name))
                yield names[name], True, correlation, start, end - start
            elif kind in (RUNTIME, DRIVER):
                start, end, correlation = OF_CALL.unpack_from(buffer, offset)
                yield "", False, correlation, start, end - start
            elif kind == MEMCPY:
                copy, source, target, start, end, correlation = OF_MEMCPY.unpack_from(buffer, offset)
                memories = f"{MEMORIES[source]} -> {MEMORIES[target]}"
                yield f"Memcpy {COPIES[copy]} ({memories})", True, correlation, start, end - start
            elif kind == MEMSET:
                start, end, correlation, memory = OF_MEMSET.unpack_from(buffer, offset)
                yield f"Memset ({MEMORIES[memory]})", True, correlation, start, end - start


class Range:
    """A named range of the host."""

    def __init__(self, session: CuptiSession, name: str) -> None:
        self.session = session
        self.name = name

    def __enter__(self) -> None:
        """Begin."""
        self.start = time.monotonic_ns()

    def __exit__(self, *_: object) -> None:
        """End."""
        end = time.monotonic_ns()
        self.session.ranges.append((self.name, False, 0, self.start, end - self.start))


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
