import pytest
from engine.memory import GIB, needed_tokens
from engine.preflight import (
    CONTEXT_BYTES,
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
