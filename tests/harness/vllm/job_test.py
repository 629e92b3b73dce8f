"""What a job file says, and what the steps of a server took."""

import io
import json
import math
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from client import ROOT
from engine.memory import BYTES, token_bytes
from faults import Fault
from job_script import has_input
from serving.job import Job, Load, Scene, ServedRequest, read_job
from serving.loads import Served, arrives, itl_us
from serving.steps import Step

FIELDS: dict[str, Any] = {
    "format": 1,
    "model": "toy/toy",
    "hardware": "TOY",
    "variant": "bf16",
    "tp": 2,
    "config": {"hidden_size": 64},
    "engine": {"max_num_seqs": 8},
    "scenes": [{"name": "one", "decodes": [[4, 64]], "steps": 10, "beside": [16, 100], "queue": [128]}],
    "loads": [
        {"name": "clock", "requests": [[0, 60, 10], [0.5, 20, 8]], "concurrency": None},
        {"name": "two", "requests": [], "concurrency": 2},
    ],
    "notes": "not ours",
}
JOB = Job(
    model="toy/toy",
    config={"hidden_size": 64},
    engine={"max_num_seqs": 8},
    scenes=(Scene("one", ((4, 64),), 10, (16, 100), (128,)),),
    loads=(
        Load("clock", (ServedRequest(0.0, 60, 10), ServedRequest(0.5, 20, 8)), None),
        Load("two", (), 2),
    ),
    plan={"model": "toy/toy", "hardware": "TOY", "variant": "bf16", "tp": 2},
)


def test_a_job_is_read_from_a_file_and_from_the_first_line_of_the_input(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "job.json"
    path.write_text(json.dumps(FIELDS, indent=1))
    assert read_job(str(path)) == JOB
    monkeypatch.setattr("sys.stdin", io.StringIO(json.dumps(FIELDS) + "\nmore\n"))
    assert read_job("-") == JOB


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"format": 2}, "format must be 1: 2"),
        ({"scenes": [{"name": "one"}]}, "KeyError: 'decodes'"),
        ({"loads": 7}, "TypeError"),
        ({"tp": None, "engine": 5}, "TypeError"),
        ({"scenes": [{**FIELDS["scenes"][0], "steps": "many"}]}, "ValueError"),
    ],
)
def test_a_file_that_is_no_job_is_refused(tmp_path: Path, changes: dict[str, Any], message: str) -> None:
    path = tmp_path / "job.json"
    path.write_text(json.dumps({**FIELDS, **changes}))
    with pytest.raises(Fault) as refused:
        read_job(str(path))
    assert refused.value.kind == "bad_request"
    assert str(path) in refused.value.message
    assert message in refused.value.message


def test_a_job_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Fault, match=r"^cannot read .*none: No such file or directory$"):
        read_job(str(tmp_path / "none"))


class Event:
    def __init__(self, at_ms: float) -> None:
        self.at_ms = at_ms

    def elapsed_time(self, other: "Event") -> float:
        return other.at_ms - self.at_ms


def test_the_times_of_a_step_are_those_of_host_and_device_in_microseconds() -> None:
    step = Step([(16, 0, 1)], 1.0, launched_s=1.001, next_s=1.005, waited_s=0.003)
    assert step.launch_us() == pytest.approx(1000)
    assert step.host_us() == pytest.approx(2000), "from one scheduling to the next, without the wait"
    assert step.span_us() is None
    step.events = (Event(2.0), Event(2.5))
    assert step.span_us() == 500
    bare = Step([], 1.0)
    assert (bare.launch_us(), bare.host_us(), bare.span_us()) == (None, None, None)


@pytest.mark.parametrize(
    ("concurrency", "now", "running", "expected"),
    [
        (None, 0.49, 0, False),
        (None, 0.5, 9, True),
        (2, 0.0, 1, True),
        (2, 9.0, 2, False),
    ],
)
def test_requests_arrive_by_the_clock_or_when_there_is_room(
    concurrency: int | None, now: float, running: int, expected: bool
) -> None:
    load = Load("toy", JOB.loads[0].requests, concurrency)
    assert arrives(load, 1, now, running) is expected


def test_times_between_tokens_are_whole_microseconds() -> None:
    assert itl_us([0.5, 0.5000014, 0.6]) == [1, 99999]
    assert itl_us([0.5]) == []
    assert Served(0.5).token_s == []


@pytest.mark.parametrize(
    ("kind", "size"),
    [
        ("float32", 4),
        ("float", 4),
        ("float16", 2),
        ("half", 2),
        ("bfloat16", 2),
        ("fp8", 1),
        ("fp8_e5m2", 1),
        ("unheard-of", 2),
    ],
)
def test_bytes_of_a_number_in_the_cache(kind: str, size: int) -> None:
    config = {"num_attention_heads": 4, "hidden_size": 128}
    assert token_bytes(config, "bfloat16", kind) == 2 * 4 * 32 * size
    assert math.prod(BYTES.values()) == 4 * 2 * 2 * 2 * 4 * 1


def test_an_engine_that_waits_for_its_job_is_imported_and_prints_nothing_among_the_answers(
    tmp_path: Path,
) -> None:
    for name in ("vllm", "vllm/entrypoints", "vllm/v1", "vllm/v1/worker"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "__init__.py").write_text("print('loading')\n")
    (tmp_path / "vllm/entrypoints/llm.py").write_text("raise ImportError('it is elsewhere')\n")
    (tmp_path / "vllm/v1/worker/gpu_worker.py").write_text("import sys\nprint('there', file=sys.stderr)\n")
    command = [sys.executable, str(ROOT / "harness/vllm/served.py"), "--job", "-", "--out", "-"]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    environment = {**os.environ, "PYTHONPATH": str(tmp_path)}
    with subprocess.Popen(command, env=environment, text=True, **pipes) as process:  # type: ignore[call-overload]
        before = []
        while not before or before[-1] != "there\n":
            before.append(process.stderr.readline())
            assert before[-1] != "", before
        answers, after = process.communicate('{"format": 7}\n', timeout=60)
    assert (process.returncode, answers) == (2, "")
    assert after == "cannot read -: format must be 1: 7\n"


def test_a_job_that_is_there_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    reads, writes = os.pipe()
    with os.fdopen(reads) as file, os.fdopen(writes, "wb", buffering=0) as other:
        monkeypatch.setattr("sys.stdin", file)
        assert not has_input()
        other.write(b"{}\n")
        assert has_input()
