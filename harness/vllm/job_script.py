"""What the scripts that work off a job share: where they answer, and when they end."""

import os
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


def watch_input() -> None:
    """End the process when its input ends: nobody is left who would read its answers."""
    Thread(target=_end_with_input, daemon=True).start()


def _end_with_input() -> None:
    sys.stdin.read()
    os._exit(130)
