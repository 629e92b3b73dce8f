from types import SimpleNamespace
from typing import Any

import pytest
from engine.memory import GIB, needed_tokens
from engine.preflight import (
    CONTEXT_BYTES,
    intermediate,
    needed_bytes,
    refuse_too_large,
    steady_memory,
    weight_bytes,
    weights,
)
from faults import Fault
from models import boot
from protocol import parse_boot

LLAMA = {
    "hidden_size": 4096,
    "intermediate_size": 14336,
    "num_attention_heads": 32,
    "num_key_value_heads": 8,
    "num_hidden_layers": 1,
    "vocab_size": 128256,
    "torch_dtype": "bfloat16",
    "max_position_embeddings": 131072,
}
MIXTRAL = {**LLAMA, "num_local_experts": 8, "num_experts_per_tok": 2, "vocab_size": 32000}


@pytest.mark.parametrize(
    ("config", "count"),
    [
        (LLAMA, 218_103_808 + 2 * 128256 * 4096),
        ({**LLAMA, "tie_word_embeddings": True}, 218_103_808 + 128256 * 4096),
        (MIXTRAL, 41_943_040 + 8 * 3 * 4096 * 14336 + 2 * 32000 * 4096),
        (
            {**MIXTRAL, "num_local_experts": [8, 8]},
            41_943_040 + 8 * 3 * 4096 * 14336 + 2 * 32000 * 4096,
        ),
        ({**MIXTRAL, "moe_intermediate_size": 1024}, 41_943_040 + 8 * 3 * 4096 * 1024 + 2 * 32000 * 4096),
        (
            {**LLAMA, "n_routed_experts": 8, "num_hidden_layers": 3, "first_k_dense_replace": 2},
            3 * 41_943_040 + 10 * 3 * 4096 * 14336 + 2 * 128256 * 4096,
        ),
    ],
    ids=["llama", "tied", "experts", "experts by layer", "small experts", "dense layers before experts"],
)
def test_weights_of_one_layer_embedding_and_head(config: dict[str, object], count: int) -> None:
    assert sum(weights(config)) == count


def test_the_bytes_of_each_part_by_hand() -> None:
    changes = {**LLAMA, "head_dim": 128}
    request = parse_boot(boot("llama", changes=changes, max_num_batched_tokens=2048, max_num_seqs=256))
    least, _ = needed_tokens(request, 131072, 16)
    layer, words = 218_103_808, 2 * 128256 * 4096
    assert needed_bytes(request, 16) == {
        "weights": 2 * (layer + words),
        # Keys and values of 8 heads of 128 numbers, 2 bytes each.
        "KV pool": least * 2 * 8 * 128 * 2,
        # Four times what the MLP holds of each token, and logits of every request in two types.
        "activations": 4 * (2048 + 256) * 14336 * 2 + 257 * 128256 * 8,
        "runtime": CONTEXT_BYTES,
    }
    wide = parse_boot(
        boot(
            "llama", changes={**changes, "torch_dtype": "float32"}, max_num_batched_tokens=64, max_num_seqs=8
        )
    )
    parts = needed_bytes(wide, 16)
    assert parts["weights"] == 4 * (layer + words)
    assert parts["activations"] == 4 * (64 + 8) * 14336 * 4 + 9 * 128256 * 8


def test_what_fits_is_booted_and_what_does_not_is_refused_with_its_parts() -> None:
    request = parse_boot(boot("llama", changes=LLAMA, max_num_batched_tokens=2048, max_num_seqs=256))
    needed = sum(needed_bytes(request, 16).values())
    assert 3 * GIB < needed < 8 * GIB
    refuse_too_large(request, 16, free=needed, total=80 * GIB)
    with pytest.raises(Fault) as refused:
        refuse_too_large(request, 16, free=GIB, total=80 * GIB)
    assert refused.value.kind == "out_of_memory"
    assert refused.value.message.startswith("the engine needs about ")
    assert refused.value.message.endswith(
        "1.00 GiB of the device's 80.00 GiB are free: free the device, raise tp, or lower"
        " max_num_batched_tokens or max_num_seqs"
    )


@pytest.mark.parametrize(
    ("scheme", "size"),
    [
        (None, 2),
        ({"quant_method": "fp8", "weight_block_size": [128, 128]}, 1),
        ({"quant_method": "experts_int8"}, 1),
        ({"quant_method": "awq", "bits": 4}, 0.5),
        ({"quant_method": "awq", "w_bit": 4}, 0.5),
        ({"quant_method": "gptq", "bits": 8}, 1),
        ({"quant_method": "gptq", "bits": 3}, 0.375),
        ({"quant_method": "gptq", "bits": "8"}, 0.5),
        ({"bits": 8}, 1),
        ({"quant_method": "FBGEMM_FP8"}, 1),
        ({"quant_method": "gpt_oss_mxfp4"}, 0.5),
        ({"quant_method": "modelopt_fp4"}, 0.5),
        ({"quant_method": "modelopt", "quantization": {"quant_algo": "fp8_pb_wo"}}, 1),
        ({"quant_method": "modelopt", "quantization": {}}, 0.5),
        (
            {
                "quant_method": "compressed-tensors",
                "config_groups": {"a": {"weights": {"num_bits": 8}}, "b": {}},
            },
            1,
        ),
        (
            {
                "quant_method": "compressed-tensors",
                "config_groups": {"a": {"weights": {"num_bits": 8}}, "b": {"weights": {"num_bits": 4}}},
            },
            0.5,
        ),
        ({"quant_method": "mxfp4"}, 0.5),
        ({"quant_method": "modelopt", "quant_algo": "FP8"}, 1),
        ({"quant_method": "modelopt", "quant_algo": "NVFP4"}, 0.5),
        ({"quant_method": "compressed-tensors", "config_groups": {"a": {"weights": {"num_bits": 8}}}}, 1),
        ({"quant_method": "compressed-tensors"}, 0.5),
    ],
)
def test_quantized_weights_are_counted_by_their_type_or_the_least_that_a_method_has(
    scheme: dict[str, object] | None, size: float
) -> None:
    assert weight_bytes({"quantization_config": scheme}, 2) == size
    assert weight_bytes({"text_config": {"quantization_config": scheme}}, 2) == size


def test_a_quantized_checkpoint_keeps_its_words_as_they_are() -> None:
    scheme = {"quantization_config": {"quant_method": "awq", "bits": 4}}
    request = parse_boot(boot("llama", changes={**LLAMA, **scheme}))
    layers, _ = weights(dict(request.config))
    assert needed_bytes(request, 16)["weights"] == layers // 2 + 2 * 128256 * 4096 * 2


@pytest.mark.parametrize(
    ("free_gib", "found", "pauses"),
    [([140, 140], 140, 1), ([123, 130, 136, 136], 136, 3), ([1, 2] * 40, 1, 40)],
    ids=["steady", "given back", "never steady"],
)
def test_a_boot_waits_until_memory_is_given_back(free_gib: list[int], found: int, pauses: int) -> None:
    readings = iter(free_gib)
    waited: list[float] = []
    free, total = steady_memory(lambda: (next(readings) << 30, 141 << 30), waited.append)
    assert (free >> 30, total >> 30, len(waited)) == (found, 141, pauses)


@pytest.mark.parametrize(
    ("differences", "pauses"),
    [([64 << 20], 1), ([-64 << 20], 1), ([(64 << 20) + 1, 0], 2), ([(-64 << 20) - 1, 0], 2)],
)
def test_memory_is_steady_when_two_readings_differ_by_64_mib_at_most(
    differences: list[int], pauses: int
) -> None:
    readings = [1 << 40]
    for difference in differences:
        readings.append(readings[-1] + difference)
    left, waited = iter(readings), []
    found = steady_memory(lambda: (next(left), 1 << 41), waited.append)
    assert found == (readings[pauses], 1 << 41)
    assert waited == [0.5] * pauses


SMALL = {"hidden_size": 8, "num_attention_heads": 4, "num_key_value_heads": 2, "head_dim": 3}
SPARSE = {**SMALL, "num_experts": 4, "moe_intermediate_size": 2, "intermediate_size": 5}


@pytest.mark.parametrize(
    ("config", "layers", "words"),
    [
        ({}, 0, 0),
        ({"hidden_size": 9}, 2 * 9 * 9 * 2, 0),
        ({"hidden_size": 8, "num_attention_heads": 4}, 2 * 8 * 2 * 8, 0),
        ({**SMALL, "vocab_size": 7}, 2 * 8 * 3 * 6, 2 * 8 * 7),
        ({**SMALL, "vocab_size": 7, "tie_word_embeddings": True}, 2 * 8 * 3 * 6, 8 * 7),
        ({**SMALL, "intermediate_size": 5, "num_hidden_layers": 3}, 3 * (288 + 3 * 8 * 5), 0),
        (SPARSE, 288 + 3 * 8 * 2 * 4, 0),
        ({**SPARSE, "num_experts": 2}, 288 + 3 * 8 * 2 * 2, 0),
        ({**SPARSE, "num_experts": 1}, 288 + 3 * 8 * 5, 0),
        (
            {**SPARSE, "num_hidden_layers": 3, "first_k_dense_replace": 1},
            3 * 288 + 3 * 8 * 2 * (4 * 2 + 1),
            0,
        ),
        ({**SPARSE, "num_hidden_layers": 2, "first_k_dense_replace": 9}, 2 * 288 + 3 * 8 * 2 * 2, 0),
        ({**SPARSE, "first_k_dense_replace": 9}, 288 + 3 * 8 * 2, 0),
    ],
)
def test_weights_are_counted_with_what_a_configuration_leaves_out(
    config: dict[str, Any], layers: int, words: int
) -> None:
    assert weights(config) == (layers, words)


@pytest.mark.parametrize(
    ("config", "widest"),
    [
        ({}, 0),
        ({"hidden_size": 8}, 8),
        ({"hidden_size": 8, "intermediate_size": 20}, 20),
        (
            {"hidden_size": 8, "intermediate_size": 20, "num_experts_per_tok": 4, "moe_intermediate_size": 6},
            24,
        ),
        ({"moe_topk": [3, 4], "moe_intermediate_size": 6}, 18),
        ({"moe_intermediate_size": 6}, 6),
    ],
)
def test_the_widest_activation_is_a_layers_or_that_of_a_tokens_experts(
    config: dict[str, Any], widest: int
) -> None:
    assert intermediate(config) == widest


TINY = {
    "hidden_size": 8,
    "num_attention_heads": 2,
    "num_key_value_heads": 1,
    "head_dim": 4,
    "intermediate_size": 20,
    "vocab_size": 100,
}


def tiny(config: dict[str, Any], dtype: str = "auto") -> Any:
    sizes = {"max_num_batched_tokens": 10, "max_num_seqs": 3}
    return SimpleNamespace(config=config, dtype=dtype, kv_cache_dtype="auto", **sizes)


@pytest.mark.parametrize(
    ("config", "dtype", "size"),
    [
        (TINY, "auto", 2),
        ({**TINY, "torch_dtype": "float32"}, "auto", 4),
        ({**TINY, "dtype": "float32"}, "auto", 4),
        ({**TINY, "torch_dtype": "bfloat16"}, "float32", 4),
        ({"text_config": {**TINY, "torch_dtype": "float32"}, "vocab_size": 1}, "auto", 4),
    ],
)
def test_bytes_follow_the_type_that_is_asked_for_or_the_configurations(
    config: dict[str, Any], dtype: str, size: int
) -> None:
    assert needed_bytes(tiny(config, dtype), 16) == {
        "weights": (672 + 1600) * size,
        "KV pool": (10 + 3 + 4 * 16) * 8 * size,
        "activations": 4 * 13 * 20 * size + 4 * 100 * 8,
        "runtime": 1_073_741_824,
    }


def test_a_configuration_without_a_vocabulary_has_no_words() -> None:
    config = {name: value for name, value in TINY.items() if name != "vocab_size"}
    parts = needed_bytes(tiny(config), 16)
    assert (parts["weights"], parts["activations"]) == (672 * 2, 4 * 13 * 20 * 2)


def test_a_refusal_has_the_bytes_of_each_part() -> None:
    with pytest.raises(Fault) as refused:
        refuse_too_large(tiny({**TINY, "vocab_size": 1 << 24}), 16, free=GIB // 2, total=2 * GIB)
    assert refused.value.message == (
        "the engine needs about 2.00 GiB (weights 0.50 GiB, KV pool 0.00 GiB, activations 0.50 GiB,"
        " runtime 1.00 GiB), 0.50 GiB of the device's 2.00 GiB are free: free the device, raise tp, or lower"
        " max_num_batched_tokens or max_num_seqs"
    )
