"""Runs a script of Python once the device is free: the engine's imports, half a minute, are done before.

python3 tests/bench/depth/gated.py LOCK STARTED SCRIPT [ARGUMENT]...
"""

import fcntl
import os
import runpy
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[3] / "harness/vllm"))

from engine.boot import ENVIRONMENT
from engine.gpus import use_bus_order


def main() -> None:
    """Import, wait for the lock, say so, and run."""
    lock, started, script, *arguments = sys.argv[1:]
    use_bus_order()
    os.environ.update(ENVIRONMENT)
    os.environ.setdefault("VLLM_LOGGING_LEVEL", "ERROR")
    from vllm import LLM  # noqa: F401

    with Path(lock).open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        Path(started).touch()
        sys.argv = [script, *arguments]
        sys.path.insert(0, str(Path(script).parent))
        runpy.run_path(script, run_name="__main__")


if __name__ == "__main__":
    main()
