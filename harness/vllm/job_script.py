"""What the scripts that work off a job share: where they answer, and when they end."""

import os
import select
import sys
from threading import Thread
from typing import TextIO

from script import open_out


def open_answers(path: str) -> TextIO:
    """Return the file for the answers, for `-` standard output: what others print goes to standard error."""
    if path != "-":
        return open_out(path)
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8", newline="\n")
    os.dup2(2, 1)
    return answers


def has_input() -> bool:
    """Return whether something has come on standard input, its end included."""
    return bool(select.select([sys.stdin], [], [], 0)[0])


def watch_input() -> None:
    """End the process when its input ends: nobody is left who would read its answers."""
    Thread(target=_end_with_input, daemon=True).start()


def _end_with_input() -> None:
    sys.stdin.read()
    os._exit(130)
