"""What a journal has already: answers, doubts about them, and shots that a worker died of."""

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from offline.journal import ShotId, shot_id
from offline.judge import Judge

SENTINEL = "sentinel "
"""What the hash of a shot is prefixed with where it was fired as the sentinel."""


class ResumeState:
    """What became of shots so far, taken in line by line."""

    def __init__(self, retry_failed: bool = False) -> None:
        self.retry_failed = retry_failed
        self.answered: set[ShotId] = set()
        """The shots that need no firing, unless they are in doubt."""
        self.failed: set[ShotId] = set()
        """The shots of these that have failed and are not to be fired again."""
        self.sustained: set[ShotId] = set()
        """The shots that were repeated without a pause."""
        self.judge = Judge()
        self.deaths: Counter[str] = Counter()
        """How often a process ended in a chunk, by the hashes of its unanswered shots."""
        self.begun: list[str] = []
        self.names: dict[ShotId, str] = {}
        """The hashes of the shots of the plan."""

    def is_due(self, shot: ShotId) -> bool:
        """Return whether a shot is in doubt and to be measured again."""
        return shot not in self.failed and self.judge.is_due(shot)

    def take(self, line: Mapping[str, Any]) -> None:
        """Take in a line."""
        self.judge.take(line)
        match line.get("type"):
            case "session":
                self.end()
            case "chunk":
                prefix = SENTINEL if line.get("sentinel") else ""
                self.begun = [prefix + shot for shot in line["shots"]]
            case "cost":
                self.begun = []
            case "sentinel":
                self.deaths.pop(SENTINEL + self.names.get(shot_id(line), ""), None)
            case "sustained":
                self.sustained.add(shot_id(line))
            case "shot" | "failed" if not line.get("sentinel"):
                self.take_outcome(shot_id(line), line["type"] == "shot")

    def take_outcome(self, shot: ShotId, measured: bool) -> None:
        """Take in what became of a shot."""
        self.deaths.pop(self.names.get(shot, ""), None)
        if measured:
            self.answered.add(shot)
            self.failed.discard(shot)
        elif self.retry_failed:
            self.answered.discard(shot)
        else:
            self.answered.add(shot)
            self.failed.add(shot)

    def end(self) -> None:
        """Take in that the process that wrote has ended, in the chunk that has no cost."""
        self.deaths.update(self.begun)
        self.begun = []


def read_state(path: Path, names: Mapping[ShotId, str], retry_failed: bool = False) -> ResumeState:
    """Read a journal, which need not exist; shots that have failed are fired again on request.

    `names` has the hashes of the plan's shots.
    """
    state = ResumeState(retry_failed)
    state.names.update(names)
    for line in whole_lines(path):
        state.take(line)
    state.end()
    state.judge.break_off()
    state.retry_failed = False
    return state


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
