"""Who answers: engine, device, driver and runtime, learned without importing the engine."""

import os
import platform
import subprocess
from pathlib import Path

from faults import Fault
from messages import HelloAnswer
from protocol import PROTOCOL
from versions import DISTRIBUTIONS, HARNESS_VERSION, installed


def describe(quantities: list[str]) -> HelloAnswer:
    """Return the answer to hello; raises Fault when the engine is not installed."""
    engine, torch = installed(DISTRIBUTIONS), installed(("torch",))
    if engine is None or torch is None:
        raise Fault("unsupported", "vLLM and torch must be installed: see harness/vllm/requirements-cpu.txt")
    device, driver = (cpu_name(), "none") if "+cpu" in torch else gpu_name() or (cpu_name(), "none")
    return HelloAnswer(
        protocol=PROTOCOL,
        harness="vllm",
        harness_version=HARNESS_VERSION,
        engine="vllm",
        engine_version=engine,
        device=device,
        driver=driver,
        runtime=f"torch {torch}",
        quantities=quantities,
        lanes=1,
    )


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
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    names = (line.split(":", 1)[1].strip() for line in lines if line.startswith("model name"))
    return next(names, "") or platform.processor() or platform.machine()
