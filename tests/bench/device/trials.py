"""Tries on a device what the worker does when it may stop early, when memory is full, and on a device error.

    python3 tests/bench/device/trials.py plan.jsonl --json trials.json

Of the plan its header and attention shots count. Prints a JSON line for each trial, and adds it to the file.
The device error comes last: the process cannot use the device after it.
"""

import argparse
import json
import sys
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[3] / "harness/vllm"))

from device_error import try_device_error
from evidence import head, needs_cuda
from faults import Fault
from full_memory import try_out_of_memory
from loop import Worker
from offline.plan import Plan, read_plan
from script import open_out, read_json, run_script
from stop_rule import try_precision
from trial import Trial

TRIALS: dict[str, Callable[[Worker, Plan, str], Trial]] = {
    "precision": try_precision,
    "out_of_memory": try_out_of_memory,
    "device_error": try_device_error,
}


def main() -> None:
    """Try what the command line asks for, in the order in which a device stands it."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("plan", type=Path)
    parser.add_argument("--trials", nargs="+", choices=list(TRIALS), default=list(TRIALS))
    parser.add_argument("--quantity", default="kernel")
    parser.add_argument("--json", type=Path, help="file for what came of them, written after each")
    arguments = parser.parse_args()
    plan, worker = read_plan(arguments.plan), Worker()
    if set(arguments.trials) - {"precision"}:
        needs_cuda("full memory and device errors")
    record = {**head("trials", plan), "sentences": []}
    if arguments.json is not None and arguments.json.exists():
        record = read_json(arguments.json, dict, "a file of trials")
        if not isinstance(record.get("sentences"), list):
            raise Fault("bad_request", f"cannot read {arguments.json}: it is no file of trials")
    worker.boot(plan.boot(plan.engines()[0][0]))
    for name, attempt in TRIALS.items():
        if name not in arguments.trials:
            continue
        trial = attempt(worker, plan, arguments.quantity)
        record["sentences"].append(trial.pop("sentence"))
        record[name] = trial
        print(json.dumps({name: trial}), flush=True)
        if arguments.json is not None:
            with open_out(arguments.json) as file:
                file.write(json.dumps(record))
    print(*record["sentences"], sep="\n", flush=True)


if __name__ == "__main__":
    run_script(main)
