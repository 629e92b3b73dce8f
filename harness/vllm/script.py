"""What scripts share: the files that they are given, and how they end."""

import json
import os
import stat
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal, NoReturn, TextIO

from faults import Fault, first_line

WRONG_USE = ("bad_request", "unsupported")
"""Kinds of faults that another call or another machine would not have."""

PACKAGES = ("torch", "vllm", "pandas", "ray")
"""Packages whose absence is told in one line."""


def read_text(path: str | Path) -> str:
    """Return the text of a regular file; raises Fault when there is none."""
    try:
        if not stat.S_ISREG(Path(path).stat().st_mode):
            raise Fault("bad_request", f"cannot read {path}: it is no regular file")
        return Path(path).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise Fault("bad_request", f"cannot read {path}: {reason(error)}") from error


def read_json(path: str | Path, kind: type, words: str) -> Any:
    """Return the JSON of a file; raises Fault when it is none of the kind, which `words` names."""
    try:
        value = json.loads(read_text(path))
    except ValueError as error:
        raise Fault("bad_request", f"cannot read {path}: {error}") from error
    if not isinstance(value, kind):
        raise Fault("bad_request", f"cannot read {path}: it must be {words}, got {json.dumps(value)[:80]}")
    return value


def open_out(path: str | Path, mode: Literal["w", "a"] = "w") -> TextIO:
    """Open a file to write; raises Fault when that is refused."""
    try:
        return Path(path).open(mode, encoding="utf-8")
    except OSError as error:
        raise Fault("bad_request", f"cannot write {path}: {reason(error)}") from error


def reason(error: Exception) -> str:
    """Return why a file was refused, without its path."""
    return (error.strerror if isinstance(error, OSError) else None) or str(error)


def plural(count: int, one: str, many: str | None = None) -> str:
    """Return a number of things, such as `1 shot` or `2,048 shots`."""
    return f"{count:,} {one if count == 1 else many or one + 's'}"


def say(text: str) -> None:
    """Tell on standard error."""
    print(text, file=sys.stderr, flush=True)


def status_of(work: Callable[[], int | None], what: str | None = None) -> int:
    """Do a script's work; returns its exit status, 2 for wrong use, 130 when interrupted, 1 for a failure.

    A failure that nobody expected is one line when `what` names what failed, and its traceback otherwise.
    """
    try:
        return work() or 0
    except Fault as fault:
        say(fault.message)
        return 2 if fault.kind in WRONG_USE else 1
    except KeyboardInterrupt:
        say("interrupted")
        return 130
    except ModuleNotFoundError as error:
        if (error.name or "").split(".")[0] not in PACKAGES:
            raise
        say(f"{error}: `deno task setup` installs it, or a Python that has it runs this script")
        return 2
    except Exception as error:
        if what is None:
            traceback.print_exc()
        else:
            say(f"{what} failed: {first_line(error)}")
        return 1


def leave(status: int) -> NoReturn:
    """End without the teardown of torch and the engine, which takes seconds or waits for other ranks."""
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)


def run_script(work: Callable[[], int | None]) -> NoReturn:
    """Do a script's work and end with its status: wrong use is told in one line."""
    leave(status_of(work))
