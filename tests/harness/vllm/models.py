"""Tiny models of every architecture, and how they are booted."""

from typing import Any

import yaml
from client import ROOT, Message

HEAD_DIM = 32
SHARDED = ("intermediate_size", "num_attention_heads", "num_key_value_heads", "vocab_size")

COMMON = {
    "num_hidden_layers": 1,
    "hidden_size": 128,
    "intermediate_size": 256,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "head_dim": HEAD_DIM,
    "vocab_size": 512,
    "max_position_embeddings": 512,
    "hidden_act": "silu",
    "rms_norm_eps": 1e-6,
    "rope_theta": 10000.0,
    "torch_dtype": "bfloat16",
}

CONFIGS: dict[str, dict[str, Any]] = {
    "llama": {"architectures": ["LlamaForCausalLM"]},
    "qwen3": {"architectures": ["Qwen3ForCausalLM"], "tie_word_embeddings": True},
    "qwen3_moe": {
        "architectures": ["Qwen3MoeForCausalLM"],
        "num_experts": 8,
        "num_experts_per_tok": 2,
        "moe_intermediate_size": 64,
        "decoder_sparse_step": 1,
        "mlp_only_layers": [],
        "norm_topk_prob": True,
    },
    "mixtral": {"architectures": ["MixtralForCausalLM"], "num_local_experts": 8, "num_experts_per_tok": 2},
    "phimoe": {
        "architectures": ["PhiMoEForCausalLM"],
        "num_local_experts": 8,
        "num_experts_per_tok": 2,
        "attention_bias": True,
        "lm_head_bias": True,
    },
}

NO_FP8_CACHE = "vLLM refused: FP8 KV cache on CPU requires x86 with AVX-512 or AMX"
"""What a processor without either answers."""

EXPERTS = ("qwen3_moe", "mixtral", "phimoe")

SLIDING = {
    "num_hidden_layers": 2,
    "layer_types": ["sliding_attention", "full_attention"],
    "sliding_window": 64,
    "query_pre_attn_scalar": 32,
    "hidden_activation": "gelu_pytorch_tanh",
    "architectures": ["Gemma3ForCausalLM"],
    "model_type": "gemma3_text",
}
"""A model that has a layer with sliding attention and one with full."""

RECURRENT = {
    "num_hidden_layers": 2,
    "layer_types": ["linear_attention", "full_attention"],
    "num_experts": 8,
    "num_experts_per_tok": 2,
    "moe_intermediate_size": 64,
    "shared_expert_intermediate_size": 64,
    "norm_topk_prob": True,
    "head_dim": 64,
    "linear_num_key_heads": 2,
    "linear_num_value_heads": 4,
    "linear_key_head_dim": 64,
    "linear_value_head_dim": 64,
    "linear_conv_kernel_dim": 4,
    "partial_rotary_factor": 0.25,
    "architectures": ["Qwen3NextForCausalLM"],
    "model_type": "qwen3_next",
}
"""A model that has a layer with a recurrent state and one with full attention."""


def config(model: str, tp: int = 1, **changes: Any) -> dict[str, Any]:
    """Return a model's configuration, sharded."""
    whole = {"model_type": model, **COMMON, **CONFIGS[model]}
    return {**whole, **{name: whole[name] // tp for name in SHARDED}, **changes}


def architecture(model: str) -> dict[str, Any]:
    """Return a model's architecture as the protocol carries it: class names are lists."""
    fields = yaml.safe_load((ROOT / f"configs/architecture/{model}.yaml").read_text())
    for group in fields["catalog"].values():
        for entry in group.values():
            for name in ("vllm", "within"):
                if isinstance(entry.get(name), str):
                    entry[name] = [entry[name]]
    return {"modelType": model, "sha256": "00", **fields}


def boot(model: str, tp: int = 1, changes: dict[str, Any] | None = None, **fields: Any) -> Message:
    """Return the request that boots a tiny model."""
    return {
        "type": "boot",
        "tp": tp,
        "config": config(model, tp, **(changes or {})),
        "architecture": architecture(model),
        "dtype": "auto",
        "kv_cache_dtype": "auto",
        "block_size": None,
        "max_num_batched_tokens": 64,
        "max_num_seqs": 8,
        **fields,
    }
