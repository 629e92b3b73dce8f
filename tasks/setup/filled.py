"""Runs a command that fills a folder, and tells every second how much it has brought: bytes and files.

`filled.py LOCK FOLDER COMMAND...` ends the command, with what that has started, when standard input ends:
when the process that started this one has ended, in whatever way. The lock file is held until the command has
ended, even where it outlives this process.
"""

import fcntl
import os
import signal
import subprocess
import sys
import threading
from argparse import REMAINDER, ArgumentParser
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2] / "harness/vllm"))

from faults import Fault
from script import reason, run_script

EVERY_S = 1.0


def size_of(folder: str) -> tuple[int, int]:
    """Return bytes and files below a folder that may change meanwhile; a file with two names counts once."""
    sizes: dict[int, int] = {}
    folders = [folder]
    while folders:
        try:
            with os.scandir(folders.pop()) as entries:
                for entry in entries:
                    if entry.is_dir(follow_symlinks=False):
                        folders.append(entry.path)
                    else:
                        found = entry.stat(follow_symlinks=False)
                        sizes[found.st_ino] = found.st_size
        except FileNotFoundError:
            continue
    return sum(sizes.values()), len(sizes)


def fill(lock: str, folder: str, command: list[str]) -> int:
    """Run the command; returns its exit status."""
    try:
        held = os.open(lock, os.O_RDWR | os.O_CREAT, 0o666)
        fcntl.flock(held, fcntl.LOCK_EX)
        bytes_before, files_before = size_of(folder)
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            pass_fds=[held],
            start_new_session=True,
        )
    except OSError as error:
        raise Fault("bad_request", f"cannot start {command[0]} with {lock}: {reason(error)}") from error

    def end_with_parent() -> None:
        # Not sys.stdin, whose lock would be held when the interpreter ends.
        while os.read(0, 4096):
            pass
        os.killpg(process.pid, signal.SIGKILL)

    threading.Thread(target=end_with_parent, daemon=True).start()
    try:
        while True:
            try:
                return process.wait(EVERY_S)
            except subprocess.TimeoutExpired:
                bytes_now, files_now = size_of(folder)
                print(max(0, bytes_now - bytes_before), max(0, files_now - files_before), flush=True)
    except (KeyboardInterrupt, BrokenPipeError):
        os.killpg(process.pid, signal.SIGKILL)
        return 130


def main() -> int:
    """Run the command that the command line names; returns its exit status."""
    parser = ArgumentParser(description=__doc__)
    parser.add_argument("lock")
    parser.add_argument("folder")
    parser.add_argument("command", nargs=REMAINDER)
    arguments = parser.parse_args()
    if not arguments.command:
        parser.error("the following arguments are required: command")
    return fill(arguments.lock, arguments.folder, arguments.command)


if __name__ == "__main__":
    run_script(main)
