"""What the control groups of Linux, of containers and batch jobs, leave a process of the memory."""

from collections.abc import Callable, Iterator
from pathlib import Path, PurePosixPath

Read = Callable[[str], str | None]
"""Returns the text of a file, or None when it is not there."""


def read_file(path: str) -> str | None:
    """Return the text of a file, or None when it cannot be read."""
    try:
        return Path(path).read_text(encoding="utf-8")
    except OSError:
        return None


def free_bytes(read: Read = read_file) -> int | None:
    """Return the bytes that this process's groups leave it, or None when none limits them.

    What the system would drop for it, cached files, counts as free.
    """
    free = [
        int(limit) - int(read(f"{folder}/{usage}") or 0) + cached_bytes(read(f"{folder}/memory.stat") or "")
        for folder, limit_file, usage in groups(read("/proc/self/cgroup") or "")
        if (limit := (read(f"{folder}/{limit_file}") or "").strip()).isdecimal()
    ]
    return max(0, min(free)) if free else None


def groups(text: str) -> Iterator[tuple[str, str, str]]:
    """Return the folders of the groups that account memory, each with its files of limit and usage.

    `text` is that of /proc/self/cgroup; a container that sees its own group alone has it in the root.
    """
    for line in text.splitlines():
        _, controllers, path = line.split(":", 2)
        if controllers == "":
            root, files = "/sys/fs/cgroup", ("memory.max", "memory.current")
        elif "memory" in controllers.split(","):
            root, files = "/sys/fs/cgroup/memory", ("memory.limit_in_bytes", "memory.usage_in_bytes")
        else:
            continue
        group = PurePosixPath(path)
        for each in (group, *group.parents):
            yield (root + str(each).rstrip("/"), *files)


def cached_bytes(stat: str) -> int:
    """Return the bytes of cached files that are not in use, from the text of a memory.stat."""
    fields = dict(line.split(" ", 1) for line in stat.splitlines() if " " in line)
    return int(fields.get("total_inactive_file", fields.get("inactive_file", "0")))
