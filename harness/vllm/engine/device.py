"""Who answers: engine, device, driver and runtime, learned without importing the engine."""

import os
import platform
import re
import subprocess
from functools import cache
from importlib.util import find_spec
from pathlib import Path

from engine.processor import describe_processor, first_processor, read_cpuinfo
from engine.versions import DISTRIBUTIONS, HARNESS_VERSION, installed
from faults import Fault
from messages import HelloAnswer
from protocol import PROTOCOL
from timing.quantities import QUANTITIES


def describe() -> HelloAnswer:
    """Return the answer to hello; raises Fault when the engine is not installed."""
    engine, torch = installed(DISTRIBUTIONS), installed(("torch",))
    if engine is None or torch is None:
        raise Fault("unsupported", "vLLM and torch must be installed: see harness/vllm/requirements-cpu.txt")
    kind = device_type()
    device, driver = (cpu_name(), "none") if kind == "cpu" else gpu_name() or torch_device()
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
    """Return torch's name for what the engine runs on: cpu, cuda (ROCm too) or xpu."""
    torch = installed(("torch",)) or ""
    if "+xpu" in torch:
        return "xpu"
    if "+rocm" in torch:
        return "cuda"
    return "cpu" if "+cpu" in torch or gpu_name() is None else "cuda"


def torch_device() -> tuple[str, str]:
    """Return a device's name as torch has it, for those that have no nvidia-smi."""
    import torch

    return str(getattr(torch, device_type()).get_device_name(0)), "unknown"


@cache
def gpu_name() -> tuple[str, str] | None:
    """Return name and driver version of the first visible GPU, or None when there is none."""
    query = ["nvidia-smi", "--query-gpu=name,driver_version", "--format=csv,noheader"]
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    if visible == "":
        return None
    if visible is not None:
        query.append(f"--id={visible.split(',')[0]}")
    try:
        lines = subprocess.run(
            query, capture_output=True, text=True, timeout=30, check=True
        ).stdout.splitlines()
    except (OSError, subprocess.SubprocessError):
        return None
    name, driver = lines[0].rsplit(",", 1)
    return name.strip(), driver.strip()


def cpu_name() -> str:
    """Return the processor's name as the system reports it."""
    name = first_processor(read_cpuinfo()).get("model name")
    return name or platform.processor() or platform.machine()
