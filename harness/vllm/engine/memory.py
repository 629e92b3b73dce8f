"""How much memory the KV pool of a CPU engine gets."""

import os
import sys
from typing import Any

from engine.control_groups import free_bytes
from engine.shots import blocks
from faults import Fault
from messages import Boot

GIB = 1 << 30

BYTES = {"float32": 4, "float16": 2, "bfloat16": 2, "half": 2, "float": 4, "fp8": 1}
"""Bytes of one number by dtype; other names count as 2."""


def token_bytes(config: dict[str, Any], dtype: str, kv_cache_dtype: str) -> int:
    """Return the bytes of keys and values of one token in all layers of a configuration."""
    if dtype == "auto":
        dtype = str(config.get("dtype") or config.get("torch_dtype") or "bfloat16")
    kind = dtype if kv_cache_dtype == "auto" else kv_cache_dtype.split("_")[0]
    heads = config.get("num_attention_heads") or 1
    kv_heads = config.get("num_key_value_heads") or heads
    head_dim = config.get("head_dim") or -(-int(config.get("hidden_size") or 0) // heads)
    return int(2 * kv_heads * head_dim * BYTES.get(kind, 2) * (config.get("num_hidden_layers") or 1))


def needed_tokens(boot: Boot, max_model_len: int, block_size: int) -> tuple[int, int]:
    """Return the tokens of a pool that fits any shot's new tokens, and of one that fits any batch at all."""
    requests = boot.max_num_seqs + 1
    least = boot.max_num_batched_tokens + boot.max_num_seqs + requests * block_size
    most = requests * blocks(max_model_len, block_size) * block_size
    return least, max(least, most)


def pool_bytes(least: int, most: int, free: int, asked: int | None = None) -> int:
    """Return the bytes of the pool: `asked`, or what any batch can need up to half of what is free.

    Raises Fault of kind out_of_memory when not even `least` bytes fit, or `asked` are not free.
    """
    if asked is not None and asked > free:
        raise Fault(
            "out_of_memory",
            f"VLLM_CPU_KVCACHE_SPACE asks for {gib(asked)} of KV pool, {gib(free)} are free here:"
            " lower it, or unset it to have it chosen",
        )
    chosen = min(most, free // 2) if asked is None else asked
    if chosen < least:
        raise Fault(
            "out_of_memory",
            f"the KV pool must hold one batch of new tokens ({gib(least)}), {gib(chosen)} can be had"
            f" ({gib(free)} are free here): lower max_num_batched_tokens or max_num_seqs",
        )
    return chosen


def asked_bytes(space: str) -> int | None:
    """Return the bytes that VLLM_CPU_KVCACHE_SPACE asks for, or None when it is empty."""
    if space == "":
        return None
    if not space.isdecimal() or int(space) == 0:
        raise Fault("unsupported", f"VLLM_CPU_KVCACHE_SPACE must be whole GiB, at least 1: found {space!r}")
    return int(space) * GIB


def choose_pool(boot: Boot, block_size: int) -> int:
    """Return the bytes of the KV pool for a boot on this machine's CPU, and say why on stderr."""
    from vllm.utils.cpu_resource_utils import get_allowed_cpu_list, get_memory_node_info

    config = dict(boot.config.get("text_config") or boot.config)
    node = get_allowed_cpu_list()[0].numa_node
    free = get_memory_node_info(node).available_memory
    group_free = free_bytes()
    if group_free is not None:
        free = min(free, group_free)
    asked = asked_bytes(os.environ.get("VLLM_CPU_KVCACHE_SPACE", ""))
    least, most = needed_tokens(boot, int(config.get("max_position_embeddings") or 2048), block_size)
    size = token_bytes(config, boot.dtype, boot.kv_cache_dtype)
    chosen = pool_bytes(least * size, most * size, free, asked)
    print(
        f"KV pool: {gib(chosen)}; any batch fits {gib(most * size)}, {gib(free)} are free on NUMA node {node}"
        " within the limits of this process",
        file=sys.stderr,
    )
    return chosen


def gib(size: int) -> str:
    """Return bytes as GiB in words."""
    return f"{size / GIB:.2f} GiB"
