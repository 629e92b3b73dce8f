"""Firing chunks of a plan: the journal has when each was begun and what became of it."""

import sys
import time
from collections.abc import Iterator, Sequence
from typing import Any

from loop import Worker
from messages import Answer, Done, Failed, Fire, Precision, Result, State, Sustain, Sustained
from offline.journal import Journal, id_fields, shot_hash
from offline.judge import clock_moved, time_of
from offline.plan import Fields, Plan
from offline.resume import SENTINEL, ResumeState
from protocol import fields_of, parse_precision

MOST_DEATHS = 2
"""How often a worker may die of a shot before the shot has failed."""

SENTINEL_SAMPLES = 9

SUSTAIN_S = 0.5
"""For how long a module is repeated: power limits act within milliseconds, energy counters step by tens."""

MOST_FIRSTS = 5
"""How often an engine's first sentinel is fired at most until two in a row agree: the device warms up."""


class Firing:
    """Fires chunks with a worker."""

    def __init__(self, worker: Worker, plan: Plan, journal: Journal, state: ResumeState) -> None:
        self.worker = worker
        self.journal = journal
        self.state = state
        self.quantity = ""
        self.iterations = int(plan.settings.get("measurement_iterations") or 3)
        rule = plan.settings.get("precision")
        self.precision = None if rule is None else parse_precision(rule)
        self.seq = 0
        self.first_clock: int | None = None
        self.clocks: list[int] = []
        """Clocks after the chunks since the last sentinel."""
        self.clock: int | None = None
        """The clock that was told last."""

    def write(self, line: Fields) -> None:
        """Add a line to the journal, and take it in."""
        self.journal.write(line)
        self.state.take(line)

    def fire(self, shots: Sequence[Fields]) -> list[bool]:
        """Fire shots and write their answers; returns for each whether it was measured.

        When the engine dies in a chunk, nothing tells which shot it was: they are left without an answer. A
        shot that was alone has failed when it is not the first death that it is part of.
        """
        is_last = len(shots) == 1 and self.deaths(shots[0]) + 1 >= MOST_DEATHS
        measured = []
        self.begin({"type": "chunk", "shots": [shot_hash(shot) for shot in shots]})
        for answer in self.answers(shots, self.iterations, self.precision):
            if not (isinstance(answer, Failed) and answer.kind == "engine_dead" and not is_last):
                self.write(line_of(answer, shots))
            if isinstance(answer, Result | Failed):
                measured.append(isinstance(answer, Result))
        return measured

    def give_up(self, shot: Fields) -> bool:
        """Write that a shot has failed when the worker has died of it too often; returns whether it has."""
        hopeless = self.deaths(shot) >= MOST_DEATHS
        if hopeless:
            message = f"the worker died {MOST_DEATHS} times while it fired this shot"
            self.write({"type": "failed", **id_fields(shot), "kind": "engine_dead", "message": message})
        return hopeless

    def deaths(self, shot: Fields, prefix: str = "") -> int:
        """Return how often a worker died in a chunk with a shot that has no answer since."""
        return self.state.deaths[prefix + shot_hash(shot)]

    def sentinel(self, shot: Fields, first: bool) -> bool:
        """Fire the sentinel, an engine's first until two agree; returns whether it can be fired."""
        if self.deaths(shot, SENTINEL) >= MOST_DEATHS:
            return False
        self.begin({"type": "chunk", "shots": [shot_hash(shot)], "sentinel": True})
        before_us = 0.0
        for _ in range(MOST_FIRSTS if first else 1):
            clocks, self.clocks = (self.clocks, []) if not first else ([], [])
            answers = list(self.answers([shot], SENTINEL_SAMPLES, None))
            samples = next((answer.samples for answer in answers if isinstance(answer, Result)), None)
            time_us = 0.0 if samples is None else time_of(samples)
            if abs(time_us - before_us) <= self.state.judge.share * before_us:
                break
            before_us = time_us
        for answer in answers:
            if isinstance(answer, Result):
                self.write(self.sentinel_line(shot, answer, [*clocks, *self.clocks]))
            elif isinstance(answer, Failed):
                self.write({**line_of(answer, [shot]), "sentinel": True})
            else:
                self.write(line_of(answer, [shot]))
        self.clocks = []
        if self.first_clock is None:
            self.first_clock = self.clock
        return samples is not None

    def sustain(self, shots: Sequence[Fields]) -> None:
        """Repeat shots without a pause; one that cannot be is left out, and said on stderr."""
        self.seq += 1
        for answer in self.worker.sustain(Sustain(self.seq, tuple(shots), SUSTAIN_S)):
            if isinstance(answer, Sustained):
                self.write(line_of(answer, shots))
            elif isinstance(answer, Failed):
                print(f"not sustained: {answer.message}", file=sys.stderr)

    def sentinel_line(self, shot: Fields, answer: Result, clocks: Sequence[int]) -> Fields:
        """Return the line of a sentinel, with the clocks since the one before."""
        line = {"type": "sentinel", **id_fields(shot), "samples": answer.samples, "clock_mhz": self.clock}
        ranges = {"clocks_mhz": [min(clocks), max(clocks)]} if clocks else {}
        own = {} if answer.shot_clocks_mhz is None else {"shot_clocks_mhz": answer.shot_clocks_mhz}
        return {**line, **ranges, **own, "at_s": round(time.time(), 3)}

    @property
    def clock_has_moved(self) -> bool:
        """Whether the clock has moved, so that a sentinel is to be fired at once."""
        return clock_moved(self.first_clock, self.clock)

    def begin(self, chunk: Fields) -> None:
        """Write that a chunk is begun, so that its shots are known should the process end in it."""
        self.write(chunk)
        self.journal.flush()

    def answers(
        self, shots: Sequence[Fields], iterations: int, precision: Precision | None
    ) -> Iterator[Answer]:
        """Return the answers to shots; the clock after them counts, it may have been slow before."""
        self.seq += 1
        latest: int | None = None
        request = Fire(self.seq, tuple(shots), iterations, self.quantity, precision)
        for answer in self.worker.fire(request):
            if isinstance(answer, State):
                latest = answer.sm_clock_mhz
            if isinstance(answer, Done) and latest is not None:
                self.clock = latest
                self.clocks.append(latest)
            yield answer


def line_of(answer: Answer, shots: Sequence[Fields]) -> dict[str, Any]:
    """Return the line of an answer: it says which shot it is about, and for a state when it was."""
    match answer:
        case Result() | Failed() | Sustained():
            fields = fields_of(answer)
            told = {name: value for name, value in fields.items() if name not in ("type", "seq", "index")}
            kind = "shot" if isinstance(answer, Result) else answer.type
            return {"type": kind, **id_fields(shots[answer.index]), **told}
        case State():
            told = {name: value for name, value in fields_of(answer).items() if name != "seq"}
            return {**told, "at_s": round(time.time(), 3)}
        case Done():
            busy = {} if answer.device_busy_us is None else {"device_busy_us": answer.device_busy_us}
            return {"type": "cost", "wall_us": answer.wall_us or 0, **busy}
    return fields_of(answer)
