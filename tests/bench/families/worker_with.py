"""The vLLM worker with arguments of vLLM's besides its own.

    shotlab profile --harness "cmd:python3 tests/bench/families/worker_with.py '{\"seed\":1}'" ...

What it booted with is in the answer of a boot, as the worker's own arguments are.
"""

import argparse
import json
import sys
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
    text = parser.parse_args().arguments
    try:
        given = json.loads(text)
    except ValueError:
        given = None
    if not isinstance(given, dict):
        raise Fault("bad_request", f"arguments of vLLM's must be an object of JSON: found {text!r}")
    arguments_of = booting.engine_arguments

    def with_given(boot: Any, on_cpu: bool) -> dict[str, Any]:
        return {**arguments_of(boot, on_cpu), **given}

    booting.engine_arguments = with_given
    use_bus_order()
    return serve()


if __name__ == "__main__":
    run_script(main)
