"""The shots that ranks are fired with: the same in every process."""

import random

from offline.plan import Fields, Plan

ATTENTION_SHOTS = 36
LONGEST_HISTORY = 8000


def shots_of(plan: Plan, tp: int) -> list[Fields]:
    """Return the shots: powers of two of tokens and requests, and random attention."""
    tokens, sequences = (int(plan.settings[name]) for name in ("max_num_batched_tokens", "max_num_seqs"))
    drawn = random.Random(0)
    dense = [{"category": "dense", "tp": tp, "tokens": size} for size in powers(tokens)]
    per_sequence = [{"category": "per_sequence", "tp": tp, "sequences": size} for size in powers(sequences)]
    kvs = [0, *powers(LONGEST_HISTORY)[4:]]
    attention = [
        {
            "category": "attention",
            "tp": tp,
            "prefill_chunk": chunk,
            "kv_prefill": drawn.choice(kvs) if chunk else 0,
            "n_decode": drawn.choice(powers(sequences)) if index % 3 else 0,
            "kv_decode": drawn.choice(kvs[1:]) if index % 3 else 0,
        }
        for index in range(ATTENTION_SHOTS)
        for chunk in [0 if index % 3 == 1 else drawn.choice(powers(tokens)[4:])]
    ]
    return [*dense, *per_sequence, *attention]


def powers(most: int) -> list[int]:
    """Return the powers of two up to a number."""
    return [1 << exponent for exponent in range(most.bit_length())]
