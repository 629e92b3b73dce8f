"""The worker without a caller: fires the shots of a plan and writes what became of them to a file."""

import signal
import sys
import time
from collections.abc import Iterator, Sequence
from itertools import groupby
from pathlib import Path
from typing import Any

from faults import Fault
from loop import EngineDead, Worker
from messages import Hello
from offline.firing import Firing
from offline.plan import Fields, Plan, read_plan
from offline.results import Results, shot_key
from offline.resume import Before, read_before
from protocol import PROTOCOL, fields_of

CHUNKS = {"kernel": 128, "event": 64}
"""Shots between which a sentinel may come, by quantity: a chunk should take about a second."""

SENTINEL_S = 10.0
PROGRESS_S = 5.0

ROUNDS_AGAIN = 2
"""Rounds in which what is in doubt is measured again."""


class Alone:
    """One run of a plan."""

    def __init__(self, plan: Plan, results: Results, before: Before, worker: Worker) -> None:
        self.plan = plan
        self.results = results
        self.before = before
        self.worker = worker
        self.firing = Firing(worker, plan, results, before)
        self.total = self.fired = self.failed = 0
        self.firing_s = 0.0
        self.told = time.monotonic()
        self.watched: Fields | None = None
        """The sentinel of the engine that is booted."""
        self.first = True
        """Whether it was not fired yet."""
        self.due = 0.0

    def is_new(self, shot: Fields) -> bool:
        """Return whether a shot has no answer."""
        return shot_key(shot) not in self.before.answered

    def is_doubtful(self, shot: Fields) -> bool:
        """Return whether a shot is in doubt and to be measured again."""
        return self.before.doubts.is_due(shot_key(shot))

    def run(self, asked: str | None) -> int:
        """Fire what is left, in the asked quantity; returns 1 when shots failed or are still left, else 0."""
        left = [shot for shot in self.plan.shots if self.is_new(shot) or self.is_doubtful(shot)]
        print(f"{len(left)} of {len(self.plan.shots)} shots are left", file=sys.stderr)
        if not left:
            return 0
        hello = self.worker.hello(Hello(PROTOCOL))
        quantity = str(asked or self.plan.settings.get("quantity") or hello.quantities[0])
        self.results.begin(self.plan.header, quantity)
        self.before.quantity = quantity
        self.firing.write({**fields_of(hello), "at_s": round(time.time(), 3)})
        hopeless = [shot for shot in left if self.firing.give_up(shot)]
        self.total = sum(map(self.is_new, left)) + len(hopeless)
        self.count([False for _ in hopeless])
        try:
            for tp in self.plan.degrees():
                shots = [shot for shot in left if shot["tp"] == tp]
                if any(self.is_new(shot) or self.is_doubtful(shot) for shot in shots):
                    self.sweep(tp, [shot for shot in shots if self.is_new(shot)])
                    self.sustain(self.lasting(tp))
        except EngineDead as error:
            print(f"the engine died ({error}): run the same command again to go on", file=sys.stderr)
            return 1
        except KeyboardInterrupt:
            self.firing.write({"type": "done"})  # nobody is to think that the worker died
            raise
        self.progress()
        return 1 if self.failed else 0

    def sweep(self, tp: int, new: Sequence[Fields]) -> None:
        """Boot the engine of a degree, fire what is new and then again what is in doubt."""
        self.firing.write(fields_of(self.worker.boot(self.plan.boot(tp))))
        self.watched = sentinel_of(self.plan.header, self.plan.shots, tp)
        self.first = True
        self.fire(new)
        for _ in range(ROUNDS_AGAIN):
            doubtful = [shot for shot in self.plan.shots if shot["tp"] == tp and self.is_doubtful(shot)]
            if not doubtful:
                return
            if self.before.doubts.moved:
                self.watch()
            if self.before.doubts.moved:
                print(f"the device has moved: {len(doubtful)} shots at tp {tp} are in doubt", file=sys.stderr)
                return
            print(f"{len(doubtful)} shots at tp {tp} are measured again", file=sys.stderr)
            self.total += len(doubtful)
            self.fire(doubtful)

    def lasting(self, tp: int) -> list[Fields]:
        """Return the plan's shots of a degree that are still to be repeated without a pause."""
        shots = self.plan.header.get("sustained") or []
        return [shot for shot in shots if shot["tp"] == tp and shot_key(shot) not in self.before.sustained]

    def sustain(self, shots: Sequence[Fields]) -> None:
        """Repeat shots without a pause, where the device tells what that takes."""
        if shots and self.worker.read_state is not None:
            self.firing.sustain(shots)

    def fire(self, shots: Sequence[Fields]) -> None:
        """Fire shots, the sentinel before, every few seconds and when the clock has moved, and after them."""
        for chunk in self.chunks(shots):
            if self.first or time.monotonic() >= self.due or self.before.doubts.clock_moved:
                self.watch()
            started = time.monotonic()
            self.count(self.firing.fire(chunk))
            self.firing_s += time.monotonic() - started
            if time.monotonic() - self.told >= PROGRESS_S:
                self.progress()
        self.watch()

    def chunks(self, shots: Sequence[Fields]) -> Iterator[Sequence[Fields]]:
        """Return shots in chunks of one category; those among which a worker died come first, one by one."""
        suspects = [shot for shot in shots if self.firing.deaths(shot)]
        others = [shot for shot in shots if not self.firing.deaths(shot)]
        yield from ([shot] for shot in suspects)
        size = CHUNKS.get(self.before.quantity, 16)
        for _, group in groupby(others, lambda shot: shot["category"]):
            sweep = list(group)
            yield from (sweep[start : start + size] for start in range(0, len(sweep), size))

    def watch(self) -> None:
        """Fire the sentinel, as long as it can be fired."""
        if self.watched is not None and not self.firing.sentinel(self.watched, self.first):
            self.watched = None
        self.first = False
        self.due = time.monotonic() + SENTINEL_S

    def count(self, measured: Sequence[bool]) -> None:
        """Count shots that were fired."""
        self.fired += len(measured)
        self.failed += measured.count(False)

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
        before = read_before(Path(arguments.out), arguments.retry_failed, arguments.drift_share)
        results = Results(Path(arguments.out))
    except (Fault, OSError) as error:
        print(error, file=sys.stderr)
        return 2
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        return Alone(plan, results, before, Worker()).run(arguments.quantity)
    except Fault as fault:
        print(fault.message if fault.detail is None else f"{fault.message} ({fault.detail})", file=sys.stderr)
        return 2 if fault.kind == "bad_request" else 1
    except KeyboardInterrupt:
        print("interrupted: run the same command again to go on", file=sys.stderr)
        return 130
    finally:
        results.close()
