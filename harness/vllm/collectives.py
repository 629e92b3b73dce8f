"""Measures collectives between the devices of this machine, or between processes of its CPU.

`python harness/vllm/collectives.py --job job.json --out collectives.jsonl`, with a job that
`shotlab collectives --job` wrote. With `-` for both it reads the job on standard input, answers on standard
output, and ends with its input.
"""

import json
import os
import statistics
import sys
import time
from argparse import ArgumentParser, Namespace
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, TextIO

from collective.job import FORMAT, Job, read_job
from collective.rank import run_rank
from collective.ranks import measure_group, rank_commands
from engine.device import cpu_name, describe
from faults import Fault
from job_script import open_answers, watch_input
from script import leave, say, status_of

PROGRAM = (sys.executable, str(Path(__file__).resolve()))


def measure(job: Job, file: TextIO, program: Sequence[str] = PROGRAM) -> int:
    """Measure a job's groups one after the other; returns the exit status, 1 when one of them failed."""
    began = time.monotonic()

    def write(fields: Mapping[str, Any]) -> None:
        file.write(json.dumps(fields, allow_nan=False, separators=(",", ":")) + "\n")
        file.flush()

    write({"type": "collectives", "format": FORMAT, **head_of(job)})
    failed = 0
    for ranks in job.ranks:
        for way in job.ways:
            name = job.name(way)
            try:
                with TemporaryDirectory(prefix="shotlab-") as folder:
                    commands = rank_commands(program, way, ranks, str(Path(folder, "store")))
                    for found in measure_group(job, way, commands):
                        if "device" in found:
                            say(f"{name}, {ranks} ranks: {found['device']}")
                            continue
                        write(sample(found, name, ranks))
            except Fault as fault:
                failed += 1
                write({"type": "failed", "name": f"{name}, {ranks} ranks", "message": fault.message})
                say(f"{name}, {ranks} ranks: {fault.message}")
    write({"type": "done", "seconds": round(time.monotonic() - began, 1), "failed": failed})
    return 1 if failed else 0


def sample(found: Mapping[str, Any], way: str, ranks: int) -> dict[str, Any]:
    """Return the line of one collective of one size; times in microseconds of a call."""
    trials = [round(us, 4) for us in found["trials_us"]]
    return {
        "type": "sample",
        "ranks": ranks,
        "way": way,
        "collective": found["collective"],
        "bytes": found["bytes"],
        "calls": found["calls"],
        "us": round(statistics.median(trials), 4),
        "trials_us": trials,
    }


def head_of(job: Job) -> dict[str, Any]:
    """Return who measures, and how."""
    identity = describe()
    gpus = job.backend == "nccl"
    if gpus:
        check_gpus(max(job.ranks), identity.quantities[0] != "wall")
    return {
        "backend": job.backend,
        "device": identity.device if gpus else cpu_name(),
        "driver": identity.driver if gpus else "none",
        "runtime": identity.runtime,
        "engine_version": identity.engine_version,
        "graphs": gpus,
        "dtype": "bfloat16",
        "host": {"processor": cpu_name(), "cores": os.cpu_count()},
        "at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
    }


def check_gpus(ranks: int, any_gpu: bool) -> None:
    """Raise Fault when there are fewer GPUs than ranks."""
    if not any_gpu:
        raise Fault("unsupported", "NCCL needs GPUs and this machine has none; --backend gloo takes its CPU")
    import torch

    if torch.cuda.device_count() < ranks:
        raise Fault(
            "unsupported", f"{ranks} ranks need as many GPUs, visible are {torch.cuda.device_count()}"
        )


def main() -> int:
    """Measure the job that the command line names; returns the exit status."""
    parser = ArgumentParser(description=__doc__)
    parser.add_argument("--job", default="-", help="what to measure, JSON")
    parser.add_argument("--out", default="-", help="file of what was measured, JSON Lines; emptied first")
    parser.add_argument("--rank", type=int, help="be one rank of a group; the program starts itself so")
    parser.add_argument("--of", type=int, default=2, help="ranks of the group")
    parser.add_argument("--way", default="torch", help="torch or vllm")
    parser.add_argument("--store", default="", help="file by which the ranks of a group meet")
    arguments = parser.parse_args()
    return status_of(partial(work_off, arguments), "the collectives")


def work_off(arguments: Namespace) -> int:
    """Measure the job, or one rank's part of it."""
    job = read_job(arguments.job)
    if arguments.rank is not None:
        return run_rank(job, arguments.way, arguments.rank, arguments.of, arguments.store)
    if arguments.job == "-":
        watch_input()
    with open_answers(arguments.out) as file:
        return measure(job, file)


if __name__ == "__main__":
    leave(main())
