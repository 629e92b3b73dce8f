"""Records of CUPTI's, laid out as `cupti_activity.h` of CUDA 13.0 has them, read from a made-up library."""

import ctypes
from struct import pack_into
from types import SimpleNamespace
from typing import Any

import pytest
from cupti import KERNEL, MEMCPY, MEMSET, RUNTIME, Cupti, CuptiSession
from engine.device import device_type
from faults import Fault
from timing.kernel_sums import sum_kernels
from timing.profiler import PREFIX

SIZES = {KERNEL: 216, RUNTIME: 40, MEMCPY: 96, MEMSET: 88}

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
        self.library = SimpleNamespace(
            cuptiActivityEnableRuntimeApi=lambda number, on: self.calls.append(("runtime", (number, on))),
            cuptiActivityEnableDriverApi=lambda number, on: self.calls.append(("driver", (number, on))),
        )

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
        ctypes.memmove(buffer[0], data, len(data))
        complete(None, 0, buffer[0], size[0], len(data))
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
    return CuptiSession(fake), library


NAMES = [ctypes.create_string_buffer(name) for name in (b"_Z3addi", b"nvjet_gemm", b"_Z" + b"x" * 1023)]


def kernel(name: int, correlation: int, start: int, end: int) -> bytes:
    return record(
        KERNEL,
        {
            16: ("<Q", start),
            24: ("<Q", end),
            92: ("<I", correlation),
            104: ("<Q", ctypes.addressof(NAMES[name])),
        },
    )


def launch(correlation: int, start: int) -> bytes:
    return record(RUNTIME, {8: ("<Q", start), 16: ("<Q", start + 5), 32: ("<I", correlation)})


def test_kernels_are_named_as_torchs_profiler_names_them_and_found_to_their_launches(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    times = iter((100, 200))
    monkeypatch.setattr("time.monotonic_ns", lambda: next(times))
    session, library = session_of(
        launch(7, 110), kernel(0, 7, 400, 430), launch(8, 150), kernel(1, 8, 500, 590), kernel(2, 9, 600, 601)
    )
    session.start()
    with session.range(f"{PREFIX}0"):
        pass
    events = list(session.stop())
    assert events == [
        (f"{PREFIX}0", False, 0, 100, 100),
        ("", False, 7, 110, 5),
        ("add(int)", True, 7, 400, 30),
        ("", False, 8, 150, 5),
        ("nvjet_gemm", True, 8, 500, 90),
        ("_Z" + "x" * 1023, True, 9, 600, 1),
    ]
    sums, busy_ns = sum_kernels(events, PREFIX)
    assert (sums[f"{PREFIX}0"].kernels, sums[f"{PREFIX}0"].duration_ns) == (["add(int)", "nvjet_gemm"], 120)
    assert busy_ns == 121
    switched = [(name, arguments) for name, arguments in library.calls if name.startswith("Activity")]
    assert switched == [
        ("ActivityRegisterTimestampCallback", ("steady",)),
        *(("ActivityEnable", (kind,)) for kind in (MEMCPY, MEMSET, KERNEL)),
        *(("ActivityDisable", (kind,)) for kind in (MEMCPY, MEMSET, KERNEL)),
        ("ActivityFlushAll", (1,)),
    ]
    assert {arguments[1] for name, arguments in library.calls if name in ("runtime", "driver")} == {0, 1}


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
    assert list(session.stop()) == [
        ("Memcpy HtoD (Pinned -> Device)", True, 3, 10, 4),
        ("Memset (Device)", True, 4, 20, 3),
    ]


def test_a_recording_can_be_followed_by_another_with_the_same_buffer() -> None:
    session, library = session_of(launch(1, 5))
    for _ in range(2):
        library.records = (launch(1, 5),)
        session.start()
        assert list(session.stop()) == [("", False, 1, 5, 5)]
    assert len(session.buffers) == 1


@pytest.mark.skipif(device_type() != "cpu", reason="a device's CUPTI can be used")
def test_without_a_library_nothing_is_recorded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cupti.library_path", lambda: "libnone.so")
    with pytest.raises(Fault, match=r"^CUPTI cannot be used: libnone.so: cannot open shared object file"):
        CuptiSession(Cupti())
