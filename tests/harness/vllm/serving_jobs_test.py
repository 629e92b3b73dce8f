"""Files that say what to serve: what is read of them, and why one is none."""

import io
import json
from pathlib import Path
from typing import Any

import pytest
from faults import Fault
from serving.job import FORMAT, Load, Scene, ServedRequest, read_job

WHOLE: dict[str, Any] = {
    "format": 1,
    "model": "tiny/llama",
    "hardware": "here",
    "variant": "bf16",
    "tp": 2,
    "config": {"hidden_size": 64},
    "engine": {"max_num_seqs": 8},
    "scenes": [{"name": "mix", "decodes": [[2, 30], [1, 7]], "steps": 5, "beside": [16, 32], "queue": [8]}],
    "loads": [
        {"name": "open", "requests": [[0, 4, 3], [0.5, 5, 1]], "concurrency": None},
        {"name": "closed", "requests": [[0, 4, 3]], "concurrency": 2},
    ],
}


def written(tmp_path: Path, job: object) -> str:
    path = tmp_path / "job.json"
    path.write_text(json.dumps(job))
    return str(path)


def test_a_job_is_read_field_by_field(tmp_path: Path) -> None:
    job = read_job(written(tmp_path, WHOLE))
    assert (job.model, job.config, job.engine) == ("tiny/llama", {"hidden_size": 64}, {"max_num_seqs": 8})
    assert job.scenes == (Scene("mix", ((2, 30), (1, 7)), 5, (16, 32), (8,)),)
    assert job.loads == (
        Load("open", (ServedRequest(0.0, 4, 3), ServedRequest(0.5, 5, 1)), None),
        Load("closed", (ServedRequest(0.0, 4, 3),), 2),
    )
    assert job.plan == {"model": "tiny/llama", "hardware": "here", "variant": "bf16", "tp": 2}
    assert FORMAT == 1


def test_a_job_may_be_the_first_line_of_standard_input(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(json.dumps(WHOLE) + "\nstop\n"))
    assert read_job("-").model == "tiny/llama"


@pytest.mark.parametrize(
    ("job", "message"),
    [
        ({**WHOLE, "format": 2}, "cannot read {path}: format must be 1: 2"),
        ({**WHOLE, "scenes": [{"name": "mix"}]}, "cannot read the job {path}: KeyError: 'decodes'"),
        (
            {**WHOLE, "loads": [{"name": "a", "requests": 7, "concurrency": 1}]},
            "cannot read the job {path}: TypeError: 'int' object is not iterable",
        ),
        (
            {**WHOLE, "loads": [{"name": "a", "requests": [[0, "x", 1]], "concurrency": 1}]},
            "cannot read the job {path}: ValueError: invalid literal for int() with base 10: 'x'",
        ),
    ],
    ids=["another format", "a field is missing", "no list", "no number"],
)
def test_a_file_that_is_no_job_is_refused(tmp_path: Path, job: object, message: str) -> None:
    path = written(tmp_path, job)
    with pytest.raises(Fault) as refused:
        read_job(path)
    assert (refused.value.kind, refused.value.message) == ("bad_request", message.format(path=path))
