from dataclasses import replace

import pytest
from client import Message, attention, dense, moe, per_sequence, placed, states
from engine.shots import Shot, blocks, broken_limit, read_shot
from faults import Fault
from messages import Limits

LIMITS = Limits(
    max_num_batched_tokens=64,
    max_num_seqs=8,
    num_cache_tokens=1024,
    max_model_len=512,
    num_experts=16,
    top_k=2,
    block_size=32,
)


@pytest.mark.parametrize(
    ("fields", "shot"),
    [
        (dense(16), Shot("dense", ((16, 0),))),
        (per_sequence(3), Shot("per_sequence", ((1, 0), (1, 0), (1, 0)))),
        (attention(64, 128, 2, 32), Shot("attention", ((64, 128), (1, 32), (1, 32)))),
        (attention(64, 0, 0, 0), Shot("attention", ((64, 0),))),
        (attention(0, 0, 2, 128), Shot("attention", ((1, 128), (1, 128)))),
        (placed([[64, 0], [32, 16]], 1), Shot("attention", ((64, 0), (32, 16), (1, 32)))),
        (placed([], 1), Shot("attention", ((1, 32),))),
        (states(64, 2), Shot("linear_attention", ((64, 0), (1, 256), (1, 256)))),
        (states(64, 0), Shot("linear_attention", ((64, 0),))),
        (states(0, 1), Shot("linear_attention", ((1, 256),))),
        ({**placed([[64, 0]], 2), "decode_q_len": 4}, Shot("attention", ((64, 0), (4, 32), (4, 32)))),
        ({**attention(0, 0, 1, 32), "decode_q_len": 1}, Shot("attention", ((1, 32),))),
        (moe(64, 8), Shot("moe", ((64, 0),), 8)),
    ],
)
def test_a_shot_stands_for_its_requests(fields: Message, shot: Shot) -> None:
    assert read_shot(fields) == shot


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        (
            {"category": "skewed"},
            "unknown category 'skewed': "
            "expected dense, per_sequence, attention, linear_attention, moe or skew",
        ),
        ({"category": "dense"}, "dense: tokens must be a whole number of at least 1: found None"),
        (dense(0), "dense: tokens must be a whole number of at least 1: found 0"),
        ({**dense(1), "tokens": 1.5}, "dense: tokens must be a whole number of at least 1: found 1.5"),
        (
            attention(0, 0, 0, 0),
            "attention: a batch has at least one request: no prefill, and n_decode is 0",
        ),
        (
            attention(1, -1, 0, 0),
            "attention: kv_prefill must be a whole number of at least 0: found -1",
        ),
        (
            states(0, 0),
            "linear_attention: a batch has at least one request: prefill_tokens and n_decode are 0",
        ),
        (states(-1, 1), "linear_attention: prefill_tokens must be a whole number of at least 0: found -1"),
        (
            {**attention(0, 0, 1, 32), "decode_q_len": 0},
            "attention: decode_q_len must be a whole number of at least 1: found 0",
        ),
        (placed({}, 1), "attention: prefills must be a list of [chunk, history]: found {}"),
        (placed([[1]], 1), "attention: a prefill must be [chunk, history]: found [1]"),
        (placed([[1, 2, 3]], 1), "attention: a prefill must be [chunk, history]: found [1, 2, 3]"),
        (placed([5], 1), "attention: a prefill must be [chunk, history]: found 5"),
        (placed([[1, -1]], 1), "message: history must be a whole number of at least 0: found -1"),
        (placed([[0, 0]], 1), "message: chunk must be a whole number of at least 1: found 0"),
    ],
)
def test_fields_that_are_no_shot_are_refused(fields: Message, message: str) -> None:
    with pytest.raises(Fault) as refused:
        read_shot(fields)
    assert (refused.value.kind, refused.value.message) == ("bad_request", message)


@pytest.mark.parametrize(
    ("fields", "broken"),
    [
        (dense(64), None),
        (dense(72), None),
        (dense(73), "73 new tokens, the engine has room for 72"),
        (per_sequence(9), None),
        (per_sequence(10), "10 requests, the engine has room for 9"),
        (attention(64, 0, 8, 64), None),
        (attention(65, 0, 8, 64), "73 new tokens, the engine has room for 72"),
        (attention(8, 0, 9, 8), "10 requests, the engine has room for 9"),
        (attention(0, 0, 1, 510), None),
        (
            attention(0, 0, 1, 511),
            "a request of 512 tokens, it must be shorter than max_model_len 512",
        ),
        (attention(0, 0, 8, 127), None),
        (attention(0, 0, 8, 128), "KV blocks for 1280 tokens, the pool holds 1024"),
        (moe(16, 16), None),
        (moe(16, 17), "17 activated experts, between 2 and 16 are possible"),
        (moe(2, 4), None),
        (moe(2, 2), None),
        (moe(2, 5), "5 activated experts, between 2 and 4 are possible"),
        (moe(2, 1), "1 activated experts, between 2 and 4 are possible"),
    ],
)
def test_a_shot_that_breaks_a_limit_says_which(fields: Message, broken: str | None) -> None:
    assert broken_limit(read_shot(fields), LIMITS) == broken


def test_a_limit_that_nobody_knows_is_not_broken() -> None:
    for unknown in ({"num_experts": None}, {"top_k": None}):
        assert broken_limit(Shot("moe", ((2, 0),), 99), replace(LIMITS, **unknown)) is None
    pool = Shot("attention", ((1, 128),) * 8)
    assert broken_limit(pool, LIMITS, tokens_only=True) is None
    assert broken_limit(pool, replace(LIMITS, num_cache_tokens=1280)) is None
    full = Shot("attention", ((1, 511),))
    assert broken_limit(full, LIMITS, tokens_only=True) == (
        "a request of 512 tokens, it must be shorter than max_model_len 512"
    )


@pytest.mark.parametrize(("tokens", "count"), [(1, 1), (32, 1), (33, 2), (64, 2)])
def test_blocks_are_filled_one_after_the_other(tokens: int, count: int) -> None:
    assert blocks(tokens, 32) == count
