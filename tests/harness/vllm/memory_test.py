from typing import Any

import pytest
from engine.memory import GIB, asked_bytes, needed_tokens, pool_bytes, token_bytes
from faults import Fault
from models import boot
from protocol import parse_boot

HEADS = {"num_attention_heads": 16, "num_key_value_heads": 8, "head_dim": 128}


@pytest.mark.parametrize(
    ("config", "dtype", "kv_cache_dtype", "size"),
    [
        ({**HEADS, "torch_dtype": "bfloat16"}, "auto", "auto", 4096),
        ({**HEADS, "dtype": "float32"}, "auto", "auto", 8192),
        (HEADS, "auto", "auto", 4096),
        (HEADS, "float32", "auto", 8192),
        (HEADS, "bfloat16", "fp8_e4m3", 2048),
        ({"num_attention_heads": 4, "hidden_size": 128}, "bfloat16", "auto", 512),
        ({**HEADS, "num_hidden_layers": 2}, "bfloat16", "auto", 8192),
    ],
)
def test_bytes_of_a_token_follow_the_configuration(
    config: dict[str, Any], dtype: str, kv_cache_dtype: str, size: int
) -> None:
    assert token_bytes(config, dtype, kv_cache_dtype) == size


def test_a_pool_is_needed_for_any_batch_and_at_least_for_new_tokens() -> None:
    request = parse_boot(boot("llama"))
    assert needed_tokens(request, 500, 32) == (64 + 8 + 9 * 32, 9 * 512)


@pytest.mark.parametrize(
    ("most", "free", "asked", "chosen"),
    [
        (3 * GIB, 10 * GIB, None, 3 * GIB),
        (30 * GIB, 10 * GIB, None, 5 * GIB),
        (3 * GIB, 10 * GIB, 8 * GIB, 8 * GIB),
    ],
)
def test_the_pool_has_what_is_needed_up_to_half_of_what_is_free(
    most: int, free: int, asked: int | None, chosen: int
) -> None:
    assert pool_bytes(GIB, most, free, asked) == chosen


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        (
            None,
            "the KV pool must hold one batch of new tokens (2.00 GiB), 1.50 GiB can be had"
            " (3.00 GiB are free here): lower max_num_batched_tokens or max_num_seqs",
        ),
        (
            4 * GIB,
            "VLLM_CPU_KVCACHE_SPACE asks for 4.00 GiB of KV pool, 3.00 GiB are free here:"
            " lower it, or unset it to have it chosen",
        ),
    ],
)
def test_a_pool_that_cannot_fit_is_refused(asked: int | None, message: str) -> None:
    with pytest.raises(Fault) as refused:
        pool_bytes(2 * GIB, 9 * GIB, 3 * GIB, asked)
    assert (refused.value.kind, refused.value.message) == ("out_of_memory", message)


def test_the_environment_may_ask_for_a_pool() -> None:
    assert asked_bytes("") is None
    assert asked_bytes("2") == 2 * GIB
    with pytest.raises(Fault, match=r"must be whole GiB, at least 1: found '1\.5'"):
        asked_bytes("1.5")
