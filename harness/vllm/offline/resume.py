"""What a results file has already: answers, doubts about them, and shots that a worker died of."""

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from offline.doubts import Doubts
from offline.results import shot_hash, shot_key

SENTINEL = "sentinel "
"""What the hash of a shot is prefixed with where it was fired as the sentinel."""


class Before:
    """What became of shots so far, taken in line by line."""

    def __init__(self, retry_failed: bool, drift_share: float | None) -> None:
        self.retry_failed = retry_failed
        self.answered: set[str] = set()
        """Keys of the shots that need no firing, unless they are in doubt."""
        self.sustained: set[str] = set()
        """Keys of the shots that were repeated without a pause."""
        self.doubts = Doubts(drift_share)
        self.deaths: Counter[str] = Counter()
        """How often a process ended in a chunk, by the hashes of its unanswered shots."""
        self.quantity = ""
        self.begun: list[str] = []
        self.clock: int | None = None
        self.held: Mapping[str, Any] | None = None

    def take(self, line: Mapping[str, Any]) -> None:
        """Take in a line."""
        kind = line.get("type")
        if kind not in ("done", "state"):
            self.judge_held()
        match kind:
            case "results":
                self.quantity = str(line.get("quantity"))
            case "hello":
                self.end()
                self.doubts.begin(self.quantity)
            case "chunk":
                prefix = SENTINEL if line.get("sentinel") else ""
                self.begun = [prefix + shot for shot in line["shots"]]
            case "state":
                self.clock = line.get("sm_clock_mhz")
            case "done":
                self.begun = []
                self.doubts.see(self.clock)
                self.clock = None
                self.judge_held()
            case "sustained":
                self.sustained.add(shot_key(line["shot"]))
            case "result" | "failed":
                self.take_outcome(line, line["shot"])

    def take_outcome(self, line: Mapping[str, Any], shot: Mapping[str, Any]) -> None:
        """Take in what became of a shot or a sentinel."""
        key = shot_key(shot)
        measured = line["type"] == "result"
        if line.get("sentinel"):
            self.held = line if measured else None
            return
        self.deaths.pop(shot_hash(shot), None)
        if measured:
            self.answered.add(key)
            self.doubts.measured(key)
        elif self.retry_failed:
            self.answered.discard(key)
        else:
            self.answered.add(key)
            self.doubts.give_up(key)

    def judge_held(self) -> None:
        """Judge the sentinel that waits for the clock after it."""
        if self.held is not None:
            self.doubts.sentinel(shot_key(self.held["shot"]), self.held["samples"])
        self.held = None

    def end(self) -> None:
        """Take in that the process that wrote has ended, in the chunk that is not done."""
        self.judge_held()
        self.deaths.update(self.begun)
        self.begun = []


def read_before(path: Path, retry_failed: bool = False, drift_share: float | None = None) -> Before:
    """Read a results file, which need not exist.

    Shots that have failed are fired again on request; `drift_share` is by how much sentinels may move, None
    for what is usual.
    """
    before = Before(retry_failed, drift_share)
    for line in whole_lines(path):
        before.take(line)
    before.end()
    before.retry_failed = False
    return before


def whole_lines(path: Path) -> Iterator[Mapping[str, Any]]:
    """Return a file's lines; one that an outage cut is passed over."""
    if not path.exists():
        return
    with path.open("rb") as file:
        for text in file:
            try:
                line = json.loads(text)
            except ValueError:
                continue
            if isinstance(line, dict):
                yield line
