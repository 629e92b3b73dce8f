"""Times a real tensor-parallel rank against one that is emulated on a single device by dividing the sizes.

    python3 tests/bench/truth/tensor_parallel.py plan.jsonl --tp 2 --out tensor-parallel.jsonl

Of the plan only the header counts: it has the configurations of degree 1 and of the degree in question. The
same shots are fired twice on the emulated rank and then twice on the real ones, one process and one device
each; what the ranks say to each other is timed apart from the layers. The file gets a header and a line for
each shot of each run. A step that fails is said, and the others go on.
"""

import argparse
import json
import os
import random
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[3] / "harness/vllm"))

from boot import ENVIRONMENT, boot_engine, engine_arguments, wrap
from device import describe
from engine import Engine
from faults import Fault
from jobs import jobs_of
from messages import Boot
from passes import Marks
from plan import Fields, Plan, read_plan
from recording import Recorded, record

COMMUNICATION = "communication"
"""Name of what passes between ranks."""

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

MEMORY = 0.6
"""Share of a device that a rank takes."""

ROUNDS = 2
SAMPLES = 5
ATTENTION_SHOTS = 36
LONGEST_HISTORY = 8000


def shots_of(plan: Plan, tp: int) -> list[Fields]:
    """Return the shots: powers of two of tokens and requests, and random attention."""
    tokens, sequences = (int(plan.settings[name]) for name in ("max_num_batched_tokens", "max_num_seqs"))
    drawn = random.Random(0)
    dense = [{"category": "dense", "tp": tp, "tokens": size} for size in powers(tokens)]
    per_sequence = [{"category": "per_sequence", "tp": tp, "sequences": size} for size in powers(sequences)]
    kvs = [0, *powers(LONGEST_HISTORY)[4:]]
    attention = [
        {
            "category": "attention",
            "tp": tp,
            "prefill_chunk": chunk,
            "kv_prefill": drawn.choice(kvs) if chunk else 0,
            "n_decode": drawn.choice(powers(sequences)) if index % 3 else 0,
            "kv_decode": drawn.choice(kvs[1:]) if index % 3 else 0,
        }
        for index in range(ATTENTION_SHOTS)
        for chunk in [0 if index % 3 == 1 else drawn.choice(powers(tokens)[4:])]
    ]
    return [*dense, *per_sequence, *attention]


def powers(most: int) -> list[int]:
    """Return the powers of two up to a number."""
    return [1 << exponent for exponent in range(most.bit_length())]


def boot_rank(boot: Boot, tp: int, rank: int) -> Engine:
    """Build the engine of one of several ranks; it waits for the others."""
    import torch
    import vllm

    os.environ.update(ENVIRONMENT)
    on_cpu = not torch.cuda.is_available()
    if not on_cpu:
        torch.cuda.set_device(rank)
    arguments = {
        **engine_arguments(boot, on_cpu),
        "tensor_parallel_size": tp,
        "distributed_executor_backend": "external_launcher",
        "disable_custom_all_reduce": True,
        **({} if on_cpu else {"gpu_memory_utilization": MEMORY}),
    }
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "config.json").write_text(json.dumps(boot.config), encoding="utf-8")
        llm = vllm.LLM(model=folder, **arguments)
    return wrap(llm, boot, arguments)


@contextmanager
def marked_communication(marks: Marks) -> Iterator[None]:
    """Put marks around what passes between the ranks meanwhile."""
    from vllm.distributed import get_tp_group

    group = get_tp_group()
    names = ("all_reduce", "all_gather", "gather", "reduce_scatter")

    def around(method: Any) -> Any:
        def call(*args: Any, **kwargs: Any) -> Any:
            marks.enter(COMMUNICATION)
            try:
                return method(*args, **kwargs)
            finally:
                marks.leave()

        return call

    for name in names:
        setattr(group, name, around(getattr(group, name)))
    try:
        yield
    finally:
        for name in names:
            delattr(group, name)


def fire(plan: Plan, tp: int, rank: int | None) -> Iterator[dict[str, Any]]:
    """Fire the shots on a real rank, or on an emulated one; returns a line for each."""
    engine = boot_engine(plan.boot(tp)) if rank is None else boot_rank(plan.boot(1), tp, rank)
    around = {} if rank is None else {"around": marked_communication}
    fitting = []
    for shot in shots_of(plan, tp):
        try:
            fitting.append((shot, jobs_of(engine, shot)[0]))
        except Fault as fault:
            print(f"left out: {shot}: {fault.message}", file=sys.stderr)
    jobs = [job for _, job in fitting]
    record(engine, jobs[:2], 1, **around)
    for number in range(ROUNDS):
        outcomes = record(engine, jobs, SAMPLES, **around)
        for (shot, _), outcome in zip(fitting, outcomes, strict=False):
            yield {"type": "shot", "rank": rank, "round": number, "shot": shot, **told(outcome)}
    engine.close()


def told(outcome: Recorded | Fault) -> dict[str, Any]:
    """Return what the line of a shot says."""
    if isinstance(outcome, Fault):
        return {"failed": outcome.message}
    return {
        "layers_us": {layer: [round(us, 3) for us in times] for layer, times in outcome.layers.items()},
        "kernels": outcome.kernels,
    }


def run_process(arguments: Sequence[str], out: Path, **environment: str) -> subprocess.Popen[bytes]:
    """Start this script as a rank that writes to a file, and its errors beside it."""
    with out.open("wb") as lines, out.with_suffix(".err").open("wb") as errors:
        return subprocess.Popen(
            [sys.executable, __file__, *arguments],
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


def run_all(arguments: argparse.Namespace) -> None:
    """Run the emulated rank, then the real ones, and gather their lines in one file."""
    plan, hello = read_plan(arguments.plan), describe()
    shared = [str(arguments.plan), "--tp", str(arguments.tp), "--rank"]
    header = {
        "type": "tensor_parallel",
        "model": plan.settings["model"],
        "tp": arguments.tp,
        "device": hello.device,
        "driver": hello.driver,
        "engine": f"{hello.engine} {hello.engine_version}",
        "runtime": hello.runtime,
        "quantity": hello.quantities[0],
        "samples": SAMPLES,
    }
    with tempfile.TemporaryDirectory() as folder, arguments.out.open("w", encoding="utf-8") as out:
        out.write(json.dumps(header) + "\n")
        path = Path(folder, "emulated.jsonl")
        first = os.environ.get("CUDA_VISIBLE_DEVICES", "0").split(",")[0]
        alone = run_process([*shared, "emulated"], path, CUDA_VISIBLE_DEVICES=first)
        out.writelines(gather([("emulated", alone, path)], arguments.timeout))
        out.flush()
        launch = {
            "WORLD_SIZE": str(arguments.tp),
            "MASTER_ADDR": "127.0.0.1",
            "MASTER_PORT": str(free_port()),
        }
        ranks = []
        for rank in range(arguments.tp):
            path, place = Path(folder, f"{rank}.jsonl"), {"RANK": str(rank), "LOCAL_RANK": str(rank)}
            ranks.append((f"rank {rank}", run_process([*shared, str(rank)], path, **launch, **place), path))
        out.writelines(gather(ranks, arguments.timeout))


def main() -> None:
    """Run all processes, or be one of them."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("plan", type=Path)
    parser.add_argument("--tp", type=int, default=2)
    parser.add_argument("--timeout", type=float, default=250, help="seconds for each of the two steps")
    parser.add_argument("--out", type=Path)
    parser.add_argument("--rank", help="be this rank, or 'emulated', and write lines to standard output")
    arguments = parser.parse_args()
    if arguments.rank is None:
        if arguments.out is None:
            parser.error("--out is needed")
        run_all(arguments)
        return
    rank = None if arguments.rank == "emulated" else int(arguments.rank)
    for line in fire(read_plan(arguments.plan), arguments.tp, rank):
        print(json.dumps(line), flush=True)


if __name__ == "__main__":
    main()
