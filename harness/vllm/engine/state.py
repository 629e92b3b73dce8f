"""The state of the device: clocks, temperature, power and throttling, where NVML tells."""

import sys
from importlib import import_module
from typing import Any, Protocol

from messages import State


class Read(Protocol):
    """Reads the state."""

    def __call__(self, seq: int, energy: bool = True) -> State:
        """Return the state as an answer to a request of this number.

        The counter of energy is read where it is asked for: that alone takes 4.6 ms on an H200.
        """
        ...


REASONS = {
    "sw_power_cap": 0x4,
    "hw_slowdown": 0x8,
    "sync_boost": 0x10,
    "sw_thermal_slowdown": 0x20,
    "hw_thermal_slowdown": 0x40,
    "hw_power_brake_slowdown": 0x80,
}
"""NVML's bits of clocks that are lower than they could be; idleness and asked clocks are no throttling."""


def open_state(device: Any) -> Read | None:
    """Return how to read the device's state, or None, said on stderr, when nothing can."""
    if device.type != "cuda":
        return None
    try:
        nvml = find_nvml()
        nvml.nvmlInit()
        handle = find_handle(nvml, device)
    except Exception as error:
        print(f"the device's state cannot be read: {type(error).__name__}: {error}", file=sys.stderr)
        return None
    return lambda seq, energy=True: read_state(nvml, handle, seq, energy)


def find_nvml() -> Any:
    """Return pynvml, or vLLM's copy of it."""
    try:
        return import_module("pynvml")
    except ImportError:
        return import_module("vllm.third_party.pynvml")


def find_handle(nvml: Any, device: Any) -> Any:
    """Return NVML's handle of a torch device, whatever CUDA_VISIBLE_DEVICES hides; of a slice its GPU's."""
    import torch

    uuid = str(torch.cuda.get_device_properties(device).uuid)
    for prefix in ("GPU-", "MIG-"):
        try:
            handle = by_uuid(nvml, prefix + uuid)
        except nvml.NVMLError as error:
            unknown = error
            continue
        return handle if prefix == "GPU-" else nvml.nvmlDeviceGetDeviceHandleFromMigDeviceHandle(handle)
    raise unknown


def by_uuid(nvml: Any, uuid: str) -> Any:
    """Return NVML's handle of a UUID; some versions of its package want bytes."""
    try:
        return nvml.nvmlDeviceGetHandleByUUID(uuid.encode())
    except TypeError:
        return nvml.nvmlDeviceGetHandleByUUID(uuid)


def read_state(nvml: Any, handle: Any, seq: int, energy: bool = True) -> State:
    """Return the state now; what the device does not support is None."""

    def ask(name: str, *arguments: Any) -> Any:
        try:
            return getattr(nvml, name)(handle, *arguments)
        except nvml.NVMLError:
            return None

    reasons = ask("nvmlDeviceGetCurrentClocksThrottleReasons") or 0
    power_mw = ask("nvmlDeviceGetPowerUsage")
    energy_mj = ask("nvmlDeviceGetTotalEnergyConsumption") if energy else None
    return State(
        seq=seq,
        sm_clock_mhz=ask("nvmlDeviceGetClockInfo", nvml.NVML_CLOCK_SM),
        memory_clock_mhz=ask("nvmlDeviceGetClockInfo", nvml.NVML_CLOCK_MEM),
        temperature_c=ask("nvmlDeviceGetTemperature", nvml.NVML_TEMPERATURE_GPU),
        power_w=None if power_mw is None else power_mw / 1000,
        throttle=[name for name, bit in REASONS.items() if reasons & bit],
        energy_j=None if energy_mj is None else energy_mj / 1000,
    )
