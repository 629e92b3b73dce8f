"""What the scripts that work off a job share: where they answer, when they end, and how they fail."""

import os
import sys
from collections.abc import Callable
from pathlib import Path
from threading import Thread
from typing import NoReturn, TextIO

from faults import Fault, first_line


def open_answers(path: str) -> TextIO:
    """Return the file for the answers, for `-` standard output: what others print goes to standard error."""
    if path != "-":
        return Path(path).open("w", encoding="utf-8")
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8", newline="\n")
    os.dup2(2, 1)
    return answers


def watch_input() -> None:
    """End the process when its input ends: nobody is left who would read its answers."""
    Thread(target=_end_with_input, daemon=True).start()


def _end_with_input() -> None:
    sys.stdin.read()
    os._exit(130)


def say(text: str) -> None:
    """Tell on standard error."""
    print(text, file=sys.stderr, flush=True)


def status_of(work: Callable[[], int], what: str) -> int:
    """Do the work; returns its exit status, 2 for wrong use, 130 when interrupted, 1 when `what` failed."""
    try:
        return work()
    except Fault as fault:
        say(fault.message)
        return 2
    except KeyboardInterrupt:
        say("interrupted")
        return 130
    except Exception as error:
        say(f"{what} failed: {first_line(error)}")
        return 1


def leave(status: int) -> NoReturn:
    """End without the teardown of torch and the engine, which takes seconds or waits for other ranks."""
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)
