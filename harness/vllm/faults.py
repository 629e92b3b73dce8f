"""Failures that the other side is told about."""

import re
import traceback
from pathlib import Path

OUT_OF_MEMORY = re.compile(
    r"out of memory|(can't|cannot|not enough memory to|unable to) allocate", re.IGNORECASE
)


class Fault(Exception):
    """A failure with its kind in the protocol's words; `detail` keeps the engine's own."""

    def __init__(self, kind: str, message: str, detail: str | None = None) -> None:
        super().__init__(message)
        self.kind = kind
        self.message = message
        self.detail = detail


def shot_fault(error: Exception) -> Fault:
    """Return what a shot's failure means: too little memory passes, anything unknown ends the engine."""
    if isinstance(error, Fault):
        return error
    if OUT_OF_MEMORY.search(str(error)):
        return Fault("out_of_memory", f"the device's memory does not suffice: {first_line(error)}")
    return Fault("engine_dead", f"the forward failed: {first_line(error)}")


def first_line(error: BaseException) -> str:
    """Return the first line of an error's text, or its class and the line of code that raised it."""
    lines = str(error).strip().splitlines()
    return lines[0].strip() if lines else f"{type(error).__name__}{place(error)}"


def place(error: BaseException) -> str:
    """Return where an error was raised; nothing of one that was not."""
    frames = traceback.extract_tb(error.__traceback__)
    if not frames:
        return ""
    last = frames[-1]
    return f" in {Path(last.filename).name}, line {last.lineno}: {last.line}"
