"""How far the attention of a batch by itself is from that of a forward, by what runs before it.

    python3 tests/bench/depth/behind_table.py perf/evidence/depth/Qwen3-0.6B-behind.jsonl.gz

The lines are those of the step `behind`. Prints for each set of batches and each reading of weights between
the kernels the median error in percent with its sign, and the p50 and p90 of its size: of all batches, and of
those whose attention is short.
"""

import argparse
import statistics
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[3] / "harness/vllm"))

from script import run_script
from states_table import read

SHORT_US = 25.0
"""Attention of a layer that counts as short."""

Line = Mapping[str, Any]
Errors = dict[tuple[int, int | None], list[tuple[float, float]]]


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("lines", type=Path)
    lines = read(parser.parse_args().lines)
    print(f"{lines[0]['model']}, tp {lines[0]['tp']}, {lines[0]['layers']} layers")
    for (seed, between), found in errors(lines).items():
        told = "without" if between is None else f"{between / 1e6:.1f} MB"
        short = [off for real_us, off in found if real_us < SHORT_US]
        columns = [f"{len(of):>4} {spread(of)}" for of in ([off for _, off in found], short) if len(of) > 1]
        print(f"  batches {seed}  {told:<8} {'   short '.join(columns)}")


def errors(lines: Sequence[Line]) -> Errors:
    """Return what a forward takes and the error in percent, by batches and bytes between, runs together."""
    depth = lines[0]["layers"]
    real: dict[tuple[int, int], float] = {}
    seen: dict[int, int] = {}
    for line in lines:
        if line["type"] == "forward" and "seed" in line:
            seed = line["seed"]
            at = seen[seed] = seen.get(seed, -1) + 1
            if "layers_us" in line:
                real[seed, at] = statistics.median(line["layers_us"]["attention"]) / depth
    found: Errors = {}
    for line in lines:
        if line["type"] == "behind" and "us" in line:
            of = real.get((line["seed"], line["batch"]))
            if of is not None:
                off = 100 * (line["us"]["attention"] / of - 1)
                found.setdefault((line["seed"], line["between_bytes"]), []).append((of, off))
    return found


def spread(errors: Sequence[float]) -> str:
    """Return p50 and p90 of the sizes and the median with its sign, of two errors or more."""
    sizes = list(map(abs, errors))
    p90 = statistics.quantiles(sizes, n=10, method="inclusive")[-1]
    return f"{statistics.median(sizes):.1f} / {p90:.1f} ({statistics.median(errors):+.1f})"


if __name__ == "__main__":
    run_script(main)
