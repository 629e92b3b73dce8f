"""What a run of collectives is to measure."""

import json
import sys
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from faults import Fault
from script import read_text

FORMAT = 1

COLLECTIVES = ("all_reduce", "all_gather", "reduce_scatter")

BACKENDS = ("nccl", "gloo")

WAYS = ("torch", "vllm")
"""Through torch.distributed alone, or as vLLM does it: its custom all-reduce where that applies."""


@dataclass(frozen=True)
class Job:
    """The collectives to measure; `sizes` in bytes: of all_reduce the input, all_gather a rank's input,
    reduce_scatter a rank's output."""

    backend: str
    ranks: tuple[int, ...]
    ways: tuple[str, ...]
    collectives: tuple[str, ...]
    sizes: tuple[int, ...]
    trials: int
    boot_timeout_s: float
    size_timeout_s: float
    done: tuple[tuple[int, str, str, int], ...] = ()
    """Ranks, way, collective and bytes of what an earlier run has measured."""

    def name(self, way: str) -> str:
        """Return a way's name in answers."""
        return self.backend if way == "torch" else way

    def cases(self, way: str, ranks: int) -> list[tuple[str, int]]:
        """Return the collectives and sizes that a group is left to measure, in their order."""
        done = {
            (collective, size) for *group, collective, size in self.done if group == [ranks, self.name(way)]
        }
        return [
            (collective, size)
            for collective in self.collectives
            for size in self.sizes
            if (collective, size) not in done
        ]

    def line(self) -> str:
        """Return the job as a line of JSON."""
        return json.dumps({"format": FORMAT, **asdict(self)}, separators=(",", ":"))


def read_job(path: str) -> Job:
    """Return the job of a file, of the first line of standard input for `-`; raises Fault when it is none."""
    try:
        fields = json.loads(sys.stdin.readline() if path == "-" else read_text(path))
        if fields["format"] != FORMAT:
            raise Fault("bad_request", f"cannot read {path}: format must be {FORMAT}: {fields['format']}")
        job = Job(
            backend=str(fields["backend"]),
            ranks=tuple(int(ranks) for ranks in fields["ranks"]),
            ways=tuple(map(str, fields["ways"])),
            collectives=tuple(map(str, fields["collectives"])),
            sizes=tuple(int(size) for size in fields["sizes"]),
            trials=int(fields["trials"]),
            boot_timeout_s=float(fields["boot_timeout_s"]),
            size_timeout_s=float(fields["size_timeout_s"]),
            done=tuple(
                (int(ranks), str(way), str(collective), int(size))
                for ranks, way, collective, size in fields.get("done", ())
            ),
        )
        check(job, fields)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise Fault("bad_request", f"cannot read the job {path}: {type(error).__name__}: {error}") from error
    return job


def check(job: Job, fields: Mapping[str, Any]) -> None:
    """Raise Fault when a value breaks its rule."""
    rules = {
        "backend": (job.backend in BACKENDS, "nccl or gloo"),
        "ranks": (bool(job.ranks) and all(ranks >= 2 for ranks in job.ranks), "numbers from 2"),
        "ways": (bool(job.ways) and set(job.ways) <= set(WAYS), "torch and vllm"),
        "collectives": (
            bool(job.collectives) and set(job.collectives) <= set(COLLECTIVES),
            ", ".join(COLLECTIVES),
        ),
        "sizes": (
            bool(job.sizes) and all(size >= 2 and size % 2 == 0 for size in job.sizes),
            "even numbers of bytes",
        ),
        "trials": (job.trials >= 1, "a number from 1"),
    }
    for name, (holds, rule) in rules.items():
        if not holds:
            raise Fault("bad_request", f"cannot read the job: {name} must be {rule}: {fields[name]}")
