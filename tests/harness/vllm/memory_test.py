import sys
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
from engine import memory
from engine.memory import GIB, asked_bytes, choose_pool, needed_tokens, pool_bytes, token_bytes
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
        (HEADS, "half", "auto", 4096),
        (HEADS, "float16", "auto", 4096),
        (HEADS, "float", "auto", 8192),
        (HEADS, "other", "auto", 4096),
        (HEADS, "float32", "fp8", 2048),
        (HEADS, "float32", "bfloat16", 4096),
        ({**HEADS, "dtype": "float32", "torch_dtype": "bfloat16"}, "auto", "auto", 8192),
        ({**HEADS, "dtype": "float32"}, "bfloat16", "auto", 4096),
        ({"num_attention_heads": 4, "hidden_size": 130}, "bfloat16", "auto", 2 * 4 * 33 * 2),
        ({"num_attention_heads": 4, "hidden_size": 128, "head_dim": 8}, "bfloat16", "auto", 128),
        ({"hidden_size": 128}, "bfloat16", "auto", 512),
        ({"num_attention_heads": 4}, "bfloat16", "auto", 0),
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
        (3 * GIB, 10 * GIB, 10 * GIB, 10 * GIB),
        (3 * GIB, 10 * GIB, GIB, GIB),
        (3 * GIB, 2 * GIB, None, GIB),
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
    for space in ("1.5", "0", "00", "-1"):
        with pytest.raises(Fault) as refused:
            asked_bytes(space)
        assert (refused.value.kind, refused.value.message) == (
            "unsupported",
            f"VLLM_CPU_KVCACHE_SPACE must be whole GiB, at least 1: found {space!r}",
        )


LONG = {"num_attention_heads": 2, "num_key_value_heads": 1, "head_dim": 4, "num_hidden_layers": 1 << 18}
"""4 MiB of keys and values of each token."""

SHORT = {**LONG, "max_position_embeddings": 64}


@pytest.mark.parametrize(
    ("config", "group_gib", "asked", "chosen", "said"),
    [
        (SHORT, None, "", 1, "KV pool: 1.00 GiB; any batch fits 1.00 GiB, 40.00 GiB are free"),
        ({"text_config": SHORT}, 99, "", 1, "KV pool: 1.00 GiB; any batch fits 1.00 GiB, 40.00 GiB are free"),
        (LONG, None, "", 20, "KV pool: 20.00 GiB; any batch fits 32.00 GiB, 40.00 GiB are free"),
        (LONG, 10, "", 5, "KV pool: 5.00 GiB; any batch fits 32.00 GiB, 10.00 GiB are free"),
        (SHORT, None, "3", 3, "KV pool: 3.00 GiB; any batch fits 1.00 GiB, 40.00 GiB are free"),
    ],
)
def test_a_cpus_pool_is_chosen_by_what_its_node_and_its_groups_leave(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    config: dict[str, Any],
    group_gib: int | None,
    asked: str,
    chosen: int,
    said: str,
) -> None:
    module = ModuleType("vllm.utils.cpu_resource_utils")
    nodes = {1: SimpleNamespace(available_memory=40 * GIB)}
    cpus = [SimpleNamespace(numa_node=1), SimpleNamespace(numa_node=0)]
    vars(module).update(get_allowed_cpu_list=lambda: cpus, get_memory_node_info=nodes.__getitem__)
    for name in ("vllm", "vllm.utils"):
        monkeypatch.setitem(sys.modules, name, ModuleType(name))
    monkeypatch.setitem(sys.modules, module.__name__, module)
    monkeypatch.setattr(memory, "free_bytes", lambda: None if group_gib is None else group_gib * GIB)
    monkeypatch.setenv("VLLM_CPU_KVCACHE_SPACE", asked)
    sizes = {"max_num_batched_tokens": 10, "max_num_seqs": 3}
    boot: Any = SimpleNamespace(config=config, dtype="auto", kv_cache_dtype="auto", **sizes)
    assert choose_pool(boot, 16) == chosen << 30
    assert capsys.readouterr().err == f"{said} on NUMA node 1 within the limits of this process\n"
