"""Who answers: engine, device, driver and runtime, learned without importing the engine."""

import platform
import re
from importlib.util import find_spec
from pathlib import Path

from engine.gpus import driver_version, visible_gpu
from engine.processor import describe_processor, first_processor, read_cpuinfo
from engine.versions import DISTRIBUTIONS, HARNESS_VERSION, installed
from faults import Fault
from messages import HelloAnswer
from protocol import PROTOCOL

QUANTITIES = {
    "cpu": ("wall",),
    "cuda": ("kernel", "event", "wall"),
    "xpu": ("kernel", "wall"),
}
"""Which quantities a device can give, the preferred one first, by torch's name of the device.

ROCm calls itself cuda and has the same calls; it and XPU were not tried.
"""


def describe() -> HelloAnswer:
    """Return the answer to hello; raises Fault when the engine is not installed."""
    engine, torch = installed(DISTRIBUTIONS), installed(("torch",))
    if engine is None or torch is None:
        raise Fault("unsupported", "vLLM and torch must be installed: see harness/vllm/requirements-cpu.txt")
    kind = device_type()
    gpu = None if kind == "cpu" else visible_gpu()
    if kind == "cpu":
        device, driver = cpu_name(), "none"
    elif gpu is not None:
        device, driver = gpu.name, driver_version()
    else:
        device, driver = torch_device(), "unknown"
    return HelloAnswer(
        protocol=PROTOCOL,
        harness="vllm",
        harness_version=HARNESS_VERSION,
        engine="vllm",
        engine_version=engine,
        device=device,
        driver=driver,
        runtime=f"torch {torch_build() or torch}",
        quantities=list(QUANTITIES[kind]),
        lanes=1,
        processor=describe_processor() if kind == "cpu" else None,
        device_uuid=None if gpu is None else gpu.uuid,
    )


def torch_build() -> str | None:
    """Return torch's version with what it was built for, such as 2.11.0+cu130, as its package has it."""
    spec = find_spec("torch")
    if spec is None or spec.origin is None:
        return None
    text = Path(spec.origin).with_name("version.py").read_text(encoding="utf-8")
    found = re.search(r"__version__ = ['\"]([^'\"]+)", text)
    return found and found.group(1)


def device_type() -> str:
    """Return torch's name for what the engine runs on: cpu, cuda (ROCm too) or xpu.

    A torch that is built for CUDA is asked itself where nvidia-smi is not there.
    """
    torch = installed(("torch",)) or ""
    if "+xpu" in torch:
        return "xpu"
    if "+rocm" in torch:
        return "cuda"
    if "+cpu" in torch:
        return "cpu"
    return "cuda" if visible_gpu() is not None or sees_cuda() else "cpu"


def sees_cuda() -> bool:
    """Return whether torch finds a CUDA device."""
    import torch

    return bool(torch.cuda.is_available())


def torch_device() -> str:
    """Return a device's name as torch has it, for those that have no nvidia-smi."""
    import torch

    return str(getattr(torch, device_type()).get_device_name(0))


def cpu_name() -> str:
    """Return the processor's name as the system reports it."""
    name = first_processor(read_cpuinfo()).get("model name")
    return name or platform.processor() or platform.machine()
