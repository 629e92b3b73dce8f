"""Results in files: answers of the protocol, each with the shot that it is about, written line by line."""

import fcntl
import hashlib
import json
import os
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from faults import Fault

VERSION = 1

SYNC_S = 1.0
"""How much of the work an outage may cost."""


def shot_key(shot: Mapping[str, Any]) -> str:
    """Return what identifies a shot."""
    return json.dumps(shot, sort_keys=True)


def shot_hash(shot: Mapping[str, Any]) -> str:
    """Return what lines call a shot that it is not worth writing whole."""
    return hashlib.sha256(shot_key(shot).encode()).hexdigest()[:8]


def header_of(path: Path) -> Mapping[str, Any] | None:
    """Return the first line of a file, None of an empty one or when there is none."""
    try:
        with path.open("rb") as file:
            line = file.readline()
        header = json.loads(line) if line.endswith(b"\n") else None
    except (FileNotFoundError, ValueError):
        return None
    return header if isinstance(header, dict) else None


class Results:
    """A file that lines are added to; at most a second's worth of them is not on the disk yet."""

    def __init__(self, path: Path) -> None:
        """Open a file for one writer; raises Fault when another process writes it."""
        self.path = path
        self.file = path.open("ab")
        try:
            fcntl.flock(self.file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            self.file.close()
            raise Fault(
                "bad_request",
                f"cannot write {path}: another process writes it;"
                " name another file with --out, or wait for its end",
            ) from None
        if path.stat().st_size and path.read_bytes()[-1:] != b"\n":
            self.file.write(b"\n")
        self.synced = time.monotonic()

    def begin(self, plan: Mapping[str, Any], quantity: str) -> None:
        """Write the first line; raises Fault when the file is there and of another plan or quantity."""
        if self.path.stat().st_size == 0:
            started = datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
            header = {"type": "results", "version": VERSION, "started": started}
            self.write({**header, "quantity": quantity, "plan": plan})
            return
        header = dict(header_of(self.path) or {})
        if header.get("quantity") != quantity or header.get("plan") != plan:
            raise Fault(
                "bad_request",
                f"cannot go on in {self.path}: it holds results of another plan or quantity;"
                " choose another file",
            )

    def write(self, fields: Mapping[str, Any]) -> None:
        """Add a line."""
        line = json.dumps(fields, allow_nan=False, ensure_ascii=False, separators=(",", ":"))
        self.file.write(line.encode() + b"\n")
        if time.monotonic() - self.synced >= SYNC_S:
            self.sync()

    def flush(self) -> None:
        """Hand what was written to the operating system: the process may die, the machine not."""
        self.file.flush()

    def sync(self) -> None:
        """Bring what was written to the disk."""
        self.file.flush()
        os.fsync(self.file.fileno())
        self.synced = time.monotonic()

    def close(self) -> None:
        """Bring everything to the disk and close the file."""
        self.sync()
        self.file.close()
