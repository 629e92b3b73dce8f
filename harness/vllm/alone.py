"""The worker without a caller: fires the shots of a plan and writes what became of them to a file."""

import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from faults import Fault
from loop import EngineDead, Worker
from messages import Answer, Fire, Hello, Result, State
from plan import Fields, Plan, read_plan
from protocol import PROTOCOL, fields_of, parse_precision
from results import Results, answered, shot_key

CHUNKS = {"kernel": 128, "event": 64}
"""Shots between which a sentinel may come, by quantity: a chunk should take about a second."""

SENTINEL_S = 10.0
PROGRESS_S = 5.0


class Alone:
    """One run of a plan."""

    def __init__(self, plan: Plan, results: Results, quantity: str | None, done: set[str]) -> None:
        self.plan = plan
        self.results = results
        self.worker = Worker()
        self.quantity = quantity
        self.left = [shot for shot in plan.shots if shot_key(shot) not in done]
        self.total = len(self.left)
        self.fired = self.failed = self.seq = 0
        self.firing_s = 0.0
        self.told = time.monotonic()

    def run(self) -> int:
        """Fire what is left; returns the exit status: 1 when shots failed or are still left."""
        print(f"{self.total} of {len(self.plan.shots)} shots are left", file=sys.stderr)
        if not self.left:
            return 0
        hello = self.worker.hello(Hello(PROTOCOL))
        quantity = self.quantity or self.plan.settings.get("quantity") or hello.quantities[0]
        self.results.begin(self.plan.header, str(quantity))
        self.results.write(fields_of(hello))
        try:
            for tp in self.plan.degrees():
                shots = [shot for shot in self.left if shot["tp"] == tp]
                if shots:
                    self.sweep(tp, shots, str(quantity))
        except EngineDead:
            print("the engine died: run the same command again to go on", file=sys.stderr)
            return 1
        self.progress()
        return 1 if self.failed else 0

    def sweep(self, tp: int, shots: Sequence[Fields], quantity: str) -> None:
        """Boot the engine of a degree and fire its shots, a sentinel among them every few seconds."""
        self.results.write(fields_of(self.worker.boot(self.plan.boot(tp))))
        sentinel = sentinel_of(self.plan.header, self.plan.shots, tp)
        due = time.monotonic()
        chunk = CHUNKS.get(quantity, 16)
        for start in range(0, len(shots), chunk):
            if sentinel and time.monotonic() >= due:
                self.fire([sentinel], quantity, {"sentinel": True})
                due = time.monotonic() + SENTINEL_S
            self.fire(shots[start : start + chunk], quantity, {})
            if time.monotonic() - self.told >= PROGRESS_S:
                self.progress()
        if sentinel:
            self.fire([sentinel], quantity, {"sentinel": True})

    def fire(self, shots: Sequence[Fields], quantity: str, mark: dict[str, Any]) -> None:
        """Fire shots and write their answers; `mark` is added to them."""
        self.seq += 1
        started = time.monotonic()
        iterations = int(self.plan.settings.get("measurement_iterations") or 3)
        rule = self.plan.settings.get("precision")
        precision = None if rule is None else parse_precision(rule)
        request = Fire(self.seq, tuple(shots), iterations, quantity, precision)
        for answer in self.worker.fire(request):
            self.results.write({**fields_of(answer), **self.extra(answer, shots), **mark})
            if not mark:
                self.fired += hasattr(answer, "index")
                self.failed += hasattr(answer, "index") and not isinstance(answer, Result)
        self.firing_s += time.monotonic() - started

    def extra(self, answer: Answer, shots: Sequence[Fields]) -> dict[str, Any]:
        """Return what a line of the file has beside its answer: the shot, and for a state when it was."""
        index = getattr(answer, "index", None)
        if index is not None:
            return {"shot": shots[index]}
        return {"at_s": round(time.time(), 3)} if isinstance(answer, State) else {}

    def progress(self) -> None:
        """Say on stderr how far the run is."""
        self.told = time.monotonic()
        each = self.firing_s / max(1, self.fired)
        print(
            f"{self.fired} of {self.total} shots, {self.failed} failed, {each * 1000:.1f} ms each,"
            f" about {each * (self.total - self.fired):.0f} s left",
            file=sys.stderr,
        )


def sentinel_of(header: Fields, shots: Sequence[Fields], tp: int) -> Fields | None:
    """Return the shot that is repeated to see drift: the header's, or the middle one of attention."""
    named = header.get("sentinel")
    if isinstance(named, dict):
        return {**named, "tp": tp}
    attention = [shot for shot in shots if shot.get("category") == "attention" and shot["tp"] == tp]
    return sorted(attention, key=size)[len(attention) // 2] if attention else None


def size(shot: Fields) -> int:
    """Return how many tokens an attention shot looks at."""
    return int(shot["prefill_chunk"] + shot["kv_prefill"] + shot["n_decode"] * (1 + shot["kv_decode"]))


def run_alone(arguments: Any) -> int:
    """Run the worker on the files that its command line names; returns the exit status."""
    try:
        plan = read_plan(Path(arguments.plan))
        done = answered(Path(arguments.out), arguments.retry_failed)
        results = Results(Path(arguments.out))
    except (Fault, OSError) as error:
        print(error, file=sys.stderr)
        return 2
    try:
        return Alone(plan, results, arguments.quantity, done).run()
    except Fault as fault:
        print(fault.message if fault.detail is None else f"{fault.message} ({fault.detail})", file=sys.stderr)
        return 2 if fault.kind == "bad_request" else 1
    except KeyboardInterrupt:
        print("interrupted: run the same command again to go on", file=sys.stderr)
        return 130
    finally:
        results.close()
