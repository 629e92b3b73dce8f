"""A clock that is locked is given back, however the process that asked for it ends."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from client import ROOT
from engine import clock as clocks
from engine.clock import LockedClock, device_uuid
from faults import Fault
from messages import State

LOCKED, RESET = ["lock", 1545, 1545], ["reset"]
ADVICE = (
    "; locking needs the rights of an administrator (nvidia-smi --lock-gpu-clocks tells), without --clock the"
    " device keeps its own"
)


class Driver:
    """The stand-in of the driver's library."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def is_like(self, **world: Any) -> None:
        self.path.write_text(json.dumps({"calls": [], **world}))

    def calls(self) -> list[list[Any]]:
        calls: list[list[Any]] = json.loads(self.path.read_text())["calls"]
        return calls

    def comes_to(self, calls: list[list[Any]]) -> bool:
        """Wait until the driver was called so."""
        end = time.monotonic() + 20
        while self.calls() != calls and time.monotonic() < end:
            time.sleep(0.05)
        return self.calls() == calls


@pytest.fixture
def driver(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Driver:
    monkeypatch.setenv("FAKE_NVML", str(tmp_path / "nvml.json"))
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parent / "nvml"))
    made = Driver(tmp_path / "nvml.json")
    made.is_like(clocks=[1980, 1560, 1545, 1530])
    return made


def test_a_clock_is_locked_and_given_back(driver: Driver) -> None:
    lock = LockedClock("GPU-1", 1545)
    assert driver.calls() == [LOCKED]
    lock.give_back()
    assert driver.calls() == [LOCKED, RESET]


@pytest.mark.parametrize(
    ("world", "uuid", "reason", "calls"),
    [
        ({"refuses": {"lock": "Insufficient Permissions"}}, "GPU-1", "Insufficient Permissions", [LOCKED]),
        ({}, "GPU-2", "Not Found", []),
        (
            {"clocks": [1980, 1560, 1530, 345]},
            "GPU-1",
            "the device has no clock of 1545 MHz, the nearest are 1530 and 1560",
            [],
        ),
    ],
    ids=["no rights", "no such device", "no such clock"],
)
def test_a_refused_lock_says_why(
    driver: Driver, world: dict[str, Any], uuid: str, reason: str, calls: list[list[Any]]
) -> None:
    driver.is_like(**world)
    with pytest.raises(Fault) as caught:
        LockedClock(uuid, 1545)
    assert (caught.value.kind, caught.value.message) == (
        "unsupported",
        f"cannot lock the clock at 1545 MHz: {reason}{ADVICE}",
    )
    assert driver.calls() == calls


def test_a_clock_that_cannot_be_given_back_is_said(driver: Driver, capfd: pytest.CaptureFixture[str]) -> None:
    driver.is_like(refuses={"reset": "Unknown Error"})
    LockedClock("GPU-1", 1545).give_back()
    assert (
        "the clock may still be locked: nvidia-smi --reset-gpu-clocks gives it back" in capfd.readouterr().err
    )


STARTER = """
import sys, time
sys.path.insert(0, sys.argv[1])
from engine.clock import LockedClock
lock = LockedClock("GPU-1", 1545)
if sys.argv[2] == "fork":
    import os
    if os.fork() == 0:
        time.sleep(600)
print("locked", flush=True)
if sys.argv[2] == "ends":
    sys.exit(0)
if sys.argv[2] == "raises":
    raise MemoryError
time.sleep(600)
"""


@pytest.mark.parametrize(
    ("how", "number"),
    [
        ("waits", signal.SIGKILL),
        ("waits", signal.SIGTERM),
        ("waits", signal.SIGINT),
        ("fork", signal.SIGKILL),
        ("ends", None),
        ("raises", None),
    ],
    ids=[
        "killed",
        "terminated",
        "Ctrl-C",
        "killed, with a child that keeps the pipe",
        "at its end",
        "an error",
    ],
)
def test_a_clock_is_given_back_whatever_ends_the_worker(
    driver: Driver, how: str, number: signal.Signals | None
) -> None:
    starter = subprocess.Popen(
        [sys.executable, "-c", STARTER, str(ROOT / "harness/vllm"), how],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    assert starter.stdout is not None
    assert starter.stdout.readline() == b"locked\n"
    try:
        if number == signal.SIGINT:
            os.killpg(starter.pid, number)
        elif number is not None:
            starter.send_signal(number)
        starter.wait(20)
        assert driver.comes_to([LOCKED, RESET])
    finally:
        if how == "fork":
            os.killpg(starter.pid, signal.SIGKILL)


@pytest.mark.parametrize(
    ("told", "ends"),
    [([1980, 1560], None), ([1545], None), ([1980] * 9, "1980"), ([None] * 9, "no clock")],
    ids=["arrives one step off", "is there", "never arrives", "is not told"],
)
def test_a_lock_counts_once_it_is_read_back(
    driver: Driver, monkeypatch: pytest.MonkeyPatch, told: list[int | None], ends: str | None
) -> None:
    seconds = iter(range(100))
    monkeypatch.setattr(clocks, "time", SimpleNamespace(monotonic=lambda: next(seconds)))
    left, worked = iter(told), []
    lock = LockedClock("GPU-1", 1545)

    def read(_seq: int) -> State:
        return State(0, next(left), None, None, None, [])

    if ends is None:
        lock.verify(read, lambda: worked.append(1))
        assert (len(worked), driver.calls()) == (len(told), [LOCKED])
        lock.give_back()
        return
    with pytest.raises(Fault) as caught:
        lock.verify(read, lambda: worked.append(1))
    found = "no clock can be read" if ends == "no clock" else "the device is at 1980 MHz"
    assert caught.value.message == (
        f"cannot lock the clock at 1545 MHz: the driver took it, but {found}{ADVICE}"
    )
    assert driver.calls() == [LOCKED, RESET]


def test_a_cpu_has_no_clock_to_lock() -> None:
    with pytest.raises(Fault) as caught:
        device_uuid(SimpleNamespace(type="cpu"))
    assert caught.value.message == "the clock of a device of type cpu cannot be locked"
