"""What to serve, as a file says it."""

import json
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from faults import Fault
from script import read_text

FORMAT = 1
"""Version of the job file and of the file of what was served."""


@dataclass(frozen=True)
class ServedRequest:
    """A request: when it arrives, seconds from the load's start, its prompt and its answer in tokens."""

    arrival_s: float
    input_tokens: int
    output_tokens: int


@dataclass(frozen=True)
class Load:
    """Requests in the order of their arrival; with `concurrency` one arrives whenever fewer are served."""

    name: str
    requests: tuple[ServedRequest, ...]
    concurrency: int | None


@dataclass(frozen=True)
class Scene:
    """Designed batches: requests that decode, prompts beside them one by one, and a queue of prompts.

    `decodes` are (requests, prompt tokens); `beside` and `queue` prompt tokens. A scene without decodes has
    its prompts `beside` nothing: each is prefilled alone.
    """

    name: str
    decodes: tuple[tuple[int, int], ...]
    steps: int
    beside: tuple[int, ...]
    queue: tuple[int, ...]


@dataclass(frozen=True)
class Job:
    """An engine at full depth and what it is to serve; `plan` is all of it, for the file's first line."""

    model: str
    config: Mapping[str, Any]
    engine: Mapping[str, Any]
    scenes: tuple[Scene, ...]
    loads: tuple[Load, ...]
    plan: Mapping[str, Any]


def read_job(path: str) -> Job:
    """Return the job of a file, of the first line of standard input for `-`; raises Fault when it is none."""
    try:
        fields = json.loads(sys.stdin.readline() if path == "-" else read_text(path))
        if fields["format"] != FORMAT:
            raise Fault("bad_request", f"cannot read {path}: format must be {FORMAT}: {fields['format']}")
        return Job(
            model=str(fields["model"]),
            config=dict(fields["config"]),
            engine=dict(fields["engine"]),
            scenes=tuple(read_scene(scene) for scene in fields["scenes"]),
            loads=tuple(read_load(load) for load in fields["loads"]),
            plan={name: fields[name] for name in ("model", "hardware", "variant", "tp")},
        )
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise Fault("bad_request", f"cannot read the job {path}: {type(error).__name__}: {error}") from error


def read_scene(fields: Mapping[str, Any]) -> Scene:
    """Return a scene of its fields."""
    return Scene(
        name=str(fields["name"]),
        decodes=tuple((int(count), int(tokens)) for count, tokens in fields["decodes"]),
        steps=int(fields["steps"]),
        beside=tuple(int(tokens) for tokens in fields["beside"]),
        queue=tuple(int(tokens) for tokens in fields["queue"]),
    )


def read_load(fields: Mapping[str, Any]) -> Load:
    """Return a load of its fields."""
    concurrency = fields["concurrency"]
    return Load(
        name=str(fields["name"]),
        requests=tuple(ServedRequest(float(at), int(new), int(out)) for at, new, out in fields["requests"]),
        concurrency=None if concurrency is None else int(concurrency),
    )
