"""How the attention by itself is compared with that of a forward."""

import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from behind import reading, ways
from behind_table import errors, spread

LINES: list[dict[str, Any]] = [
    {"type": "depth", "layers": 2},
    {"type": "forward", "step": "forward", "layers_us": {"attention": [80, 80, 80]}},
    {"type": "alone", "us": {"attention": 9}},
    {"type": "forward", "seed": 0, "layers_us": {"attention": [40, 20, 20]}},
    {"type": "forward", "seed": 0, "message": "out of memory"},
    {"type": "forward", "seed": 1, "layers_us": {"attention": [100, 100, 100]}},
    {"type": "behind", "seed": 0, "between_bytes": None, "batch": 0, "us": {"attention": 11}},
    {"type": "behind", "seed": 0, "between_bytes": None, "batch": 0, "us": {"attention": 12}},
    {"type": "behind", "seed": 0, "between_bytes": None, "batch": 1, "us": {"attention": 12}},
    {"type": "behind", "seed": 0, "between_bytes": 8, "batch": 0, "us": {"attention": 9}},
    {"type": "behind", "seed": 0, "between_bytes": 8, "batch": 0, "message": "lost"},
    {"type": "behind", "seed": 1, "between_bytes": 8, "batch": 0, "us": {"attention": 50}},
]


def test_a_batch_is_held_against_one_layer_of_its_forward() -> None:
    """Batches count by their set and place; what failed or other steps measured does not."""
    assert errors(LINES) == {
        (0, None): [(10, pytest.approx(10)), (10, pytest.approx(20))],
        (0, 8): [(10, pytest.approx(-10))],
        (1, 8): [(50, 0)],
    }
    assert spread([-1, 3, -2]) == "2.0 / 2.8 (-1.0)"


def test_the_ways_go_from_nothing_between_to_all_weights_of_a_layer() -> None:
    """Without a kernel before there is one way alone."""
    layer = torch.nn.Linear(4, 4, bias=False)
    assert ways(layer, None) == [None]
    assert ways(layer, SimpleNamespace(between=48)) == [None, 0, 32, 48, 64, None]


def test_a_way_is_undone_behind_it() -> None:
    """The engine has what it had, also where the timing fails."""
    kernel = object()
    before = SimpleNamespace(kernel=kernel, between=48)
    kept = {id(kernel): before, 1: "another layer's"}
    engine: Any = SimpleNamespace(kernels_before=kept)
    for between, runs, reads in ((None, {}, 48), (32, {id(kernel): before}, 32)):
        with pytest.raises(RuntimeError), reading(engine, before, between):
            assert (engine.kernels_before, before.between) == (runs, reads)
            raise RuntimeError
        assert (engine.kernels_before, before.between) == (kept, 48)
    with reading(engine, None, None):
        assert engine.kernels_before == {}
    assert engine.kernels_before is kept


MODELS = {
    "Qwen3-0.6B-behind": "Qwen/Qwen3-0.6B, tp 1, 28",
    "Llama-3.1-8B-tp8-behind": "meta-llama/Llama-3.1-8B, tp 8, 32",
}


@pytest.mark.parametrize(
    ("file", "says"),
    [
        (
            "Qwen3-0.6B-behind",
            "  batches 0  without   240 1.2 / 12.3 (+0.6)   short   92 9.3 / 17.7 (+9.3)\n",
        ),
        (
            "Qwen3-0.6B-behind",
            "  batches 1  23.1 MB   120 1.1 / 5.7 (-1.0)   short   42 3.9 / 9.1 (-3.9)\n",
        ),
        (
            "Llama-3.1-8B-tp8-behind",
            "  batches 1  54.5 MB    60 0.9 / 3.2 (-0.3)   short   40 1.1 / 3.3 (-0.5)\n",
        ),
    ],
)
def test_the_script_reads_the_evidence(file: str, says: str) -> None:
    """What the page has is what the script prints."""
    root = Path(__file__).parents[3]
    ended = subprocess.run(
        [
            sys.executable,
            root / "tests/bench/depth/behind_table.py",
            f"perf/evidence/depth/{file}.jsonl.gz",
        ],
        cwd=root,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.stdout.startswith(f"{MODELS[file]} layers\n")
    assert says in ended.stdout
