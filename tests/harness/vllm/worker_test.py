import json
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from client import ENTRY, PATIENCE_S, Client, Message, dense
from models import boot


@pytest.fixture
def fresh(tmp_path: Path) -> Client:
    """A worker that has booted nothing."""
    return Client(tmp_path / "stderr")


def test_hello_says_who_answers_before_the_engine_is_imported(fresh: Client) -> None:
    answer = fresh.ask({"type": "hello", "protocol": 1})
    assert "libtorch" not in Path(f"/proc/{fresh.process.pid}/maps").read_text()
    assert (answer["type"], answer["protocol"], answer["harness"]) == ("hello", 1, "vllm")
    assert answer["quantities"] == ["wall"]
    assert answer["lanes"] == 1
    assert re.fullmatch(r"torch \d+\.\d+\.\d+\+\w+", answer["runtime"])
    assert all(answer[name] for name in ("engine_version", "device", "driver", "harness_version"))
    assert answer["processor"]["name"]
    assert answer["processor"]["cores"] >= 1
    fresh.end()


def test_requests_that_cannot_be_served_are_answered_by_error_and_change_nothing(fresh: Client) -> None:
    fire = {"type": "fire", "seq": 1, "shots": [dense(1)], "iterations": 1, "quantity": "wall"}
    refused: list[tuple[Message, str]] = [
        ({"type": "hello", "protocol": 9}, "this harness speaks protocol 1: found 9"),
        (
            {"type": "frie"},
            "unknown message type 'frie': expected hello, boot, fire, sustain, walk or shutdown",
        ),
        (fire, "no engine is booted: send boot before fire"),
    ]
    for request, message in refused:
        assert fresh.ask(request) == {"type": "error", "kind": "bad_request", "message": message}
    fresh.send("not json")
    assert fresh.read()["kind"] == "bad_request"
    assert fresh.ask({"type": "shutdown"}) == {"type": "bye"}
    assert fresh.process.wait(PATIENCE_S) == 0


def test_a_device_that_does_not_tell_its_power_is_not_sustained(worker: Client) -> None:
    worker.boot(boot("qwen3"))
    sustain = {"type": "sustain", "seq": 1, "shots": [dense(16)], "seconds": 0.1}
    message = "a device of type cpu tells neither power nor clock"
    assert worker.ask(sustain) == {"type": "error", "kind": "unsupported", "message": message}
    bad = {**sustain, "seconds": 0}
    message = "sustain: seconds must be a number above 0: found 0"
    assert worker.ask(bad) == {"type": "error", "kind": "bad_request", "message": message}


def test_end_of_input_ends_an_idle_worker(fresh: Client) -> None:
    fresh.ask({"type": "hello", "protocol": 1})
    assert fresh.end() == 0


def test_requests_before_the_end_of_input_are_answered() -> None:
    requests = b'{"type":"frie"}\n{"type":"hello","protocol":1}\n'
    ran = subprocess.run(
        [sys.executable, ENTRY], input=requests, capture_output=True, timeout=PATIENCE_S, check=True
    )
    assert [json.loads(line)["type"] for line in ran.stdout.splitlines()] == ["error", "hello"]


def test_an_interrupt_is_ignored(fresh: Client) -> None:
    fresh.ask({"type": "hello", "protocol": 1})
    fresh.process.send_signal(signal.SIGINT)
    assert fresh.ask({"type": "hello", "protocol": 1})["type"] == "hello"
    assert fresh.end() == 0


def test_a_pool_that_the_machine_does_not_have_is_refused(tmp_path: Path) -> None:
    client = Client(tmp_path / "stderr", VLLM_CPU_KVCACHE_SPACE="1000000")
    answer = client.ask(boot("llama"))
    assert (answer["type"], answer["kind"]) == ("error", "out_of_memory")
    assert answer["message"].startswith(
        "cannot boot tp 1: VLLM_CPU_KVCACHE_SPACE asks for 1000000.00 GiB of KV pool, "
    )
    client.end()
