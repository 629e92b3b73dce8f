"""The processes of ranks: started on one host, waited for, and their lines gathered."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

QUIET_LINKS = {
    "NCCL_NVLS_ENABLE": "0",
    "TORCH_SYMM_MEM_DISABLE_MULTICAST": "1",
    "VLLM_ALLREDUCE_USE_SYMM_MEM": "0",
    "VLLM_ALLREDUCE_USE_FLASHINFER": "0",
}
"""Keeps the ranks from multicast over NVLink: it can take a host's devices down."""

LOCAL_SOCKETS = {"GLOO_SOCKET_IFNAME": "lo", "NCCL_SOCKET_IFNAME": "lo"}
"""Lets the ranks meet where the host has no network."""

GRACE_S = 30
"""How long the others may go on when a rank has ended."""


def run_process(arguments: Sequence[str], out: Path, **environment: str) -> subprocess.Popen[bytes]:
    """Start a script as a rank that writes to a file, and its errors beside it."""
    with out.open("wb") as lines, out.with_suffix(".err").open("wb") as errors:
        return subprocess.Popen(
            [sys.executable, *arguments],
            stdout=lines,
            stderr=errors,
            env={**LOCAL_SOCKETS, **os.environ, **QUIET_LINKS, **environment},
        )


def gather(processes: Sequence[tuple[str, subprocess.Popen[bytes], Path]], timeout_s: float) -> list[str]:
    """Wait for processes; returns the whole lines that they wrote, and says which of them failed.

    Ranks work in step: when one has ended, the others may be waiting for it in vain and are soon ended too.
    """
    ends = time.monotonic() + timeout_s
    while any(process.poll() is None for _, process, _ in processes) and time.monotonic() < ends:
        if any(process.poll() is not None for _, process, _ in processes):
            ends = min(ends, time.monotonic() + GRACE_S)
        time.sleep(0.2)
    lines = []
    for name, process, out in processes:
        status = process.poll()
        if status is None:
            process.kill()
            process.wait()
        found = [line for line in out.read_text().splitlines(keepends=True) if line.startswith('{"type"')]
        lines += [line for line in found if line.endswith("\n")]
        print(f"{name}: {len(found)} lines, status {'ended' if status is None else status}", flush=True)
        if status != 0:
            print(out.with_suffix(".err").read_text()[-4000:], flush=True)
    return lines


def free_port() -> int:
    """Return a port that nothing listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
