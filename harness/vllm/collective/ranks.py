"""Starts the ranks of a group, joins what they tell, and leaves none of them behind."""

import json
import math
import subprocess
import time
from collections.abc import Iterator, Sequence
from queue import Empty, SimpleQueue
from threading import Thread
from typing import Any

from collective.job import Job
from faults import Fault
from script import plural

LAST_WORDS_S = 0.5
"""How long what a rank has to say is awaited when another has ended."""

Line = tuple[int, dict[str, Any] | None]
"""A rank and what it told; None at its end."""


class Ranks:
    """The processes of a group. Each reads the job on its standard input and ends with it."""

    def __init__(self, commands: Sequence[Sequence[str]], job: Job, stages: Sequence[str]) -> None:
        """Start them; each is to answer once in every stage."""
        self.lines: SimpleQueue[Line] = SimpleQueue()
        self.processes: list[subprocess.Popen[str]] = []
        self.stages = stages
        self.told: list[list[dict[str, Any]]] = [[] for _ in commands]
        self.over: set[int] = set()
        try:
            for number, command in enumerate(commands):
                process = subprocess.Popen(
                    command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, encoding="utf-8"
                )
                self.processes.append(process)
                Thread(target=self.listen, args=(number, process), daemon=True).start()
                self.hand(process, job)
        except BaseException:
            self.close()
            raise

    @staticmethod
    def hand(process: "subprocess.Popen[str]", job: Job) -> None:
        """Give a rank its job; one that has ended already shows in its end."""
        assert process.stdin is not None
        try:
            process.stdin.write(job.line() + "\n")
            process.stdin.flush()
        except BrokenPipeError:
            pass

    def listen(self, number: int, process: "subprocess.Popen[str]") -> None:
        """Queue what a rank tells."""
        assert process.stdout is not None
        for text in process.stdout:
            try:
                fields = json.loads(text)
            except ValueError:
                fields = {"type": "failed", "message": f"it told what is no JSON: {text.strip()[:80]}"}
            self.lines.put((number, fields))
        self.lines.put((number, None))

    def answers(self, stage: int, timeout_s: float) -> list[dict[str, Any]]:
        """Return what each rank told in a stage; raises Fault when one fails, ends or is silent."""
        ends = time.monotonic() + timeout_s
        while waiting := [number for number, told in enumerate(self.told) if len(told) <= stage]:
            for number in self.over.intersection(waiting):
                raise self.ended(number)
            try:
                self.take(*self.lines.get(timeout=max(0.0, ends - time.monotonic())))
            except Empty:
                silent = ", ".join(map(str, waiting))
                raise Fault(
                    "timeout",
                    f"rank {silent} did not answer within {timeout_s:g} s during {self.stages[stage]}",
                ) from None
        return [told[stage] for told in self.told]

    def take(self, number: int, fields: dict[str, Any] | None) -> None:
        """Keep what a rank told; raises Fault when it failed."""
        if fields is None:
            self.over.add(number)
            return
        if fields.get("type") == "failed":
            message = f"rank {number} failed during {self.doing(number)}: {fields.get('message')}"
            raise Fault("engine_dead", message)
        self.told[number].append(fields)

    def doing(self, number: int) -> str:
        """Return the stage that a rank is in."""
        return self.stages[min(len(self.told[number]), len(self.stages) - 1)]

    def ended(self, number: int) -> Fault:
        """Return the fault of a rank that has ended; what another says of its own failure comes first."""
        ends = time.monotonic() + LAST_WORDS_S
        while True:
            try:
                self.take(*self.lines.get(timeout=max(0.0, ends - time.monotonic())))
            except Empty:
                break
            except Fault as fault:
                return fault
        process = self.processes[number]
        process.kill()  # one that only closed its output; nothing happens to one that has ended
        status = process.wait()
        return Fault("engine_dead", f"rank {number} ended with status {status} during {self.doing(number)}")

    def close(self) -> None:
        """Kill what is left."""
        for process in self.processes:
            process.kill()
        for process in self.processes:
            process.wait()


def measure_group(job: Job, way: str, commands: Sequence[Sequence[str]]) -> Iterator[dict[str, Any]]:
    """Yield the device of a group, then each collective of each size: the slowest rank of every trial.

    Nothing is started for a group that is left nothing to measure.

    Raises Fault when a rank fails, ends, is silent for too long, or tells another size than the others.
    """
    cases = job.cases(way, len(commands))
    if not cases:
        return
    stages = ["the start of its group", *(f"{collective} of {size:,} bytes" for collective, size in cases)]
    ranks = Ranks(commands, job, stages)
    try:
        yield {"device": agreed(ranks.answers(0, job.boot_timeout_s), "device", stages[0])}
        for number, (collective, size) in enumerate(cases, 1):
            what = stages[number]
            answers = ranks.answers(number, job.size_timeout_s)
            for name, expected in (("collective", collective), ("bytes", size)):
                if agreed(answers, name, what) != expected:
                    raise Fault("engine_dead", f"the ranks told {name} {answers[0][name]} during {what}")
            calls = agreed(answers, "calls", what)
            trials = [max(us) for us in zip(*(times(one, what, job) for one in answers), strict=True)]
            yield {"collective": collective, "bytes": size, "calls": calls, "trials_us": trials}
    finally:
        ranks.close()


def agreed(answers: Sequence[dict[str, Any]], name: str, what: str) -> Any:
    """Return what all ranks tell alike; raises Fault when one differs."""
    values = [answer.get(name) for answer in answers]
    if any(value != values[0] for value in values) or values[0] is None:
        told = ", ".join(f"rank {number} {value}" for number, value in enumerate(values))
        raise Fault("engine_dead", f"the ranks disagree on {name} during {what}: {told}")
    return values[0]


def times(answer: dict[str, Any], what: str, job: Job) -> list[float]:
    """Return the times of a rank's trials; raises Fault when they are no such times."""
    us = answer.get("us")
    if isinstance(us, list) and len(us) == job.trials:
        found = [float(one) for one in us if isinstance(one, int | float) and 0 < one < math.inf]
        if len(found) == job.trials:
            return found
    raise Fault("engine_dead", f"a rank told no times of {plural(job.trials, 'trial')} during {what}")


def rank_commands(program: Sequence[str], way: str, ranks: int, store: str) -> list[list[str]]:
    """Return the commands of a group's ranks, which meet by the file `store`."""
    group = ["--of", str(ranks), "--way", way, "--store", store]
    return [[*program, "--rank", str(rank), *group] for rank in range(ranks)]
