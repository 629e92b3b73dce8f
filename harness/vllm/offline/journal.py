"""The journal of a plan that is fired alone (`harness/PROTOCOL.md`, Journal), written line by line."""

import fcntl
import hashlib
import json
import os
import time
import uuid
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from faults import Fault

FORMAT = 2

SYNC_S = 1.0
"""How much of the work an outage may cost."""

KEYS = {
    "dense": ("tokens",),
    "per_sequence": ("sequences",),
    "attention": ("prefill_chunk", "kv_prefill", "n_decode", "kv_decode"),
    "linear_attention": ("prefill_tokens", "n_decode"),
    "moe": ("tokens", "activated_experts"),
    "skew": ("n", "nb", "pc", "kp", "kvs", "kv_big"),
}
"""The fields of a shot that are its key, by category, in their order."""

SPLITS = {"attention": "decode_q_len", "moe": "ep"}
"""A further field by category, with which keys end unless it is 1."""

ShotId = tuple[Any, ...]
"""What identifies a shot: category, tensor-parallel degree and key."""


def id_fields(shot: Mapping[str, Any]) -> dict[str, Any]:
    """Return what lines call a shot of the plan."""
    category = shot["category"]
    split = shot.get(SPLITS.get(category, ""), 1)
    key = [shot[name] for name in KEYS[category]]
    return {"category": category, "tp": shot["tp"], "key": key if split == 1 else [*key, split]}


def shot_id(line: Mapping[str, Any]) -> ShotId:
    """Return which shot a line is about."""
    return (line["category"], line["tp"], *line["key"])


def id_of(shot: Mapping[str, Any]) -> ShotId:
    """Return what identifies a shot of the plan."""
    return shot_id(id_fields(shot))


def shot_hash(shot: Mapping[str, Any]) -> str:
    """Return what a chunk calls a shot of the plan."""
    return hashlib.sha256(json.dumps(shot, sort_keys=True).encode()).hexdigest()[:8]


def header_of(path: Path) -> Mapping[str, Any] | None:
    """Return the first line of a file, None of an empty one or when there is none."""
    try:
        with path.open("rb") as file:
            line = file.readline()
        header = json.loads(line) if line.endswith(b"\n") else None
    except (FileNotFoundError, ValueError):
        return None
    return header if isinstance(header, dict) else None


def now() -> str:
    """Return the time, ISO 8601."""
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


class Journal:
    """A file that lines are added to; at most a second's worth of them is not on the disk yet."""

    def __init__(self, path: Path) -> None:
        """Open a file for one writer; raises Fault when another writes it, or it is of another format."""
        self.path = path
        header = header_of(path)
        if header is not None and (header.get("type"), header.get("format")) != ("plan", FORMAT):
            raise Fault(
                "bad_request",
                f"cannot go on in {path}: it is no journal of format {FORMAT}, found"
                f" {header.get('type')!r} of format {header.get('format', header.get('version'))!r};"
                " name another file with --out",
            )
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
            header = {"type": "plan", "format": FORMAT, "id": uuid.uuid4().hex[:8], "started": now()}
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
