"""Fires several plans in one process, as the worker alone fires one: a first boot takes most of a minute.

    python3 tests/bench/depth/rows.py PLAN RESULTS [-- PLAN RESULTS | -- ARGUMENTS OF depth.py]...

Ends with 1 when the engine died or shots were left; the same command goes on from there.
"""

import signal
import sys
from argparse import Namespace
from itertools import groupby
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[3] / "harness/vllm"))
sys.path.insert(0, str(Path(__file__).parent))

import depth
from faults import Fault
from loop import Worker
from offline.run import run_alone
from script import run_script


def fire(plan: str, path: str) -> int:
    """Fire what is left of a plan; returns the exit status of the worker alone."""
    worker = Worker()
    asked = {"quantity": None, "drift_share": None, "accept_speed": False, "retry_failed": False}
    try:
        return run_alone(Namespace(plan=plan, out=path, **asked), worker)
    finally:
        worker.close()


def main() -> int:
    """Fire plans and compare depths in the order of the command line; returns the largest exit status."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    if any(word in {"-h", "--help"} for word in sys.argv[1:2]):
        print(__doc__)
        return 0
    groups = [list(group) for is_end, group in groupby(sys.argv[1:], lambda word: word == "--") if not is_end]
    if not groups or any(len(group) < 2 for group in groups):
        raise Fault(
            "bad_request", "rows.py takes PLAN RESULTS, or arguments of depth.py, with -- between them"
        )
    statuses = [0]
    for group in groups:
        if len(group) == 2:
            statuses.append(fire(group[0], group[1]))
        elif not Path(group[-1]).exists():
            sys.argv = ["depth.py", *group]
            depth.main()
    return max(statuses)


if __name__ == "__main__":
    run_script(main)
