"""What passes between ranks, timed apart from the layers."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from timing.passes import Marks

COMMUNICATION = "communication"
"""Name of what passes between ranks."""


@contextmanager
def marked_communication(marks: Marks) -> Iterator[None]:
    """Put marks around what passes between the ranks meanwhile."""
    from vllm.distributed import get_tp_group

    group = get_tp_group()
    names = ("all_reduce", "all_gather", "gather", "reduce_scatter")

    def around(method: Any) -> Any:
        def call(*args: Any, **kwargs: Any) -> Any:
            marks.enter(COMMUNICATION)
            try:
                return method(*args, **kwargs)
            finally:
                marks.leave()

        return call

    for name in names:
        setattr(group, name, around(getattr(group, name)))
    try:
        yield
    finally:
        for name in names:
            delattr(group, name)
