"""What an engine needs of its device's memory, told before vLLM tries."""

import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from engine.memory import BYTES, gib, needed_tokens, token_bytes
from engine.methods import scheme_of
from faults import Fault
from messages import Boot

STEADY_BYTES = 64 << 20
"""By how much free memory may differ between two readings when nobody gives any back."""

PAUSE_S = 0.5
MOST_READINGS = 40

EXPERTS = ("num_local_experts", "num_experts", "n_routed_experts", "moe_num_experts")
TOP_K = (
    "num_experts_per_tok",
    "num_experts_per_token",
    "experts_per_token",
    "moe_k",
    "moe_topk",
    "moe_top_k",
    "top_k_experts",
)

CONTEXT_BYTES = 1 << 30
"""What runtime, libraries and workspaces take: seen on an H100, about 0.9 GiB."""


def steady_memory(
    read: Callable[[], tuple[int, int]], pause: Callable[[float], None] = time.sleep
) -> tuple[int, int]:
    """Return free and total bytes once two readings agree; after many that do not the last ones.

    A process that has just ended gives memory back for a while longer, and vLLM refuses to boot meanwhile.
    """
    before = read()
    for _ in range(MOST_READINGS):
        pause(PAUSE_S)
        now = read()
        if abs(now[0] - before[0]) <= STEADY_BYTES:
            return now
        before = now
    return before


def needed_bytes(boot: Boot, block_size: int) -> dict[str, int]:
    """Return the bytes of weights, KV pool (for one batch of new tokens), activations and runtime."""
    config = dict(boot.config.get("text_config") or boot.config)
    dtype = boot.dtype if boot.dtype != "auto" else str(config.get("torch_dtype") or config.get("dtype"))
    least, _ = needed_tokens(boot, int(config.get("max_position_embeddings") or 2048), block_size)
    wide, vocabulary = intermediate(config), int(config.get("vocab_size") or 0)
    tokens, size = boot.max_num_batched_tokens + boot.max_num_seqs, BYTES.get(dtype, 2)
    layers, words = weights(config)
    return {
        "weights": int(layers * weight_bytes(boot.config, size)) + words * size,
        "KV pool": least * token_bytes(config, boot.dtype, boot.kv_cache_dtype),
        "activations": 4 * tokens * wide * size + (boot.max_num_seqs + 1) * vocabulary * 8,
        "runtime": CONTEXT_BYTES,
    }


ALONE = {"fp8": 8, "fbgemm_fp8": 8, "experts_int8": 8, "mxfp4": 4, "gpt_oss_mxfp4": 4, "modelopt_fp4": 4}
"""Bits of a weight by the methods that have one width."""


def weight_bytes(config: Mapping[str, Any], size: int) -> float:
    """Return the bytes of a layer's weight without its scales: of a quantized checkpoint those of its type.

    Where a checkpoint does not say, the least that its method can have: a refusal needs to be sure.
    """
    scheme = scheme_of(config)
    if not scheme:
        return size
    method = str(scheme.get("quant_method") or "").lower()
    groups = (scheme.get("config_groups") or {}).values()
    widths = [(group.get("weights") or {}).get("num_bits") for group in groups]
    algorithm = str(scheme.get("quant_algo") or (scheme.get("quantization") or {}).get("quant_algo") or "")
    named = 8 if algorithm.upper().startswith("FP8") else None
    known = [ALONE.get(method), scheme.get("bits"), scheme.get("w_bit"), named, *widths]
    return min((bits for bits in known if isinstance(bits, int)), default=4) / 8


def weights(config: Mapping[str, Any]) -> tuple[int, int]:
    """Return how many weights the layers have, and how many the embedding and the head, never quantized."""
    hidden, heads = int(config.get("hidden_size") or 0), int(config.get("num_attention_heads") or 1)
    kv_heads = int(config.get("num_key_value_heads") or heads)
    head_dim = int(config.get("head_dim") or hidden // heads)
    experts = first_count(config, EXPERTS)
    dense = min(int(config.get("first_k_dense_replace") or 0), int(config.get("num_hidden_layers") or 1))
    width = int((experts > 1 and config.get("moe_intermediate_size")) or config.get("intermediate_size") or 0)
    attention = 2 * hidden * head_dim * (heads + kv_heads)
    vocabularies = 1 if config.get("tie_word_embeddings") else 2
    layers = int(config.get("num_hidden_layers") or 1)
    mlps = 3 * hidden * width * (experts * (layers - dense) + dense)
    return layers * attention + mlps, vocabularies * hidden * int(config.get("vocab_size") or 0)


def intermediate(config: Mapping[str, Any]) -> int:
    """Return the widest activation of a token."""
    top_k = first_count(config, TOP_K)
    widths = (config.get("intermediate_size"), top_k * int(config.get("moe_intermediate_size") or 0))
    return max(int(config.get("hidden_size") or 0), *(int(width or 0) for width in widths))


def first_count(config: Mapping[str, Any], names: Iterable[str]) -> int:
    """Return the first of some counts that is there, 1 for none; a list repeats one for each layer."""
    given = next((config[name] for name in names if config.get(name)), 1)
    return int(given[0] if isinstance(given, list) else given)


def refuse_too_large(boot: Boot, block_size: int, free: int, total: int) -> None:
    """Raise Fault of kind out_of_memory when an engine cannot fit into what is free."""
    parts = needed_bytes(boot, block_size)
    needed = sum(parts.values())
    if needed > free:
        shares = ", ".join(f"{name} {gib(size)}" for name, size in parts.items())
        raise Fault(
            "out_of_memory",
            f"the engine needs about {gib(needed)} ({shares}), {gib(free)} of the device's {gib(total)} are"
            " free: free the device, raise tp, or lower max_num_batched_tokens or max_num_seqs",
        )
