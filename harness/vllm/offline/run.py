"""The worker without a caller: fires the shots of a plan and writes what became of them to a journal."""

import signal
import sys
import time
from collections.abc import Iterator, Sequence
from itertools import groupby
from pathlib import Path
from typing import Any

from faults import Fault
from loop import EngineDead, Worker
from messages import Hello, HelloAnswer
from offline.firing import Firing
from offline.journal import FORMAT, Journal, id_of, now, shot_hash
from offline.judge import usual_share
from offline.plan import EngineKey, Fields, Plan, engine_of, read_plan
from offline.resume import ResumeState, read_state
from protocol import PROTOCOL, fields_of
from script import plural, reason

CHUNKS = {"kernel": 128, "event": 64}
"""Shots between which a sentinel may come, by quantity: a chunk should take about a second."""

SENTINEL_S = 10.0
PROGRESS_S = 5.0

ROUNDS_AGAIN = 2
"""Rounds in which what is in doubt is measured again."""

MANY = 64
MOST = 0.5
"""So many shots in doubt again, more than this share of a round's, move the device themselves."""


IDENTITY = (
    *("harness", "harness_version", "engine", "engine_version", "device", "driver", "runtime", "processor"),
    *("dtype", "kv_cache_dtype", "quantity", "model_revision", "clock_mhz"),
)
"""The fields of a session's identity, of those that the harness and the plan's settings have."""


class OfflineRun:
    """One run of a plan."""

    def __init__(self, plan: Plan, journal: Journal, state: ResumeState, worker: Worker) -> None:
        self.plan = plan
        self.journal = journal
        self.state = state
        self.worker = worker
        self.firing = Firing(worker, plan, journal, state)
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
        return id_of(shot) not in self.state.answered

    def is_doubtful(self, shot: Fields) -> bool:
        """Return whether a shot is in doubt and to be measured again."""
        return self.state.is_due(id_of(shot))

    def run(self, requested: str | None, drift_share: float | None = None, accept_speed: bool = False) -> int:
        """Fire what is left, in the quantity; returns 1 when shots failed or are in doubt, else 0."""
        left = [shot for shot in self.plan.shots if self.is_new(shot) or self.is_doubtful(shot)]
        planned = plural(len(self.plan.shots), "shot is", "shots are")
        print(f"{len(left):,} of {planned} left", file=sys.stderr)
        if not left:
            return self.status()
        hello = self.worker.hello(Hello(PROTOCOL))
        quantity = str(requested or self.plan.settings.get("quantity") or hello.quantities[0])
        self.journal.begin(self.plan.header, quantity)
        self.firing.quantity = quantity
        share = usual_share(quantity) if drift_share is None else drift_share
        self.firing.write(session_line(hello, self.plan, quantity, share, accept_speed))
        hopeless = [shot for shot in left if self.firing.give_up(shot)]
        self.total = sum(map(self.is_new, left)) + len(hopeless)
        self.count([False for _ in hopeless])
        try:
            for engine in self.plan.engines():
                shots = [shot for shot in left if engine_of(shot) == engine]
                if any(self.is_new(shot) or self.is_doubtful(shot) for shot in shots):
                    self.sweep(engine, [shot for shot in shots if self.is_new(shot)])
                    self.sustain(self.lasting(engine))
        except EngineDead as error:
            print(f"the engine died ({error}): run the same command again to go on", file=sys.stderr)
            return 1
        except KeyboardInterrupt:
            self.firing.write({"type": "cost", "wall_us": 0})  # nobody is to think that the worker died
            raise
        self.progress()
        return self.status()

    def status(self) -> int:
        """Return the exit status: 1 when shots failed in this run or some are in doubt."""
        doubtful = sum(self.state.judge.in_doubt(id_of(shot)) for shot in self.plan.shots)
        if doubtful:
            print(
                f"{plural(doubtful, 'shot is', 'shots are')} in doubt: the device drifted, or nothing says"
                f" that it did not; the same command measures {'it' if doubtful == 1 else 'them'} again"
                " when it is back, --accept-speed takes its present speed for the right one",
                file=sys.stderr,
            )
        return 1 if self.failed or doubtful else 0

    def sweep(self, engine: EngineKey, new: Sequence[Fields]) -> None:
        """Boot an engine, fire what is new and then again what is in doubt."""
        tp, ep = engine
        booted = fields_of(self.worker.boot(self.plan.boot(tp, ep)))
        self.firing.write({**booted, "type": "engine", **({"ep": ep} if ep > 1 else {})})
        self.watched = self.plan.sentinel(tp)
        self.first = True
        if self.watched is None and any(shot["category"] == "attention" for shot in self.shots_of(engine)):
            print(f"the plan names no sentinel at tp {tp}: nothing watches the device", file=sys.stderr)
        if any(self.is_doubtful(shot) for shot in self.shots_of(engine)):
            self.watch()
        if new:
            self.fire(new)
        again: int | None = None
        for _ in range(ROUNDS_AGAIN):
            if self.state.judge.moved:
                self.watch()
            doubtful = [shot for shot in self.shots_of(engine) if self.is_doubtful(shot)]
            if not doubtful:
                return
            if self.state.judge.moved:
                told = plural(len(doubtful), "shot is", "shots are")
                print(f"the device drifted: {told} in doubt at tp {tp}", file=sys.stderr)
                return
            if again is not None and len(doubtful) >= MANY and len(doubtful) > MOST * again:
                settled = f"measured again, {again - len(doubtful)} of {again} were settled"
                told = plural(len(doubtful), "shot")
                print(f"the device drifts with {told} at tp {tp} ({settled})", file=sys.stderr)
                return
            again = len(doubtful)
            print(f"{plural(again, 'shot is', 'shots are')} measured again at tp {tp}", file=sys.stderr)
            self.total += again
            self.fire(doubtful)

    def lasting(self, engine: EngineKey) -> list[Fields]:
        """Return the plan's shots of an engine that are still to be repeated without a pause."""
        shots = self.plan.header.get("sustained") or []
        return [
            shot for shot in shots if engine_of(shot) == engine and id_of(shot) not in self.state.sustained
        ]

    def sustain(self, shots: Sequence[Fields]) -> None:
        """Repeat shots without a pause, where the device tells what that takes."""
        if shots and self.worker.read_state is not None:
            self.firing.sustain(shots)

    def shots_of(self, engine: EngineKey) -> list[Fields]:
        """Return the shots of an engine."""
        return [shot for shot in self.plan.shots if engine_of(shot) == engine]

    def fire(self, shots: Sequence[Fields]) -> None:
        """Fire shots, the sentinel before, every few seconds and when the clock has moved, and after them."""
        for chunk in self.chunks(shots):
            if self.first or time.monotonic() >= self.due or self.firing.clock_has_moved:
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
        size = CHUNKS.get(self.firing.quantity, 16)
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
            f"{self.fired:,} of {plural(self.total, 'shot')}, {self.failed:,} failed,"
            f" {each * 1000:.1f} ms each, about {each * (self.total - self.fired):.0f} s left",
            file=sys.stderr,
        )


def session_line(
    hello: HelloAnswer, plan: Plan, quantity: str, share: float, accept_speed: bool
) -> dict[str, Any]:
    """Return the line that says who writes from here on, and how the device is watched."""
    known = {
        **plan.settings,
        **fields_of(hello),
        "quantity": quantity,
        "clock_mhz": plan.settings.get("clock"),
    }
    return {
        "type": "session",
        "format": FORMAT,
        "started": now(),
        "identity": {name: known[name] for name in IDENTITY if known.get(name) is not None},
        "settings": plan.settings,
        "watch": {"every_s": SENTINEL_S, "share": share},
        **({"accept_speed": True} if accept_speed else {}),
    }


def run_alone(arguments: Any, worker: Worker | None = None) -> int:
    """Run a worker, a new one if none is given, on the files that its command line names.

    Returns the exit status.
    """
    try:
        plan = read_plan(Path(arguments.plan))
        names = {id_of(shot): shot_hash(shot) for shot in [*plan.shots, *plan.sentinels()]}
        journal = Journal(Path(arguments.out))
    except OSError as error:
        print(f"cannot write {arguments.out}: {reason(error)}", file=sys.stderr)
        return 2
    except Fault as fault:
        print(fault.message, file=sys.stderr)
        return 2
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    used = worker or Worker()
    try:
        state = read_state(Path(arguments.out), names, arguments.retry_failed)
        run = OfflineRun(plan, journal, state, used)
        return run.run(arguments.quantity, arguments.drift_share, arguments.accept_speed)
    except Fault as fault:
        print(fault.message if fault.detail is None else f"{fault.message} ({fault.detail})", file=sys.stderr)
        return 2 if fault.kind == "bad_request" else 1
    except KeyboardInterrupt:
        print("interrupted: run the same command again to go on", file=sys.stderr)
        return 130
    finally:
        used.unlock()
        journal.close()
