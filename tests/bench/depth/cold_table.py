"""How far dense rows of one layer are from the layers of a model of full depth, as `cold` measured both.

    python3 tests/bench/depth/cold_table.py perf/evidence/depth/Qwen3-0.6B-layer-before.jsonl.gz [WHOLE]

Prints for each layer the median error over 1 to 64 tokens in percent, with the cache emptied before each
forward and without, and the median size of all errors. The forwards of full depth are those of another file
where it is given.
"""

import argparse
import statistics
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[3] / "harness/vllm"))

from faults import Fault
from script import run_script
from states_table import MOST_TOKENS, read

ONCE = ("embedding", "final_layernorm")
"""Layers that a forward has once."""

TWICE = "layernorm"
"""A decoder layer has two; its row is their mean."""

Line = Mapping[str, Any]


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("rows", type=Path)
    parser.add_argument("whole", type=Path, nargs="?")
    arguments = parser.parse_args()
    rows, whole = read(arguments.rows), read(arguments.whole or arguments.rows)
    for name in ("model", "device", "tp"):
        if rows[0][name] != whole[0][name]:
            raise Fault("bad_request", f"files of one {name} are compared: {rows[0][name]}, {whole[0][name]}")
    found = errors(rows, whole)
    if not found:
        raise Fault("bad_request", f"{arguments.whole or arguments.rows} has no forwards of full depth")
    print(f"{whole[0]['model']}, tp {whole[0]['tp']}, {whole[0]['layers']} layers")
    for layer, by in found.items():
        told = "   ".join(f"{state} {statistics.median(off):+5.1f}" for state, off in by.items())
        print(f"  {layer:<16} {told}")
    for state in ("cold", "warm"):
        sizes = [abs(off) for by in found.values() for off in by.get(state, ())]
        print(f"  all, sizes, {state} {statistics.median(sizes):.1f}")


def errors(rows: Sequence[Line], whole: Sequence[Line]) -> dict[str, dict[str, list[float]]]:
    """Return the errors of each layer by state in percent, one of each number of tokens."""
    depth = whole[0]["layers"]
    real = {
        line["tokens"]: line["layers_us"] for line in whole if line["type"] == "whole" and "layers_us" in line
    }
    repeats: dict[tuple[str, str, int], list[float]] = {}
    for line in rows:
        if line["type"] == "dense" and "us" in line and line["tokens"] in real:
            for layer, us in line["us"].items():
                repeats.setdefault((layer, line["state"], line["tokens"]), []).append(us)
    found: dict[str, dict[str, list[float]]] = {}
    for (layer, state, tokens), us in repeats.items():
        if tokens <= MOST_TOKENS:
            calls = 1 if layer in ONCE else 2 * depth if layer == TWICE else depth
            one_us = statistics.median(real[tokens][layer]) / calls
            off = 100 * (statistics.median(us) / one_us - 1)
            found.setdefault(layer, {}).setdefault(state, []).append(off)
    return found


if __name__ == "__main__":
    run_script(main)
