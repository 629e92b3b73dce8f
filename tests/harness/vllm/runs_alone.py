"""Runs of plans alone, with a worker of plain Python."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from unittest.mock import patch

from client import Message, attention, dense
from loop import EngineDead
from messages import Answer, Boot, Booted, Done, Failed, Fire, Hello, HelloAnswer, Limits, Result
from offline import run as offline_run
from offline.journal import Journal, id_of, shot_hash
from offline.plan import Plan
from offline.resume import read_state
from offline.run import OfflineRun

HEADER: Message = {
    "format": "shotlab-plan",
    "version": 1,
    "settings": {
        "dtype": "bfloat16",
        "kv_cache_dtype": "auto",
        "max_num_batched_tokens": 64,
        "max_num_seqs": 8,
        "measurement_iterations": 3,
    },
    "configs": {"1": {}, "2": {}},
    "architecture": {"sequence": {}, "catalog": {}},
    "sentinels": {"1": attention(16, 0, 2, 128)},
}
SENTINEL = attention(16, 0, 2, 128)
SHOTS = [*(dense(tokens) for tokens in range(1, 7)), SENTINEL]
LIMITS = Limits(64, 8, 4096, 512, None, None, 16)


class Killed(BaseException):
    """The process of the worker is gone."""


class FakeWorker:
    """Answers every shot with a time; a process of it lives until a shot kills it."""

    def __init__(self, time_us: Callable[[Message], float] = lambda _: 10.0) -> None:
        self.time_us = time_us
        self.fired: list[list[Message]] = []
        self.iterations: list[int] = []
        self.deadly: dict[object, type[BaseException]] = {}
        self.clocks: Callable[[Message], tuple[int, int] | None] = lambda _: None
        """The clocks that are counted around a shot."""

    def hello(self, _: Hello) -> HelloAnswer:
        return HelloAnswer(1, "fake", "1", "fake", "1", "Abacus", "none", "wood", ["kernel"], 1)

    def boot(self, request: Boot) -> Booted:
        return Booted(request.tp, LIMITS, 256, {}, {})

    def fire(self, request: Fire) -> Iterator[Answer]:
        shots = [dict(shot) for shot in request.shots]
        self.fired.append(shots)
        self.iterations.append(request.iterations)
        for shot in shots:
            kind = self.deadly.get(id_of(shot))
            if kind is EngineDead:
                yield Failed(request.seq, 0, "engine_dead", "illegal access")
                raise EngineDead("illegal access")
            if kind is not None:
                raise kind
        for index, shot in enumerate(shots):
            samples = {"layer": [self.time_us(shot)] * request.iterations}
            yield Result(request.seq, index, samples, shot_clocks_mhz=self.clocks(shot))
        yield Done(request.seq, 5.0, 9.0)

    def fired_shots(self) -> list[list[str]]:
        """Return the chunks that were fired, the sentinel's left out."""
        return [
            ["".join(str(shot.get("tokens", "a"))) for shot in chunk]
            for chunk, iterations in zip(self.fired, self.iterations, strict=True)
            if iterations == 3
        ]


def run(
    path: Path,
    worker: Any,
    shots: list[Message] = SHOTS,
    retry_failed: bool = False,
    header: Message = HEADER,
) -> int | None:
    """Run a plan on a file in chunks of three; returns its exit status, None when the worker was killed."""
    journal = Journal(path)
    state = read_state(path, {id_of(shot): shot_hash(shot) for shot in [*shots, SENTINEL]}, retry_failed)
    try:
        with patch.dict(offline_run.CHUNKS, kernel=3):
            return OfflineRun(Plan(header, list(shots)), journal, state, worker).run(None)
    except (Killed, KeyboardInterrupt):
        return None
    finally:
        journal.close()
