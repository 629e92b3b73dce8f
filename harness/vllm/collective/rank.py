"""One rank: meets the others, times each collective, and tells the process that started it."""

import json
import warnings
from collections.abc import Mapping
from typing import Any

from collective.job import Job
from faults import first_line
from job_script import open_answers, watch_input


def run_rank(job: Job, way: str, rank: int, ranks: int, store: str) -> int:
    """Measure a job as one of its ranks; returns the exit status."""
    answers = open_answers("-")
    watch_input()

    def answer(fields: Mapping[str, Any]) -> None:
        answers.write(json.dumps(fields, allow_nan=False, separators=(",", ":")) + "\n")
        answers.flush()

    try:
        warnings.filterwarnings("ignore", category=FutureWarning)
        import torch
        from collective.operations import Group, VllmGroup, time_call

        torch.set_num_threads(1)
        group = (VllmGroup if way == "vllm" else Group)(job, rank, ranks, store)
        device = torch.cuda.get_device_name(group.device) if group.device.type == "cuda" else "cpu"
        answer({"type": "ready", "device": device})
        for collective, size in job.cases(way, ranks):
            calls, us = time_call(group, collective, size, job.trials)
            answer({"type": "size", "collective": collective, "bytes": size, "calls": calls, "us": us})
        return 0
    except Exception as error:
        answer({"type": "failed", "message": f"{type(error).__name__}: {first_line(error)}"})
        return 1
