import sys
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
from engine import state
from engine.state import REASONS, by_uuid, find_handle, find_nvml, open_state, read_state
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


def test_each_reason_has_nvmls_bit() -> None:
    bits = [0x4, 0x8, 0x10, 0x20, 0x40, 0x80]
    assert list(REASONS.values()) == bits
    for name, bit in REASONS.items():
        found = read_state(nvml(nvmlDeviceGetCurrentClocksThrottleReasons=bit), None, 1)
        assert found.throttle == [name]
    idle_and_asked = nvml(nvmlDeviceGetCurrentClocksThrottleReasons=0x1 | 0x2)
    assert read_state(idle_and_asked, None, 1).throttle == []


def test_a_device_at_rest_has_a_power_and_an_energy_of_nothing() -> None:
    reads = nvml(nvmlDeviceGetPowerUsage=0, nvmlDeviceGetTotalEnergyConsumption=0)
    found = read_state(reads, None, 1)
    assert (found.power_w, found.energy_j) == (0, 0)


def test_each_clock_and_the_gpus_temperature_are_asked_of_the_handle() -> None:
    reads = nvml()
    reads.nvmlDeviceGetClockInfo = lambda *asked: asked
    reads.nvmlDeviceGetTemperature = lambda *asked: asked
    found = read_state(reads, "handle", 1)
    assert (found.sm_clock_mhz, found.memory_clock_mhz) == (("handle", 1), ("handle", 2))
    assert found.temperature_c == ("handle", 0)


class Driver:
    """NVML with a GPU and a slice of another, which it may want to be named in text or in bytes."""

    NVMLError = NvmlError

    def __init__(self, *devices: str, text: bool = False) -> None:
        self.devices, self.text = devices, text
        self.begun = 0

    def nvmlInit(self) -> None:
        self.begun += 1

    def nvmlDeviceGetHandleByUUID(self, uuid: bytes | str) -> str:
        if isinstance(uuid, str) != self.text:
            raise TypeError
        name = uuid if isinstance(uuid, str) else uuid.decode()
        if name not in self.devices:
            raise NvmlError(f"{name} not found")
        return f"handle of {name}"

    def nvmlDeviceGetDeviceHandleFromMigDeviceHandle(self, handle: str) -> str:
        return f"GPU of {handle}"


@pytest.fixture
def cuda(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Return a torch device of CUDA, whose UUID is 1."""
    properties = SimpleNamespace(uuid=1)
    monkeypatch.setattr("torch.cuda.get_device_properties", lambda _: properties)
    return SimpleNamespace(type="cuda")


@pytest.mark.parametrize("text", [False, True])
@pytest.mark.parametrize(
    ("devices", "handle"),
    [
        (("GPU-1", "MIG-1"), "handle of GPU-1"),
        (("MIG-1", "GPU-2"), "GPU of handle of MIG-1"),
    ],
)
def test_a_device_is_found_by_its_uuid_a_slice_by_its_gpu(
    cuda: Any, devices: tuple[str, ...], handle: str, text: bool
) -> None:
    assert find_handle(Driver(*devices, text=text), cuda) == handle


def test_a_device_that_nvml_does_not_know_is_an_error(cuda: Any) -> None:
    with pytest.raises(NvmlError, match="MIG-1 not found"):
        find_handle(Driver("GPU-2"), cuda)
    assert by_uuid(Driver("GPU-2"), "GPU-2") == "handle of GPU-2"


def test_a_state_is_read_of_the_handle_that_was_found(monkeypatch: pytest.MonkeyPatch, cuda: Any) -> None:
    driver = Driver("GPU-1")
    read: list[Any] = []
    monkeypatch.setattr(state, "find_nvml", lambda: driver)
    monkeypatch.setattr(state, "read_state", lambda *asked: read.append(asked))
    opened = open_state(cuda)
    assert opened is not None
    opened(3)
    opened(4, energy=False)
    assert driver.begun == 1
    assert read == [(driver, "handle of GPU-1", 3, True), (driver, "handle of GPU-1", 4, False)]


def test_a_state_that_cannot_be_read_is_told(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], cuda: Any
) -> None:
    monkeypatch.setattr(state, "find_nvml", Driver)
    assert open_state(cuda) is None
    assert capsys.readouterr().err == "the device's state cannot be read: NvmlError: MIG-1 not found\n"


def test_nvml_is_its_package_or_vllms_copy(monkeypatch: pytest.MonkeyPatch) -> None:
    own, copy = ModuleType("pynvml"), ModuleType("vllm.third_party.pynvml")
    for name in ("vllm", "vllm.third_party"):
        monkeypatch.setitem(sys.modules, name, ModuleType(name))
    monkeypatch.setitem(sys.modules, "vllm.third_party.pynvml", copy)
    monkeypatch.setitem(sys.modules, "pynvml", own)
    assert find_nvml() is own
    monkeypatch.setitem(sys.modules, "pynvml", None)
    assert find_nvml() is copy
