"""How far a decoder layer by itself is from the layers of a model of full depth, as `states` measured both.

    python3 tests/bench/depth/states_table.py perf/evidence/depth/states-Qwen3-0.6B.jsonl.gz...

Prints for each layer the median error over 1 to 64 tokens in percent: of the layer alone, and of the layer
behind another one.
"""

import argparse
import gzip
import json
import statistics
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[3] / "harness/vllm"))

from faults import Fault
from script import reason, run_script

MOST_TOKENS = 64
FIRST = 2
"""The first layers of a forward are not counted: they begin otherwise than those further up."""

ALONE, BEHIND, WHOLE = "usual", "two", "whole"

Us = Mapping[str, Sequence[float]]


def main() -> None:
    """Print a table of each file."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("files", type=Path, nargs="+")
    for path in parser.parse_args().files:
        lines = read(path)
        print(f"{lines[0]['model']}, {lines[0]['layers']} layers")
        for layer, (alone, behind) in errors(lines).items():
            print(f"  {layer:<14} alone {alone:+5.1f}   behind another {behind:+5.1f}")


def read(path: Path) -> list[dict[str, Any]]:
    """Return the lines of a packed file."""
    try:
        with gzip.open(path, "rt", encoding="utf-8") as file:
            return [json.loads(line) for line in file]
    except (OSError, ValueError) as error:
        raise Fault("bad_request", f"cannot read {path}: {reason(error)}") from error


def errors(lines: Sequence[Mapping[str, Any]]) -> dict[str, tuple[float, float]]:
    """Return for each layer the median errors of both ways, in percent."""
    times: dict[tuple[str, int], list[Us]] = {}
    for line in lines:
        if line["type"] == "states" and "us" in line and line["tokens"] <= MOST_TOKENS:
            times.setdefault((line["state"], line["tokens"]), []).append(split(line["us"]))
    found: dict[str, dict[str, list[float]]] = {}
    for (state, tokens), measured in times.items():
        (whole,) = times[WHOLE, tokens]
        for layer, calls in whole.items() if state in (ALONE, BEHIND) else ():
            if len(calls) > 1:
                real = statistics.mean(calls[FIRST:])
                us = statistics.mean(us[layer][-1] for us in measured)
                found.setdefault(layer, {}).setdefault(state, []).append(100 * (us / real - 1))
    return {
        layer: (statistics.median(by[ALONE]), statistics.median(by[BEHIND])) for layer, by in found.items()
    }


def split(us: Us) -> dict[str, Sequence[float]]:
    """Return the calls of each layer, those of a decoder layer's two norms apart, and of q and k added."""
    calls = {layer: values for layer, values in us.items() if layer not in ("layernorm", "qk_norm")}
    if "layernorm" in us:
        calls |= {"first norm": us["layernorm"][0::2], "second norm": us["layernorm"][1::2]}
    if "qk_norm" in us:
        calls["qk_norm"] = [sum(pair) for pair in zip(us["qk_norm"][0::2], us["qk_norm"][1::2], strict=True)]
    return calls


if __name__ == "__main__":
    run_script(main)
