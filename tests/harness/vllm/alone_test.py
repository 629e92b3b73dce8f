"""The worker without a caller: plan in, results out."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from client import ENTRY, PATIENCE_S, Message, attention, dense, per_sequence, skew
from json_lines import read, write
from models import architecture, config
from offline.journal import id_fields

SETTINGS = {
    "model": "tiny/llama",
    "hardware": "here",
    "variant": "bf16",
    "dtype": "bfloat16",
    "kv_cache_dtype": "auto",
    "tp_degrees": [1, 2],
    "max_num_batched_tokens": 64,
    "max_num_seqs": 8,
    "measurement_iterations": 2,
    "precision": {"relative": 0.5, "min": 2, "max": 4},
    "quantity": None,
}
HEADER: Message = {
    "format": "shotlab-plan",
    "version": 1,
    "settings": SETTINGS,
    "configs": {str(tp): config("llama", tp) for tp in (1, 2)},
    "architecture": architecture("llama"),
    "sentinels": {str(tp): {**attention(64, 400, 0, 0), "tp": tp} for tp in (1, 2)},
}
UNFIT = attention(0, 0, 1, 511)
SHOTS = [
    dense(16),
    per_sequence(8),
    attention(16, 16, 4, 40),
    UNFIT,
    attention(64, 400, 0, 0),
    skew(4, 1, ["t_mean", "t_skew"], kvs=64),
    {**dense(16), "tp": 2},
]


def worker(*arguments: object) -> "subprocess.CompletedProcess[str]":
    argv = [sys.executable, str(ENTRY), *map(str, arguments)]
    return subprocess.run(argv, capture_output=True, text=True, timeout=PATIENCE_S, check=False)


def test_a_plan_is_fired_and_a_second_run_fires_what_is_left(tmp_path: Path) -> None:
    plan, out = write(tmp_path / "plan.jsonl", HEADER, *SHOTS[:6]), tmp_path / "journal.jsonl"
    ran = worker("--plan", plan, "--out", out, "--drift-share", 10**9)
    assert ran.returncode == 1, ran.stderr[-3000:]
    lines = read(out)
    kinds = [line["type"] for line in lines]
    assert kinds[:3] == ["plan", "session", "engine"]
    assert (lines[0]["format"], lines[0]["quantity"], lines[0]["plan"]) == (2, "wall", HEADER)
    assert lines[1]["watch"] == {"every_s": 10.0, "share": 10.0**9}
    assert (lines[1]["identity"]["harness"], lines[1]["identity"]["quantity"]) == ("vllm", "wall")
    sentinels = [line for line in lines if line["type"] == "sentinel"]
    assert len(sentinels) >= 2
    assert all(key_of(line) == id_fields(SHOTS[4]) for line in sentinels)
    answers = [line for line in lines if line["type"] in ("shot", "failed")]
    assert list(map(key_of, answers)) == list(map(id_fields, SHOTS[:6]))
    assert [line["type"] for line in answers] == ["shot"] * 3 + ["failed"] + ["shot"] * 2
    assert set(answers[5]["samples"]) == {"t_mean", "t_skew"}
    assert {line["stop"] for line in answers if "samples" in line} <= {"precision", "max"}
    assert "6 of 6 shots are left" in ran.stderr
    assert "6 of 6 shots, 1 failed" in ran.stderr

    write(plan, HEADER, *SHOTS)
    out.write_text(out.read_text() + '{"type":"sho')
    ran = worker("--plan", plan, "--out", out, "--retry-failed", "--drift-share", 10**9)
    assert "2 of 7 shots are left" in ran.stderr
    again = [json.loads(line) for line in out.read_text().splitlines()[len(lines) + 1 :]]
    assert [line["tp"] for line in again if line["type"] == "engine"] == [1, 2]
    answers = [line for line in again if line["type"] in ("shot", "failed")]
    assert [(line["type"], key_of(line)) for line in answers] == [
        ("failed", id_fields(UNFIT)),
        ("shot", id_fields(SHOTS[6])),
    ]


def key_of(line: Message) -> Message:
    return {name: line[name] for name in ("category", "tp", "key")}


@pytest.mark.parametrize("arguments", [["--plan", "p"], ["--out", "o"], ["--plan", "none", "--out", "o"]])
def test_wrong_use_ends_with_two(tmp_path: Path, arguments: list[str]) -> None:
    ran = subprocess.run([sys.executable, ENTRY, *arguments], cwd=tmp_path, capture_output=True, check=False)
    assert ran.returncode == 2
    assert ran.stderr
