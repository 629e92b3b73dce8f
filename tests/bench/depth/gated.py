"""Runs a script of Python once the device is free: the engine's imports, half a minute, are done before.

python3 tests/bench/depth/gated.py LOCK STARTED SCRIPT [ARGUMENT]...

vLLM looks at a model's class in a process of its own, half a minute with its imports; here it looks in
this one.
"""

import argparse
import fcntl
import os
import runpy
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[3] / "harness/vllm"))

from engine.boot import ENVIRONMENT
from engine.gpus import use_bus_order
from faults import Fault
from script import open_out, run_script


def main() -> None:
    """Import, wait for the lock, say so, and run."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("lock")
    parser.add_argument("started")
    parser.add_argument("script", type=Path)
    parser.add_argument("arguments", nargs=argparse.REMAINDER)
    call = parser.parse_args()
    if not call.script.is_file():
        raise Fault("bad_request", f"cannot read {call.script}: there is no such file")
    use_bus_order()
    os.environ.update(ENVIRONMENT)
    os.environ.setdefault("VLLM_LOGGING_LEVEL", "ERROR")
    from vllm import LLM  # noqa: F401
    from vllm.model_executor.models import registry

    registry._run_in_subprocess = lambda look: look()
    with open_out(call.lock) as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        Path(call.started).touch()
        sys.argv = [str(call.script), *call.arguments]
        sys.path.insert(0, str(call.script.parent))
        runpy.run_path(str(call.script), run_name="__main__")


if __name__ == "__main__":
    run_script(main)
