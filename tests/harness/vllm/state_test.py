from types import SimpleNamespace
from typing import Any

from engine.state import open_state, read_state
from messages import State


class NvmlError(Exception):
    """NVML's own."""


def nvml(**answers: Any) -> Any:
    """Return NVML with these answers; it supports nothing else."""

    def refuse(*_: Any) -> Any:
        raise NvmlError

    calls = (
        "nvmlDeviceGetClockInfo",
        "nvmlDeviceGetTemperature",
        "nvmlDeviceGetPowerUsage",
        "nvmlDeviceGetCurrentClocksThrottleReasons",
        "nvmlDeviceGetTotalEnergyConsumption",
    )
    names = {name: (lambda *args, name=name: answers[name]) if name in answers else refuse for name in calls}
    return SimpleNamespace(
        NVMLError=NvmlError, NVML_CLOCK_SM=1, NVML_CLOCK_MEM=2, NVML_TEMPERATURE_GPU=0, **names
    )


def test_the_state_has_units_and_names() -> None:
    reads = nvml(
        nvmlDeviceGetClockInfo=1980,
        nvmlDeviceGetTemperature=38,
        nvmlDeviceGetPowerUsage=216500,
        nvmlDeviceGetCurrentClocksThrottleReasons=0x1 | 0x4 | 0x40,
        nvmlDeviceGetTotalEnergyConsumption=123456789,
    )
    throttle = ["sw_power_cap", "hw_thermal_slowdown"]
    assert read_state(reads, None, 7) == State(7, 1980, 1980, 38, 216.5, throttle, 123456.789)
    assert read_state(reads, None, 7, energy=False) == State(7, 1980, 1980, 38, 216.5, throttle)


def test_what_the_device_does_not_tell_is_none() -> None:
    assert read_state(nvml(), None, 7) == State(7, None, None, None, None, [])


def test_a_cpu_has_no_state() -> None:
    assert open_state(SimpleNamespace(type="cpu")) is None
