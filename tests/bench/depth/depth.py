"""Compares what is measured in an engine of one layer with models of full depth, step by step.

    python3 tests/bench/depth/depth.py plan.jsonl --layers 32 --steps cold forward queue --out depth.jsonl

Of the plan only the header counts: it has the model's configuration and the limits. Steps:

- `cold`: dense layers of 1 to 64 tokens with an emptied cache and without, and the same through all layers;
  what emptying the cache costs a shot;
- `values`: attention and large dense shots with zeros and tiny weights, and with values of a usual scale;
- `routing`: experts under Zipf loads against balanced ones that activate as many;
- `forward`: kernels of whole forwards of random batches through all layers;
- `rested`: the same, the device at rest before each pass;
- `alone`: the layers of the same batches by themselves, as the worker times them;
- `states`: dense layers of few tokens in every layer of a forward, and in single ones with the cache in
  several states;
- `behind`: the attention of two sets of batches by itself, behind that of the layer before with more or fewer
  weights read between, and through all layers;
- `queue`: prefills one after the other without a pause, with the device's clock and power;
- `graphs`: as `forward`, by CUDA graphs.

Steps of one layer come first, then those of all layers, in the order of the command line. The file gets a
header and lines that name their step; a step that fails leaves a line that says why, and the next one is
tried.
"""

import argparse
import json
import sys
import time
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, TextIO

sys.path.insert(0, str(Path(__file__).parents[3] / "harness/vllm"))
sys.path.insert(0, str(Path(__file__).parents[1] / "truth"))

from alone import alone
from behind import behind
from cold import cold_alone, cold_whole
from engine.boot import boot_engine
from engine.engine import Engine
from file_head import file_head
from forward import with_layers
from lasting import queue
from offline.plan import read_plan
from rested import rested
from routings import routing
from script import open_out, run_script
from states import states
from values_trial import values
from whole import forward

Write = Callable[[Mapping[str, Any]], None]

ALONE: dict[str, Callable[[Engine, Write], None]] = {
    "cold": cold_alone,
    "values": values,
    "routing": routing,
}
"""Steps of an engine of one layer."""

WHOLE: dict[str, Callable[[Engine, Write], None]] = {
    "cold": cold_whole,
    "forward": forward,
    "queue": queue,
    "rested": rested,
    "alone": alone,
    "states": states,
    "behind": behind,
}
"""Steps of an engine of all layers."""

GRAPHS = {"graphs": forward}

CAPTURED = {
    "enforce_eager": False,
    "compilation_config": {"cudagraph_capture_sizes": [1, 2, 4, 8, 16, 32, 64, 128, 256, 512]},
}
"""vLLM's arguments for CUDA graphs."""


@dataclass(frozen=True)
class Run:
    """One engine and its steps."""

    layers: int
    steps: Mapping[str, Callable[[Engine, Write], None]]
    changes: Mapping[str, Any] | None = None


def main() -> None:
    """Do the steps that the command line asks for."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("plan", type=Path)
    parser.add_argument("--tp", type=int, default=1)
    parser.add_argument("--layers", type=int, required=True, help="decoder layers of the model")
    parser.add_argument("--steps", nargs="+", choices=sorted({*ALONE, *WHOLE, *GRAPHS}), required=True)
    parser.add_argument("--out", type=Path, required=True)
    arguments = parser.parse_args()
    plan = read_plan(arguments.plan)
    boot = plan.boot(arguments.tp)
    asked = dict.fromkeys(arguments.steps)
    runs = [
        Run(1, {name: ALONE[name] for name in asked if name in ALONE}),
        Run(arguments.layers, {name: WHOLE[name] for name in asked if name in WHOLE}),
        Run(arguments.layers, {name: GRAPHS[name] for name in asked if name in GRAPHS}, CAPTURED),
    ]
    with open_out(arguments.out, "a") as out:
        head = {**file_head("depth", plan), "tp": arguments.tp, "layers": arguments.layers}
        write(out, {**head, "kind": "depth"})
        for run in runs:
            if run.steps:
                do_steps(run, lambda layers: with_layers(boot, layers), out)


def do_steps(run: Run, boot_of: Callable[[int], Any], out: TextIO) -> None:
    """Boot an engine and do its steps; what fails is written down."""
    started = time.perf_counter()
    try:
        engine = boot_engine(boot_of(run.layers), run.changes)
    except Exception as error:
        traceback.print_exc()
        write(out, {"type": "failed", "step": "boot", "layers": run.layers, "message": str(error)[:500]})
        return
    took_s = time.perf_counter() - started
    print(f"{run.layers} layers: booted in {took_s:.0f} s", file=sys.stderr, flush=True)
    write(out, {"type": "booted", "layers": run.layers, "took_s": took_s, **engine.conditions})
    for name, step in run.steps.items():
        started = time.perf_counter()
        try:
            step(engine, partial(write_step, out, name, run.layers))
        except Exception as error:
            traceback.print_exc()
            write(out, {"type": "failed", "step": name, "layers": run.layers, "message": str(error)[:500]})
        took_s = time.perf_counter() - started
        print(f"{run.layers} layers: {name} took {took_s:.1f} s", file=sys.stderr, flush=True)
    engine.close()


def write_step(out: TextIO, step: str, layers: int, line: Mapping[str, Any]) -> None:
    """Write a line of a step in an engine of so many layers."""
    write(out, {"step": step, "layers": layers, **line})


def write(out: TextIO, line: Mapping[str, Any]) -> None:
    """Append a line."""
    out.write(json.dumps(line) + "\n")
    out.flush()


if __name__ == "__main__":
    run_script(main)
