"""Firing chunks of a plan: a results file has when each was begun and what became of it."""

import sys
import time
from collections.abc import Iterator, Sequence
from typing import Any

from loop import Worker
from messages import Answer, Failed, Fire, Precision, Result, State, Sustain, Sustained
from offline.doubts import time_of
from offline.plan import Fields, Plan
from offline.results import Results, shot_hash
from offline.resume import SENTINEL, Before
from protocol import fields_of, parse_precision

MOST_DEATHS = 2
"""How often a worker may die of a shot before the shot has failed."""

SENTINEL_SAMPLES = 9

SUSTAIN_S = 0.6
"""For how long a module is repeated: power limits act within milliseconds, energy counters step by tens."""

MOST_FIRSTS = 5
"""How often an engine's first sentinel is fired at most until two in a row agree: the device warms up."""


class Firing:
    """Fires chunks with a worker."""

    def __init__(self, worker: Worker, plan: Plan, results: Results, before: Before) -> None:
        self.worker = worker
        self.results = results
        self.before = before
        self.iterations = int(plan.settings.get("measurement_iterations") or 3)
        rule = plan.settings.get("precision")
        self.precision = None if rule is None else parse_precision(rule)
        self.seq = 0

    def write(self, line: Fields) -> None:
        """Add a line to the file, and take it in."""
        self.results.write(line)
        self.before.take(line)

    def fire(self, shots: Sequence[Fields]) -> list[bool]:
        """Fire shots and write their answers; returns for each whether it was measured.

        When the engine dies in a chunk, nothing tells which shot it was: they are left without an answer. A
        shot that was alone has failed when it is not the first death that it is part of.
        """
        is_last = len(shots) == 1 and self.deaths(shots[0]) + 1 >= MOST_DEATHS
        measured = []
        self.begin({"type": "chunk", "shots": [shot_hash(shot) for shot in shots]})
        for answer in self.answers(shots, self.iterations, self.precision):
            line = told(answer, shots)
            if line.get("kind") != "engine_dead" or is_last:
                self.write(line)
            if "shot" in line:
                measured.append(line["type"] == "result")
        return measured

    def give_up(self, shot: Fields) -> bool:
        """Write that a shot has failed when the worker has died of it too often; returns whether it has."""
        hopeless = self.deaths(shot) >= MOST_DEATHS
        if hopeless:
            message = f"the worker died {MOST_DEATHS} times while it fired this shot"
            self.write({"type": "failed", "shot": shot, "kind": "engine_dead", "message": message})
        return hopeless

    def deaths(self, shot: Fields, prefix: str = "") -> int:
        """Return how often a worker died in a chunk with a shot that has no answer since."""
        return self.before.deaths[prefix + shot_hash(shot)]

    def sentinel(self, shot: Fields, first: bool) -> bool:
        """Fire the sentinel, an engine's first until two agree; returns whether it can be fired."""
        if self.deaths(shot, SENTINEL) >= MOST_DEATHS:
            return False
        self.begin({"type": "chunk", "shots": [shot_hash(shot)], "sentinel": True})
        before_us = 0.0
        for _ in range(MOST_FIRSTS if first else 1):
            lines = [told(answer, [shot]) for answer in self.answers([shot], SENTINEL_SAMPLES, None)]
            samples = next((line["samples"] for line in lines if line["type"] == "result"), None)
            time_us = 0.0 if samples is None else time_of(samples)
            if abs(time_us - before_us) <= self.before.doubts.share * before_us:
                break
            before_us = time_us
        for line in lines:
            self.write({**line, "sentinel": True})
        return samples is not None

    def sustain(self, shots: Sequence[Fields]) -> None:
        """Repeat shots without a pause; one that cannot be is left out, and said on stderr."""
        self.seq += 1
        for answer in self.worker.sustain(Sustain(self.seq, tuple(shots), SUSTAIN_S)):
            if isinstance(answer, Sustained):
                self.write(told(answer, shots))
            elif isinstance(answer, Failed):
                print(f"not sustained: {answer.message}", file=sys.stderr)

    def begin(self, chunk: Fields) -> None:
        """Write that a chunk is begun, so that its shots are known should the process end in it."""
        self.write(chunk)
        self.results.flush()

    def answers(
        self, shots: Sequence[Fields], iterations: int, precision: Precision | None
    ) -> Iterator[Answer]:
        """Return the answers to shots."""
        self.seq += 1
        return self.worker.fire(Fire(self.seq, tuple(shots), iterations, self.before.quantity, precision))


def told(answer: Answer, shots: Sequence[Fields]) -> dict[str, Any]:
    """Return the line of an answer: it has the shot itself, and for a state when it was."""
    line = fields_of(answer)
    if isinstance(answer, Result | Sustained | Failed):
        return {**line, "shot": shots[answer.index]}
    return {**line, "at_s": round(time.time(), 3)} if isinstance(answer, State) else line
