"""The other side of the protocol, for tests: a worker process and what is asked of it."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[3]
ENTRY = ROOT / "harness/vllm/worker.py"

PATIENCE_S = 600
"""What a worker may take for what it does at once: no busy machine is that slow, yet a hang is told."""

Message = dict[str, Any]


class Client:
    """A worker process."""

    def __init__(self, stderr: Path, **environment: str) -> None:
        self.log = stderr
        with stderr.open("wb") as log:
            self.process = subprocess.Popen(
                [sys.executable, str(ENTRY)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                env={**os.environ, **environment},
            )
        self.booted: object = None

    def send(self, line: str) -> None:
        assert self.process.stdin
        self.process.stdin.write(line.encode() + b"\n")
        self.process.stdin.flush()

    def read(self) -> Message:
        """Return the next answer; a line that is no JSON object fails the test."""
        assert self.process.stdout
        line = self.process.stdout.readline()
        assert line, f"the worker ended:\n{self.log.read_text()[-3000:]}"
        answer = json.loads(line)
        assert isinstance(answer, dict)
        return answer

    def ask(self, message: Message) -> Message:
        """Return the one answer to a request."""
        self.send(json.dumps(message))
        return self.read()

    def boot(self, message: Message) -> Message:
        """Boot, unless just this was booted last; returns the answer."""
        if self.booted is None or self.booted[0] != message:  # type: ignore[index]
            self.booted = (message, self.ask(message))
        return self.booted[1]  # type: ignore[index,no-any-return]

    def fire(self, *shots: Message, iterations: int = 3, seq: int = 1) -> list[Message]:
        """Return the answers to a fire request, without the last, which must be done."""
        request = {"type": "fire", "seq": seq, "shots": shots, "iterations": iterations, "quantity": "wall"}
        self.send(json.dumps(request))
        answers = [self.read() for _ in range(len(shots) + 1)]
        done = answers.pop()
        assert (done["type"], done["seq"]) == ("done", seq)
        assert done["wall_us"] > 0
        return answers

    def end(self) -> int:
        """Close the worker's standard input; returns its exit status."""
        assert self.process.stdin
        self.process.stdin.close()
        return self.process.wait(PATIENCE_S)


def dense(tokens: int) -> Message:
    return {"category": "dense", "tp": 1, "tokens": tokens}


def per_sequence(sequences: int) -> Message:
    return {"category": "per_sequence", "tp": 1, "sequences": sequences}


def attention(prefill_chunk: int, kv_prefill: int, n_decode: int, kv_decode: int) -> Message:
    return {
        "category": "attention",
        "tp": 1,
        "prefill_chunk": prefill_chunk,
        "kv_prefill": kv_prefill,
        "n_decode": n_decode,
        "kv_decode": kv_decode,
    }


def placed(prefills: object, n_decode: int) -> Message:
    """Prefills that a shot lists, with decodes of 32 tokens."""
    return {
        **attention(96, -3, n_decode, 32),
        "prefills": prefills,
    }


def skew(n: int, nb: int, parts: list[str], pc: int = 0, kp: int = 0, kvs: int = 128) -> Message:
    """Return a case whose long decodes are four times as long as the others."""
    return {
        "category": "skew",
        "tp": 1,
        "n": n,
        "nb": nb,
        "skew": 4.0,
        "ratio": nb / n,
        "pc": pc,
        "kp": kp,
        "kvs": kvs,
        "kv_big": 4 * kvs,
        "kv_mean": (nb * 4 * kvs + (n - nb) * kvs) // n,
        "regime": "mixed" if pc else "pure",
        "tier": 1,
        "parts": parts,
    }


def states(prefill_tokens: int, n_decode: int) -> Message:
    fields = {"prefill_tokens": prefill_tokens, "n_decode": n_decode}
    return {"category": "linear_attention", "tp": 1, **fields}


def moe(tokens: int, activated_experts: int) -> Message:
    return {"category": "moe", "tp": 1, "tokens": tokens, "activated_experts": activated_experts}
