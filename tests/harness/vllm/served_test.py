"""A whole engine of a tiny model serves a job: the same code as on a GPU."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from client import ROOT
from models import config

Line = dict[str, Any]


@pytest.fixture(scope="module")
def lines(tmp_path_factory: pytest.TempPathFactory) -> list[Line]:
    """What is served: designed batches, a load by the clock, and one of constant concurrency."""
    job = {
        "format": 1,
        "model": "tiny/llama",
        "hardware": "CPU",
        "variant": "bf16",
        "tp": 1,
        "config": config("llama", num_hidden_layers=2, max_position_embeddings=1024),
        "engine": {
            "max_num_batched_tokens": 128,
            "max_num_seqs": 8,
            "max_model_len": 1024,
            "dtype": "auto",
            "enforce_eager": True,
            "async_scheduling": True,
            "enable_prefix_caching": False,
            "kv_cache_memory_bytes": 1 << 26,
        },
        "scenes": [
            {"name": "decodes", "decodes": [[4, 64]], "steps": 10, "beside": [16, 100], "queue": []},
            {"name": "prompts", "decodes": [], "steps": 0, "beside": [16], "queue": [128, 128, 128]},
            {"name": "too long", "decodes": [[1, 1020]], "steps": 10, "beside": [], "queue": []},
        ],
        "loads": [
            {"name": "clock", "requests": [[0.0, 60, 10], [0.05, 200, 8]], "concurrency": None},
            {"name": "two", "requests": [[0, 60, 10], [0, 20, 8], [0, 30, 1]], "concurrency": 2},
        ],
    }
    path = tmp_path_factory.mktemp("served") / "served.jsonl"
    job_path = path.with_name("job.json")
    job_path.write_text(json.dumps(job))
    done = subprocess.run(
        [sys.executable, ROOT / "harness/vllm/served.py", "--job", job_path, "--out", path], timeout=300
    )
    assert done.returncode == 1, "a scene that does not fit is a failed part"
    return [json.loads(line) for line in path.read_text().splitlines()]


def steps(lines: list[Line], part: str) -> list[Line]:
    return [line for line in lines if line["type"] == "step" and line["part"] == part]


def test_the_head_names_engine_settings_and_host(lines: list[Line]) -> None:
    head = lines[0]
    assert (head["type"], head["format"], head["model"], head["tp"]) == ("served", 1, "tiny/llama", 1)
    assert head["settings"]["max_num_batched_tokens"] == 128
    assert head["settings"]["num_gpu_blocks"] > 8
    assert head["settings"]["captured_sizes"] == []
    assert head["host"]["cores"] >= 1


def test_a_scene_shows_decodes_alone_and_beside_prompts(lines: list[Line]) -> None:
    batches = [step["batch"] for step in steps(lines, "designed: decodes")]
    assert all(sum(count for new, _, count in batch if new == 1) == 4 for batch in batches)
    prompts = [[new, history] for batch in batches for new, history, _ in batch if new > 1]
    assert prompts == [[16, 0], [100, 0]]
    assert len(batches) >= 10 + 2


def test_prompts_are_prefilled_alone_and_in_a_queue(lines: list[Line]) -> None:
    batches = [step["batch"] for step in steps(lines, "designed: prompts")]
    assert batches == [[[16, 0, 1]], [[1, 16, 1]], [[128, 0, 1]], [[128, 0, 1]], [[128, 0, 1]]]


def test_steps_come_in_order_with_their_times(lines: list[Line]) -> None:
    for part in ("designed: decodes", "load: clock", "load: two"):
        times = [(step["scheduled_s"], step["output_s"]) for step in steps(lines, part)]
        assert all(scheduled < output for scheduled, output in times)
        assert times == sorted(times)
        hosts = [step["host_us"] for step in steps(lines, part) if step["host_us"] is not None]
        assert hosts and all(us > 0 for us in hosts)


def test_requests_get_all_their_tokens(lines: list[Line]) -> None:
    requests = [line for line in lines if line["type"] == "request"]
    assert [one["output_tokens"] for one in requests] == [10, 8, 10, 8, 1]
    for one in requests:
        assert len(one["itl_us"]) == one["output_tokens"] - 1
        assert one["arrival_s"] < one["first_s"] <= one["last_s"]
        assert abs(sum(one["itl_us"]) / 1e6 - (one["last_s"] - one["first_s"])) < 1e-4
    third = requests[4]
    assert third["arrival_s"] >= min(one["last_s"] for one in requests[2:4]) - 1e-3


def test_every_token_of_a_load_is_computed_once(lines: list[Line]) -> None:
    computed = sum(new * count for step in steps(lines, "load: clock") for new, _, count in step["batch"])
    assert computed == (60 + 9) + (200 + 7)


def test_what_does_not_fit_is_told_and_the_rest_served(lines: list[Line]) -> None:
    failed = [line for line in lines if line["type"] == "failed"]
    assert failed == [{"type": "failed", "name": "too long", "message": "too long does not fit the engine"}]
    assert lines[-1]["type"] == "done"
    assert lines[-1]["failed"] == 1


def test_a_job_that_is_none_is_wrong_use(tmp_path: Path) -> None:
    job = tmp_path / "job.json"
    job.write_text('{"format": 2}')
    done = subprocess.run(
        [sys.executable, ROOT / "harness/vllm/served.py", "--job", job, "--out", tmp_path / "out"],
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 2
    assert "format must be 1: 2" in done.stderr
