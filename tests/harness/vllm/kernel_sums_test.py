import gzip
import json

import pytest
from client import ROOT
from timing.kernel_sums import Event, KernelSum, sum_kernels


def span(number: int, start: int, duration: int, on_device: bool = False) -> Event:
    return (f"shotlab:{number}", on_device, 0, start, duration)


def launched(correlation: int, at: int, start: int, duration: int, name: str = "kernel") -> list[Event]:
    """Return a launch on the host and the kernel on the device."""
    return [("cudaLaunchKernel", False, correlation, at, 5), (name, True, correlation, start, duration)]


@pytest.mark.parametrize(
    ("events", "sums"),
    [
        ([span(0, 10, 10), *launched(1, 12, 100, 7)], {0: [7, "kernel"]}),
        ([span(0, 10, 10), *launched(1, 25, 26, 7)], {0: [0]}),
        ([span(0, 10, 10), *launched(1, 5, 12, 7)], {0: [0]}),
        ([span(0, 10, 10), ("kernel", True, 1, 12, 7)], {0: [0]}),
        ([*launched(1, 12, 100, 7), span(0, 10, 10), span(0, 12, 90, on_device=True)], {0: [7, "kernel"]}),
        (
            [span(0, 0, 9), *launched(1, 1, 40, 2, "b"), *launched(2, 3, 30, 4, "a")],
            {0: [6, "a", "b"]},
        ),
        (
            [span(0, 0, 50), span(1, 10, 10), *launched(1, 5, 60, 1), *launched(2, 15, 70, 2)],
            {0: [1, "kernel"], 1: [2, "kernel"]},
        ),
        (
            [
                span(0, 0, 50),
                span(1, 10, 10),
                span(2, 12, 3),
                *launched(1, 18, 60, 1),
                *launched(2, 30, 70, 2),
            ],
            {0: [2, "kernel"], 1: [1, "kernel"], 2: [0]},
        ),
    ],
    ids=["inside", "after", "before", "no launch", "copy of a range", "order", "innermost", "behind inner"],
)
def test_a_kernel_belongs_to_the_innermost_range_that_launched_it(
    events: list[Event], sums: dict[int, list[str]]
) -> None:
    expected = {
        f"shotlab:{number}": KernelSum(int(duration), names, int(duration))
        for number, (duration, *names) in sums.items()
    }
    assert sum_kernels(events, "shotlab:")[0] == expected


@pytest.mark.parametrize(
    ("kernels", "ran", "added"),
    [
        ([(0, 100), (20, 60)], 100, 160),
        ([(0, 100), (100, 50)], 150, 150),
        ([(0, 100), (50, 100)], 150, 200),
        ([(0, 100), (20, 60), (90, 20)], 110, 180),
        ([(0, 10), (500, 10)], 20, 20),
    ],
    ids=["one within another", "one after another", "in part", "three", "a gap"],
)
def test_where_kernels_of_a_range_overlap_the_time_counts_once(
    kernels: list[tuple[int, int]], ran: int, added: int
) -> None:
    launches = [
        event
        for at, (start, duration) in enumerate(kernels)
        for event in launched(at, 5, 1000 + start, duration)
    ]
    sums, busy_ns = sum_kernels([span(0, 0, 10), *launches], "shotlab:")
    assert (sums["shotlab:0"].duration_ns, sums["shotlab:0"].sum_ns, busy_ns) == (ran, added, ran)


def test_all_device_time_is_counted_whoever_launched_it() -> None:
    events = [span(0, 10, 10), *launched(1, 12, 100, 7), *launched(2, 50, 110, 9), span(0, 12, 90, True)]
    assert sum_kernels(events, "shotlab:")[1] == 16


def test_a_recording_of_an_h100_gives_the_times_that_were_measured_with_it() -> None:
    recording = json.loads(gzip.decompress((ROOT / "tests/data/profiler-h100.json.gz").read_bytes()))
    sums, busy_ns = sum_kernels(map(tuple, recording["events"]), "shotlab:")
    assert [total.sum_ns / 1000 for total in sums.values()] == [32.705, 32.416, 32.61, 67.585, 66.786, 66.625]
    # FlashAttention's second kernel begins about a microsecond before the first one ends.
    times = [total.duration_ns / 1000 for total in sums.values()]
    assert times == [31.425, 31.392, 31.425, 66.465, 65.954, 65.825]
    assert busy_ns == 2034942
    for total in sums.values():
        assert [name.split("<")[0].split("::")[-1] for name in total.kernels] == [
            "reshape_and_cache_flash_kernel",
            "device_kernel",
            "device_kernel",
        ]
