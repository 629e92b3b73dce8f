"""How dense rows of one layer are compared with a model of full depth."""

import subprocess
import sys
from pathlib import Path

import pytest
from cold_table import errors

DEPTH = 4
WHOLE = [
    {"type": "depth", "layers": DEPTH},
    {
        "type": "whole",
        "tokens": 1,
        "layers_us": {"embedding": [9, 3, 3], "layernorm": [16, 16, 16], "rotary_emb": [8, 8, 8]},
    },
    {"type": "whole", "tokens": 512, "layers_us": {"embedding": [5], "layernorm": [5], "rotary_emb": [5]}},
    {"type": "whole", "tokens": 2, "message": "out of memory"},
]


def row(state: str, tokens: int, **us: float) -> dict[str, object]:
    """Return the line of a row."""
    return {"type": "dense", "state": state, "tokens": tokens, "us": us}


def test_a_row_is_held_against_one_call_of_the_forward() -> None:
    """Embeddings count once, norms twice a layer, repeats by their median; others not at all."""
    rows = [
        row("cold", 1, embedding=3.3, layernorm=1.9, rotary_emb=2.1),
        row("cold", 1, embedding=3.3, layernorm=2.0, rotary_emb=2.1),
        row("warm", 1, embedding=2.4, layernorm=2.0, rotary_emb=2.0),
        row("cold", 512, embedding=9, layernorm=9, rotary_emb=9),
        row("cold", 2, embedding=9, layernorm=9, rotary_emb=9),
        {"type": "dense", "state": "cold", "tokens": 1, "message": "lost"},
        {"type": "cost", "state": "cold", "ms": 30},
    ]
    assert errors(rows, WHOLE) == {
        "embedding": {"cold": [pytest.approx(10)], "warm": [pytest.approx(-20)]},
        "layernorm": {"cold": [pytest.approx(-2.5)], "warm": [0]},
        "rotary_emb": {"cold": [pytest.approx(5)], "warm": [0]},
    }


EVIDENCE = "perf/evidence/depth"


@pytest.mark.parametrize(
    ("files", "says"),
    [
        (
            ["Qwen3-0.6B-layer-before"],
            "qkv_proj         cold  -0.4   warm  -0.0\n",
        ),
        (["Llama-3.1-8B-tp8-layer-before", "Llama-3.1-8B-tp8"], "all, sizes, cold 1.1\n"),
        (["Llama-3.1-8B-tp8-layer-before"], "has no forwards of full depth\n"),
        (["Llama-3.1-8B-tp8", "Llama-3.1-8B"], "files of one tp are compared: 8, 1\n"),
    ],
)
def test_the_script_reads_the_evidence(files: list[str], says: str) -> None:
    """What the pages have is what the script prints; files that do not belong together are refused."""
    root = Path(__file__).parents[3]
    script = root / "tests/bench/depth/cold_table.py"
    paths = [f"{EVIDENCE}/{name}.jsonl.gz" for name in files]
    ended = subprocess.run(
        [sys.executable, script, *paths], cwd=root, capture_output=True, text=True, check=False
    )
    assert says in ended.stdout + ended.stderr
