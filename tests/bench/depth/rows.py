"""Fires several plans in one process, as the worker alone fires one: a first boot takes most of a minute.

    python3 tests/bench/depth/rows.py PLAN RESULTS [-- PLAN RESULTS | -- ARGUMENTS OF depth.py]...

Ends with 1 after the first plan in which the engine died; the same command goes on from there.
"""

import os
import signal
import sys
import traceback
from itertools import groupby
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[3] / "harness/vllm"))
sys.path.insert(0, str(Path(__file__).parent))

import depth
from loop import Worker
from offline.alone import Alone
from offline.plan import read_plan
from offline.results import Results
from offline.resume import read_before


def fire(plan: Path, path: Path) -> bool:
    """Fire what is left of a plan; returns whether nothing is."""
    results = Results(path)
    worker = Worker()
    try:
        alone = Alone(read_plan(plan), results, read_before(path), worker)
        return alone.run(None) == 0 or worker.engine is not None
    finally:
        results.close()
        worker.close()


def main() -> int:
    """Fire plans and compare depths in the order of the command line."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    groups = [list(group) for is_end, group in groupby(sys.argv[1:], lambda word: word == "--") if not is_end]
    for group in groups:
        if len(group) == 2:
            if not fire(Path(group[0]), Path(group[1])):
                return 1
        elif not Path(group[-1]).exists():
            sys.argv = ["depth.py", *group]
            depth.main()
    return 0


if __name__ == "__main__":
    try:
        status = main()
    except BaseException:
        traceback.print_exc()
        status = 1
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)
