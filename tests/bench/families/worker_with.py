"""The vLLM worker with arguments of vLLM's besides its own, one of several that take turns with a device.

    shotlab profile --harness "cmd:python3 tests/bench/families/worker_with.py '{\"seed\":1}'" ...

What it booted with is in the answer of a boot, as the worker's own arguments are. With `--turn` it imports
vLLM at once and waits with its first boot until no other worker holds that file, which it then holds until it
ends.
"""

import argparse
import fcntl
import json
import os
import sys
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[3] / "harness/vllm"))

import engine.boot as booting
from engine.gpus import use_bus_order
from faults import Fault
from script import run_script
from worker import serve


def main() -> int:
    """Serve with the arguments of the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("arguments", help="an object of JSON")
    parser.add_argument("--turn", type=Path, help="a file that one worker holds at a time")
    given = parser.parse_args()
    arguments = parsed(given.arguments)
    arguments_of = booting.engine_arguments
    turns: list[int] = []

    def with_given(boot: Any, on_cpu: bool) -> dict[str, Any]:
        if given.turn is not None and not turns:
            turns.append(take_turn(given.turn))
        return {**arguments_of(boot, on_cpu), **arguments}

    booting.engine_arguments = with_given
    use_bus_order()
    if given.turn is not None:
        os.environ.update(booting.ENVIRONMENT)
        os.environ.setdefault("VLLM_LOGGING_LEVEL", "ERROR")
        with redirect_stdout(sys.stderr):  # Standard output carries the protocol alone.
            import vllm

            assert vllm.LLM  # It is imported when it is first asked for.
    return serve()


def parsed(text: str) -> dict[str, Any]:
    """Return the arguments of a text; raises Fault when they are none."""
    try:
        arguments = json.loads(text)
    except ValueError:
        arguments = None
    if not isinstance(arguments, dict):
        raise Fault("bad_request", f"arguments of vLLM's must be an object of JSON: found {text!r}")
    return arguments


def take_turn(path: Path) -> int:
    """Wait until nobody holds a file and hold it; returns what holds it, until the process ends."""
    turn = os.open(path, os.O_CREAT | os.O_RDWR)
    fcntl.flock(turn, fcntl.LOCK_EX)
    os.truncate(turn, 0)
    os.write(turn, str(os.getpid()).encode())
    return turn


if __name__ == "__main__":
    run_script(main)
