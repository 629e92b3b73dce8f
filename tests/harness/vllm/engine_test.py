"""vLLM's CPU engine itself, behind a worker process that boots every model in turn."""

import itertools
import math

import pytest
from client import Client, Message, attention, dense, moe, per_sequence, skew, states
from models import COMMON, CONFIGS, EXPERTS, NO_FP8_CACHE, RECURRENT, SLIDING, architecture, boot

CASES = [pytest.param(model, tp, id=f"{model}-tp{tp}") for model in CONFIGS for tp in (1, 2)]


def layers_of(model: str, category: str) -> set[str]:
    return set(architecture(model)["catalog"][category])


def assert_measured(answer: Message, layers: set[str], iterations: int = 3) -> None:
    """An answer has positive finite samples for these layers, one a forward."""
    assert answer["type"] == "result", answer
    assert set(answer["samples"]) == layers
    for samples in answer["samples"].values():
        assert len(samples) == iterations
        assert all(math.isfinite(sample) and sample > 0 for sample in samples)


@pytest.mark.parametrize(("model", "tp"), CASES)
def test_every_category_of_every_architecture_is_measured(worker: Client, model: str, tp: int) -> None:
    booted = worker.boot(boot(model, tp))
    assert booted["type"] == "booted", booted
    assert booted["tp"] == tp
    experts = model in EXPERTS
    assert booted["limits"] == {
        "max_num_batched_tokens": 64,
        "max_num_seqs": 8,
        "num_cache_tokens": 9 * 512,
        "max_model_len": 512,
        "num_experts": 8 if experts else None,
        "top_k": 2 if experts else None,
        "block_size": 32,
    }
    assert booted["num_gpu_blocks"] == 9 * 512 // 32
    catalog = architecture(model)["catalog"]
    assert set(booted["layers"]) == {layer for group in catalog.values() for layer in group}
    # PhiMoE's decoder layer adds the residual beside its two norms.
    assert booted["layers"]["layernorm"]["modules"] == (3 if model == "phimoe" else 2)
    assert booted["layers"]["lm_head"] == {"class": "LogitsProcessor", "modules": 1}

    answers = worker.fire(dense(16), per_sequence(8), attention(32, 16, 8, 40), moe(16, 2), moe(16, 8))
    for category, answer in zip(("dense", "per_sequence", "attention"), answers, strict=False):
        assert_measured(answer, layers_of(model, category))
    for answer in answers[3:]:
        if experts:
            assert_measured(answer, {"moe"})
        else:
            message = f"shot {answer['index']} (moe): the engine has no experts"
            assert (answer["kind"], answer["message"]) == ("unsupported", message)


def test_the_experts_of_one_of_two_devices_are_an_engine_of_their_own(worker: Client) -> None:
    shared = {"num_experts": 4, "num_experts_per_tok": 1}
    limits = worker.boot(boot("qwen3_moe", changes=shared))["limits"]
    assert (limits["num_experts"], limits["top_k"]) == (4, 1)
    few, all_, unfit, watched = worker.fire(
        {**moe(16, 1), "ep": 2}, {**moe(16, 4), "ep": 2}, {**moe(16, 8), "ep": 2}, attention(32, 16, 8, 40)
    )
    assert_measured(few, {"moe"})
    assert_measured(all_, {"moe"})
    assert unfit["message"] == "shot 2 (moe): 8 activated experts, between 1 and 4 are possible"
    assert_measured(watched, {"attention"})


def test_a_skew_case_is_measured_by_part_or_not_at_all(worker: Client) -> None:
    worker.boot(boot("qwen3"))
    whole, one, unfit = worker.fire(
        skew(8, 1, ["t_mean", "t_max", "t_skew"], pc=32, kp=16, kvs=64),
        skew(8, 2, ["t_skew"], kvs=64),
        skew(8, 1, ["t_skew", "t_max"], pc=32, kp=400),
    )
    assert_measured(whole, {"t_mean", "t_max", "t_skew"})
    assert_measured(one, {"t_skew"})
    assert unfit["kind"] == "infeasible"
    assert unfit["message"] == (
        "shot 2 (skew): a request of 513 tokens, it must be shorter than max_model_len 512"
    )


def test_a_full_batch_of_decodes_with_and_without_drafts_fits_beside_a_prefill(worker: Client) -> None:
    worker.boot(boot("qwen3"))
    for answer in worker.fire(attention(64, 100, 8, 128), {**attention(32, 100, 8, 128), "decode_q_len": 4}):
        assert_measured(answer, {"attention"})


def test_the_largest_engines_corner_is_fired(worker: Client) -> None:
    worker.boot(boot("qwen3"))
    for answer in worker.fire(dense(64), per_sequence(8), attention(64, 447, 0, 0), attention(0, 0, 8, 510)):
        assert answer["type"] == "result", answer


def test_a_batch_that_breaks_a_limit_is_not_fired_and_the_next_one_is(worker: Client) -> None:
    worker.boot(boot("qwen3"))
    shots = [per_sequence(10), dense(512), attention(0, 0, 1, 511), {"category": "skewed"}, dense(0)]
    bad = worker.fire(*shots, dense(16))
    assert [answer.get("kind") for answer in bad] == [*["infeasible"] * 3, *["bad_request"] * 2, None]
    assert bad[0]["message"] == "shot 0 (per_sequence): 10 requests, the engine has room for 9"
    assert bad[3]["message"] == (
        "shot 3 (skewed): unknown category 'skewed': expected dense, per_sequence, attention,"
        " linear_attention, moe or skew"
    )
    assert_measured(bad[5], layers_of("qwen3", "dense"))


def test_forwards_that_end_early_and_whole_ones_follow_each_other_for_long(worker: Client) -> None:
    worker.boot(boot("qwen3"))
    mixed = [
        shot
        for n, kv in itertools.product((1, 3, 8), (1, 100))
        for shot in (dense(n * 8), per_sequence(n), attention(n * 8, kv, n, kv))
    ]
    for seq in range(10):
        answers = worker.fire(*mixed, iterations=1, seq=seq)
        assert [answer["type"] for answer in answers] == ["result"] * len(mixed)
        assert [answer["index"] for answer in answers] == list(range(len(mixed)))


def test_a_quantity_that_the_harness_lacks_is_refused(worker: Client) -> None:
    worker.boot(boot("qwen3"))
    fire = {"type": "fire", "seq": 1, "shots": [dense(1)], "iterations": 1, "quantity": "kernel"}
    message = "quantity must be one of wall: found 'kernel'"
    assert worker.ask(fire) == {"type": "error", "kind": "bad_request", "message": message}


@pytest.mark.parametrize(
    ("request_", "kind", "message"),
    [
        (
            boot("llama", changes={"head_dim": 16}),
            "unsupported",
            "vLLM's CPU attention does not support head_dim 16",
        ),
        (boot("llama", changes={"model_type": "foo"}), "unsupported", "vLLM knows no model_type 'foo'"),
        (
            boot("llama", changes={"num_key_value_heads": 3}),
            "unsupported",
            "vLLM refused: num_heads (4) is not divisible by num_kv_heads (3)",
        ),
        (
            boot("llama", block_size=16),
            "unsupported",
            "the attention cannot have KV blocks of 16 tokens (CPU_ATTN: [MultipleOf(32)]):",
        ),
        (
            boot("llama", architecture=architecture("qwen3")),
            "unsupported",
            "layer 'layernorm' of the sequence matches no module (classes RMSNorm within Qwen3DecoderLayer)",
        ),
        (
            boot("llama", max_num_batched_tokens=10**10),
            "out_of_memory",
            "the KV pool must hold one batch of new tokens (",
        ),
    ],
    ids=["head_dim", "model_type", "kv_heads", "block_size", "architecture", "memory"],
)
def test_a_boot_that_fails_says_why_and_leaves_the_worker_able_to_boot(
    worker: Client, request_: Message, kind: str, message: str
) -> None:
    answer = worker.boot(request_)
    assert (answer["type"], answer["kind"]) == ("error", kind)
    assert answer["message"].startswith(f"cannot boot tp 1: {message}")
    assert worker.ask({**fire_one(), "seq": 2})["message"] == "no engine is booted: send boot before fire"


def fire_one() -> Message:
    return {"type": "fire", "seq": 1, "shots": [dense(16)], "iterations": 1, "quantity": "wall"}


def test_after_failed_boots_the_same_process_boots_and_fires(worker: Client) -> None:
    booted = worker.boot(boot("llama", max_num_batched_tokens=1, max_num_seqs=1))
    assert booted["type"] == "booted", booted
    for answer in worker.fire(dense(1), per_sequence(1), attention(1, 0, 1, 1)):
        assert answer["type"] == "result", answer


@pytest.mark.parametrize("fields", [{"dtype": "float32"}, {"block_size": 64}])
def test_dtypes_and_block_size_are_the_requests(worker: Client, fields: Message) -> None:
    assert_booted_as_asked(worker, fields)


def test_an_fp8_cache_is_kept_or_refused_as_the_processor_can(worker: Client) -> None:
    import torch

    fields = {"kv_cache_dtype": "fp8"}
    if torch.cpu._is_avx512_supported() or torch.cpu._is_amx_tile_supported():
        assert_booted_as_asked(worker, fields)
    else:
        answer = worker.boot(boot("llama", **fields))
        assert (answer["type"], answer["kind"]) == ("error", "unsupported")
        assert answer["message"] == f"cannot boot tp 1: {NO_FP8_CACHE}"


def assert_booted_as_asked(worker: Client, fields: Message) -> None:
    booted = worker.boot(boot("llama", **fields))
    assert booted["type"] == "booted", booted
    assert booted["engine_args"].items() >= fields.items()
    assert booted["limits"]["block_size"] == fields.get("block_size", 32)
    (answer,) = worker.fire(attention(16, 0, 4, 64))
    assert_measured(answer, {"attention"})


KINDS = {
    "modelType": "gemma3_text",
    "sha256": "00",
    "sequence": {"prologue": ["embedding"], "head": ["lm_head"]},
    "catalog": {
        "dense": {
            "embedding": {"vllm": ["VocabParallelEmbedding"]},
            "layernorm": {"vllm": ["GemmaRMSNorm"], "within": ["Gemma3DecoderLayer"]},
            "qk_norm": {"vllm": ["GemmaRMSNorm"], "within": ["Gemma3Attention"]},
            "attn_block": {"vllm": ["Gemma3Attention"]},
            "qkv_proj": {"vllm": ["QKVParallelLinear"]},
        },
        "per_sequence": {"lm_head": {"vllm": ["LogitsProcessor"]}},
        "attention": {
            "sliding_attention": {"vllm": ["Attention"]},
            "attention": {"vllm": ["Attention"]},
        },
        "moe": {},
    },
    "layers": [
        ["layernorm", "attn_block", "qkv_proj", "qk_norm", "sliding_attention", *["layernorm"] * 3],
        ["layernorm", "attn_block", "qkv_proj", "qk_norm", "attention", *["layernorm"] * 3],
    ],
}


def test_one_engine_has_layers_of_every_kind_and_a_group_of_the_cache_for_each(worker: Client) -> None:
    config = {**COMMON, **SLIDING}
    booted = worker.boot({**boot("llama"), "config": config, "architecture": KINDS})
    assert booted["type"] == "booted", booted
    assert booted["caches"] == [
        {"kind": "sliding", "block_size": 32, "span": 64},
        {"kind": "full", "block_size": 32, "span": None},
    ]
    found = {layer: entry["modules"] for layer, entry in booted["layers"].items()}
    assert found == {
        "embedding": 1,
        "layernorm": 8,
        "qk_norm": 4,
        "attn_block": 2,
        "qkv_proj": 2,
        "lm_head": 1,
        "sliding_attention": 1,
        "attention": 1,
    }
    dense_answer, attention_answer, skewed = worker.fire(
        dense(16), attention(16, 100, 8, 200), skew(8, 1, ["t_mean", "t_skew"], kvs=64)
    )
    assert_measured(dense_answer, {"embedding", "layernorm", "qk_norm", "attn_block", "qkv_proj"})
    assert_measured(attention_answer, {"sliding_attention", "attention"})
    assert_measured(skewed, {"t_mean", "t_skew"})


STATES = {
    "modelType": "qwen3_next",
    "sha256": "00",
    "sequence": {"prologue": ["embedding"], "head": ["lm_head"]},
    "catalog": {
        "dense": {"embedding": {"vllm": ["VocabParallelEmbedding"]}},
        "per_sequence": {"lm_head": {"vllm": ["LogitsProcessor"]}},
        "attention": {"attention": {"vllm": ["Attention"]}},
        "linear_attention": {"gdn": {"vllm": ["QwenGatedDeltaNetAttention"]}},
        "moe": {"moe": {"vllm": ["Qwen3NextSparseMoeBlock"]}},
    },
    "layers": [["gdn", "moe"], ["attention", "moe"]],
}


def test_layers_with_a_recurrent_state_are_measured_in_every_regime(worker: Client) -> None:
    config = {**COMMON, **RECURRENT}
    booted = worker.boot({**boot("llama"), "config": config, "architecture": STATES})
    assert booted["type"] == "booted", booted
    assert [cache["kind"] for cache in booted["caches"]] == ["state", "full"]
    prefill, decode, mixed, history = worker.fire(
        states(48, 0), states(0, 4), states(48, 2), attention(16, 16, 2, 64)
    )
    for answer in (prefill, decode, mixed):
        assert_measured(answer, {"gdn"})
    assert_measured(history, {"attention"})


def test_a_walk_tells_calls_and_what_they_launch(worker: Client) -> None:
    worker.boot({**boot("llama"), "config": {**COMMON, **SLIDING}, "architecture": KINDS})
    batches = {"prefill": [[16, 0], [24, 0]], "decode": [[1, 100]]}
    walked = worker.ask({"type": "walk", "batches": batches})
    assert walked["type"] == "walked", walked
    assert walked["decoders"] == ["model.layers.0", "model.layers.1"]
    nodes = walked["batches"]["prefill"]["nodes"]
    by_path = {node["path"]: node for node in nodes[1:]}
    attention_node = by_path["model.layers.1.self_attn.attn"]
    assert (attention_node["cache"], attention_node["layer"]) == (1, "attention")
    assert by_path["model.layers.0.self_attn.attn"]["layer"] == "sliding_attention"
    assert by_path["model.norm"]["layer"] is None
    assert by_path["model.layers.0.input_layernorm"]["rows"] == 40
    assert by_path["logits_processor"]["rows"] == 2
    assert all(node["kernels"] for node in (attention_node, by_path["model.norm"]))
    assert nodes[attention_node["parent"]]["class"] == "Gemma3Attention"
    unfit = worker.ask({"type": "walk", "batches": {"prefill": [[16, 600]]}})
    assert unfit["kind"] == "infeasible"
    assert unfit["message"].startswith("walk: prefill: a request of 616 tokens")
