"""Times a real tensor-parallel rank against one that is emulated on a single device by dividing the sizes.

    python3 tests/bench/truth/tensor_parallel.py plan.jsonl --tp 2 --out tensor-parallel.jsonl

Of the plan only the header counts: it has the configurations of degree 1 and of the degree in question. The
same shots are fired twice on the emulated rank and then twice on the real ones, one process and one device
each; what the ranks say to each other is timed apart from the layers. The file gets a header and a line for
each shot of each run. A step that fails is said, and the others go on.
"""

import argparse
import json
import os
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[3] / "harness/vllm"))

from file_head import file_head
from offline.plan import read_plan
from rank import SAMPLES, fire
from rank_processes import free_port, gather, run_process
from script import open_out, run_script


def run_all(arguments: argparse.Namespace) -> None:
    """Run the emulated rank, then the real ones, and gather their lines in one file."""
    shared = [__file__, str(arguments.plan), "--tp", str(arguments.tp), "--rank"]
    head = file_head("tensor_parallel", read_plan(arguments.plan))
    header = {**head, "tp": arguments.tp, "samples": SAMPLES}
    with tempfile.TemporaryDirectory() as folder, open_out(arguments.out) as out:
        out.write(json.dumps(header) + "\n")
        path = Path(folder, "emulated.jsonl")
        first = os.environ.get("CUDA_VISIBLE_DEVICES", "0").split(",")[0]
        alone = run_process([*shared, "emulated"], path, CUDA_VISIBLE_DEVICES=first)
        out.writelines(gather([("emulated", alone, path)], arguments.timeout))
        out.flush()
        launch = {
            "WORLD_SIZE": str(arguments.tp),
            "MASTER_ADDR": "127.0.0.1",
            "MASTER_PORT": str(free_port()),
        }
        ranks = []
        for rank in range(arguments.tp):
            path, place = Path(folder, f"{rank}.jsonl"), {"RANK": str(rank), "LOCAL_RANK": str(rank)}
            ranks.append((f"rank {rank}", run_process([*shared, str(rank)], path, **launch, **place), path))
        out.writelines(gather(ranks, arguments.timeout))


def main() -> None:
    """Run all processes, or be one of them."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("plan", type=Path)
    parser.add_argument("--tp", type=int, default=2)
    parser.add_argument("--timeout", type=float, default=250, help="seconds for each of the two steps")
    parser.add_argument("--out", type=Path)
    parser.add_argument("--rank", help="be this rank, or 'emulated', and write lines to standard output")
    arguments = parser.parse_args()
    if arguments.rank is None:
        if arguments.out is None:
            parser.error("--out is needed")
        run_all(arguments)
        return
    rank = None if arguments.rank == "emulated" else int(arguments.rank)
    for line in fire(read_plan(arguments.plan), arguments.tp, rank):
        print(json.dumps(line), flush=True)


if __name__ == "__main__":
    run_script(main)
