"""Records of CUPTI's, laid out as `cupti_activity.h` of CUDA 13.0 has them, read from a made-up library."""

import ctypes
from struct import pack_into
from typing import Any

import pytest
from cupti import KERNEL, MEMCPY, MEMSET, Cupti, CuptiSession
from engine.device import device_type
from faults import Fault
from timing.kernel_sums import sum_kernels
from timing.profiler import CLOCK_CYCLES, PREFIX

SIZES = {KERNEL: 216, MEMCPY: 96, MEMSET: 88}

Fields = dict[int, tuple[str, int]]
"""Format and value of fields by their offset."""


def record(kind: int, fields: Fields) -> bytes:
    made = bytearray(SIZES[kind])
    for offset, (form, value) in {0: ("<I", kind), **fields}.items():
        pack_into(form, made, offset, value)
    return bytes(made)


class Library:
    """In place of CUPTI: one buffer of records, handed over at the flush; what it is asked is noted."""

    def __init__(self, *records: bytes) -> None:
        self.records = records
        self.calls: list[tuple[str, tuple[Any, ...]]] = []
        self.callbacks: tuple[Any, Any] | None = None
        self.clock = "steady"
        self.at = 0
        self.launched: list[int] = []

    def call(self, name: str, *arguments: Any) -> None:
        if name == "ActivityRegisterCallbacks":
            self.callbacks = (arguments[0], arguments[1])
        elif name == "ActivityFlushAll" and self.records:
            self.hand_over()
        else:
            self.calls.append((name, arguments))

    def hand_over(self) -> None:
        assert self.callbacks is not None
        request, complete = self.callbacks
        buffer, size, most = (ctypes.c_void_p * 1)(), (ctypes.c_size_t * 1)(), (ctypes.c_size_t * 1)(9)
        request(ctypes.cast(buffer, ctypes.POINTER(ctypes.c_void_p)), size, most)
        data = b"".join(self.records)
        assert (size[0] >= len(data), most[0]) == (True, 0)
        address = buffer[0]
        assert address is not None
        ctypes.memmove(address, data, len(data))
        complete(None, 0, address, size[0], len(data))
        self.records = ()

    def next_record(self, address: int, valid: int, found: Any) -> int:
        if self.at >= valid:
            self.at = 0
            return 12
        found._obj.value = address + self.at
        self.at += SIZES[ctypes.c_uint32.from_address(address + self.at).value]
        return 0


def session_of(*records: bytes) -> tuple[CuptiSession, Library]:
    library = Library(*records)
    fake: Any = library
    return CuptiSession(fake, library.launched.append), library


NAMES = [
    ctypes.create_string_buffer(name)
    for name in (b"_ZN2at4cuda11spin_kernelEl", b"_Z3addi", b"nvjet_gemm", b"_Z" + b"x" * 1023)
]
MARK, ADD, GEMM, LONG = range(4)


def kernel(name: int, number: int, start: int, end: int) -> bytes:
    return record(
        KERNEL,
        {
            16: ("<Q", start),
            24: ("<Q", end),
            92: ("<I", number),
            104: ("<Q", ctypes.addressof(NAMES[name])),
        },
    )


def mark(number: int, start: int, end: int = 0) -> bytes:
    return kernel(MARK, number, start, end or start + 1)


def test_kernels_are_named_as_torchs_profiler_names_them_and_belong_to_the_range_they_were_launched_in() -> (
    None
):
    session, library = session_of(
        *(kernel(GEMM, 3, 100, 130), mark(10, 390), kernel(ADD, 11, 400, 430), kernel(LONG, 14, 600, 601)),
        *(mark(13, 595), kernel(GEMM, 12, 500, 590)),
    )
    session.start()
    with session.range(f"{PREFIX}0"):
        pass
    events = session.stop()
    assert library.launched == [1, 1]
    assert {event for event in events if event[1]} == {
        ("nvjet_gemm", True, 3, 100, 30),
        ("add(int)", True, 11, 400, 30),
        ("nvjet_gemm", True, 12, 500, 90),
        ("_Z" + "x" * 1023, True, 14, 600, 1),
    }
    sums, busy_ns = sum_kernels(events, PREFIX)
    assert (sums[f"{PREFIX}0"].kernels, sums[f"{PREFIX}0"].duration_ns) == (["add(int)", "nvjet_gemm"], 120)
    assert busy_ns == 151
    assert library.calls == [
        ("ActivityRegisterTimestampCallback", ("steady",)),
        *(("ActivityEnable", (kind,)) for kind in (MEMCPY, MEMSET, KERNEL)),
        *(("ActivityDisable", (kind,)) for kind in (MEMCPY, MEMSET, KERNEL)),
        ("ActivityFlushAll", (1,)),
    ]


def test_a_range_within_another_has_its_own_kernels_and_streams_do_not_matter() -> None:
    session, _ = session_of(
        *(mark(1, 10), kernel(ADD, 2, 900, 903), mark(3, 12), kernel(GEMM, 4, 500, 507), mark(5, 14)),
        *(kernel(LONG, 6, 30, 31), mark(7, 16), mark(8, 20, 20 + 10_400), kernel(ADD, 9, 9000, 9001)),
    )
    session.start()
    with session.range(f"{PREFIX}outer"), session.range(f"{PREFIX}inner"):
        pass
    session.clock(f"{PREFIX}clock")
    sums, _ = sum_kernels(session.stop(), PREFIX)
    found = {name.removeprefix(PREFIX): (each.duration_ns, len(each.kernels)) for name, each in sums.items()}
    assert found == {"outer": (4, 2), "inner": (7, 1), "clock": (10_400, 1)}


def test_a_clock_counts_its_cycles_on_the_device() -> None:
    session, library = session_of(mark(1, 10, 20))
    session.start()
    session.clock("c")
    assert library.launched == [CLOCK_CYCLES]


def test_ranges_are_empty_when_marks_were_lost() -> None:
    session, _ = session_of(mark(1, 10), kernel(ADD, 2, 20, 25))
    session.start()
    with session.range(f"{PREFIX}0"):
        pass
    sums, busy_ns = sum_kernels(session.stop(), PREFIX)
    assert (sums[f"{PREFIX}0"].kernels, busy_ns) == ([], 5)


def test_copies_and_fills_are_work_of_the_device_too() -> None:
    copy = record(
        MEMCPY,
        {
            4: ("<B", 1),
            5: ("<B", 2),
            6: ("<B", 3),
            16: ("<Q", 10),
            24: ("<Q", 14),
            44: ("<I", 3),
        },
    )
    fill = record(MEMSET, {16: ("<Q", 20), 24: ("<Q", 23), 44: ("<I", 4), 50: ("<H", 3)})
    session, _ = session_of(copy, fill)
    session.start()
    assert [event for event in session.stop() if event[1]] == [
        ("Memcpy HtoD (Pinned -> Device)", True, 3, 10, 4),
        ("Memset (Device)", True, 4, 20, 3),
    ]


def test_a_recording_can_be_followed_by_another_with_the_same_buffer() -> None:
    session, library = session_of()
    for _ in range(2):
        library.records = (mark(7, 5), kernel(ADD, 8, 6, 9), mark(9, 10))
        session.start()
        with session.range(f"{PREFIX}0"):
            pass
        sums, _ = sum_kernels(session.stop(), PREFIX)
        assert sums[f"{PREFIX}0"].kernels == ["add(int)"]
    assert len(session.buffers) == 1


@pytest.mark.skipif(device_type() != "cpu", reason="a device's CUPTI can be used")
def test_without_a_library_nothing_is_recorded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cupti.library_path", lambda: "libnone.so")
    with pytest.raises(Fault, match=r"^CUPTI cannot be used: libnone.so: cannot open shared object file"):
        CuptiSession(Cupti())
