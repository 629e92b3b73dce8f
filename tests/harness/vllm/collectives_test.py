"""Ranks of a group: what they tell is joined, and one that dies, hangs or disagrees ends them all."""

import json
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from collective.job import Job, read_job
from collective.ranks import measure_group, rank_commands
from collectives import check_gpus, sample
from faults import Fault

JOB = Job(
    backend="gloo",
    ranks=(2,),
    ways=("torch",),
    collectives=("all_reduce", "all_gather"),
    sizes=(4096,),
    trials=3,
    boot_timeout_s=30,
    size_timeout_s=30,
)

RANK = """
import json, os, sys, time
number, pids = int(sys.argv[1]), sys.argv[2]
open(pids, "a").write(f"{os.getpid()}\\n")
job = json.loads(sys.stdin.readline())
tell = lambda **fields: print(json.dumps(fields), flush=True)
tell(type="ready", device="made-up")
for collective in job["collectives"]:
    for size in job["sizes"]:
        us = [2.0 + number, 3.0, 1.0]
        ANSWER
        tell(type="size", collective=collective, bytes=size, calls=7, us=us)
"""
"""A rank without torch; ANSWER is what it does before it answers."""


def ranks(tmp_path: Path, answer: str = "pass") -> list[list[str]]:
    """Return the commands of two ranks."""
    script = RANK.replace("ANSWER", answer)
    return [[sys.executable, "-c", script, str(number), str(tmp_path / "pids")] for number in range(2)]


def fault(job: Job, commands: Sequence[Sequence[str]]) -> str:
    """Return the message with which a group ends."""
    with pytest.raises(Fault) as found:
        list(measure_group(job, "torch", commands))
    return found.value.message


def alive(tmp_path: Path) -> list[int]:
    """Return the ranks that are still there."""
    return [int(pid) for pid in (tmp_path / "pids").read_text().split() if Path("/proc", pid).exists()]


def test_a_trial_is_its_slowest_rank(tmp_path: Path) -> None:
    """A collective has ended when it has on every rank."""
    found = list(measure_group(JOB, "torch", ranks(tmp_path)))
    times = {"bytes": 4096, "calls": 7, "trials_us": [3.0, 3.0, 1.0]}
    assert found == [
        {"device": "made-up"},
        {"collective": "all_reduce", **times},
        {"collective": "all_gather", **times},
    ]
    assert sample(found[1], "gloo", 2)["us"] == 3.0
    assert alive(tmp_path) == []


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (
            "if number == 1 and collective == 'all_gather': os._exit(9)",
            "rank 1 ended with status 9 during all_gather of 4,096 bytes",
        ),
        (
            "if number == 1: size = 8192",
            "the ranks disagree on bytes during all_reduce of 4,096 bytes: rank 0 4096, rank 1 8192",
        ),
        ("size = 8192", "the ranks told bytes 8192 during all_reduce of 4,096 bytes"),
        ("us = [1.0, 2.0]", "a rank told no times of 3 trials during all_reduce of 4,096 bytes"),
        ("us = [1.0, 2.0, -1.0]", "a rank told no times of 3 trials during all_reduce of 4,096 bytes"),
        (
            "if number == 0: print('Traceback'); sys.stdout.flush()",
            "rank 0 failed during all_reduce of 4,096 bytes: it told what is no JSON: Traceback",
        ),
        (
            "if number == 0: tell(type='failed', message='RuntimeError: no memory'); time.sleep(60)",
            "rank 0 failed during all_reduce of 4,096 bytes: RuntimeError: no memory",
        ),
    ],
)
def test_one_rank_ends_them_all(tmp_path: Path, answer: str, message: str) -> None:
    """What went wrong is said in one line, and no process is left."""
    assert fault(JOB, ranks(tmp_path, answer)) == message
    assert alive(tmp_path) == []


def test_the_wait_for_a_silent_rank_has_an_end(tmp_path: Path) -> None:
    """A rank that hangs is killed with the others."""
    started = time.monotonic()
    job = replace(JOB, size_timeout_s=0.2)
    message = fault(job, ranks(tmp_path, "if number == 1: time.sleep(60)"))
    assert message == "rank 1 did not answer within 0.2 s during all_reduce of 4,096 bytes"
    assert time.monotonic() - started < 30
    assert alive(tmp_path) == []


def test_a_group_goes_on_from_what_was_measured(tmp_path: Path) -> None:
    """What is left keeps its order; a group that is left nothing starts no ranks."""
    done = ((2, "gloo", "all_reduce", 4096), (2, "vllm", "all_gather", 4096), (4, "gloo", "all_gather", 4096))
    job = replace(JOB, done=done)
    assert job.cases("torch", 2) == [("all_gather", 4096)]
    assert job.cases("vllm", 2) == [("all_reduce", 4096)]
    assert job.cases("torch", 4) == [("all_reduce", 4096)]
    whole = replace(job, done=(*done, (2, "gloo", "all_gather", 4096)))
    assert list(measure_group(whole, "torch", [["/no/such/program"]] * 2)) == []


def test_what_one_says_of_its_failure_is_told_before_that_another_ended(tmp_path: Path) -> None:
    """The rank that dies of another's failure is often seen first."""
    answer = "time.sleep(0.1 * number); number and tell(type='failed', message='no memory'); os._exit(1)"
    assert fault(JOB, ranks(tmp_path, answer)) == "rank 1 failed during all_reduce of 4,096 bytes: no memory"


def test_a_program_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    """Nothing is left of the ranks that could be started."""
    first = ranks(tmp_path, "time.sleep(60)")[0]
    with pytest.raises(FileNotFoundError):
        list(measure_group(JOB, "torch", [first, ["/no/such/program"]]))


def test_ranks_know_their_number_and_meet_by_a_file() -> None:
    """The program starts itself once for each rank."""
    group = ["--of", "2", "--way", "vllm", "--store", "/s"]
    assert rank_commands(["p"], "vllm", 2, "/s") == [
        ["p", "--rank", "0", *group],
        ["p", "--rank", "1", *group],
    ]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"backend": "mpi"}, "backend must be nccl or gloo: mpi"),
        ({"ranks": [1]}, "ranks must be numbers from 2: [1]"),
        ({"ways": []}, "ways must be torch and vllm: []"),
        ({"sizes": [4097]}, "sizes must be even numbers of bytes: [4097]"),
        (
            {"collectives": ["gather"]},
            "collectives must be all_reduce, all_gather, reduce_scatter: ['gather']",
        ),
        ({"trials": 0}, "trials must be a number from 1: 0"),
    ],
)
def test_a_job_keeps_its_rules(tmp_path: Path, change: dict[str, Any], message: str) -> None:
    """A job comes from a file, which anyone may have written."""
    path = tmp_path / "job.json"
    path.write_text(json.dumps({**json.loads(JOB.line()), **change}))
    with pytest.raises(Fault) as found:
        read_job(str(path))
    assert found.value.message == f"cannot read the job: {message}"


def test_nccl_needs_a_gpu_for_each_rank() -> None:
    """A machine without says what else there is."""
    with pytest.raises(Fault) as found:
        check_gpus(2, any_gpu=False)
    assert found.value.message == "NCCL needs GPUs and this machine has none; --backend gloo takes its CPU"


def test_a_rank_ends_with_its_input(tmp_path: Path) -> None:
    """Ranks of a program that was killed do not stay."""
    program = str(Path(__file__).parents[3] / "harness/vllm/collectives.py")
    (command, _) = rank_commands([sys.executable, program], "torch", 2, str(tmp_path / "store"))
    rank = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL)
    assert rank.stdin is not None
    rank.stdin.write(JOB.line().encode() + b"\n")
    rank.stdin.close()
    assert rank.wait(timeout=60) == 130
