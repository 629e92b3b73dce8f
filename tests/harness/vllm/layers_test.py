from typing import Any

import pytest
from engine.layers import find_layers
from faults import Fault
from messages import Architecture, Entry


def module(name: str) -> Any:
    """Return an object of a class of this name."""
    return type(name, (), {})()


def tree(**classes: str) -> list[tuple[str, Any]]:
    """Return a module tree: paths with `__` for dots, `root` for the root."""
    return [
        ("" if path == "root" else path.replace("__", "."), module(name)) for path, name in classes.items()
    ]


DECODER = tree(
    root="LlamaForCausalLM",
    model="LlamaModel",
    model__layer="LlamaDecoderLayer",
    model__layer__norm="RMSNorm",
    model__layer__attn="LlamaAttention",
    model__layer__attn__q_norm="RMSNorm",
    model__layer__attn__k_norm="RMSNorm",
    model__layer__attn__o="RowParallelLinear",
    model__layer__mlp="LlamaMLP",
    model__layer__mlp__down="RowParallelLinear",
    model__norm="RMSNorm",
)


def found(modules: list[tuple[str, Any]], entries: dict[str, Entry], *sequence: str) -> dict[str, list[str]]:
    """Return the paths of each layer's modules."""
    paths = {id(module): path for path, module in modules}
    layers = find_layers(modules, Architecture({"dense": entries}, sequence, {}))
    return {layer: [paths[id(module)] for module in sites] for layer, sites in layers["dense"].items()}


def test_the_deepest_ancestor_wins() -> None:
    entries = {
        "final_layernorm": Entry(("RMSNorm",), ("LlamaForCausalLM",)),
        "layernorm": Entry(("RMSNorm",), ("LlamaDecoderLayer",)),
        "qk_norm": Entry(("RMSNorm",), ("LlamaAttention",)),
    }
    assert found(DECODER, entries) == {
        "final_layernorm": ["model.norm"],
        "layernorm": ["model.layer.norm"],
        "qk_norm": ["model.layer.attn.q_norm", "model.layer.attn.k_norm"],
    }


def test_an_entry_without_within_matches_anywhere_and_yields_to_one_with_it() -> None:
    entries = {
        "down_proj": Entry(("RowParallelLinear",), ("LlamaMLP",)),
        "linear": Entry(("RowParallelLinear",), ()),
    }
    assert found(DECODER, entries) == {
        "down_proj": ["model.layer.mlp.down"],
        "linear": ["model.layer.attn.o"],
    }


def test_a_module_is_not_its_own_ancestor() -> None:
    assert found(DECODER, {"attn": Entry(("LlamaAttention",), ("LlamaAttention",))}) == {}


@pytest.mark.parametrize(
    ("classes", "paths"),
    [
        (("Llama3RotaryEmbedding", "RotaryEmbedding"), ["b"]),
        (("YaRNRotaryEmbedding", "RotaryEmbedding"), ["a"]),
    ],
)
def test_of_alternative_classes_the_first_found_counts(classes: tuple[str, ...], paths: list[str]) -> None:
    modules = tree(root="Model", a="RotaryEmbedding", b="Llama3RotaryEmbedding")
    assert found(modules, {"rotary_emb": Entry(classes, ())}) == {"rotary_emb": paths}


def test_alternative_ancestors_are_equal() -> None:
    entries = {"down_proj": Entry(("RowParallelLinear",), ("Qwen2MLP", "LlamaMLP"))}
    assert found(DECODER, entries) == {"down_proj": ["model.layer.mlp.down"]}


def test_a_layer_of_the_sequence_without_module_is_refused_with_what_was_found() -> None:
    entries = {"layernorm": Entry(("LayerNorm", "GemmaNorm"), ("PhiDecoderLayer", "LlamaDecoderLayer"))}
    with pytest.raises(Fault) as refused:
        found(tree(root="LlamaModel", norm="RMSNorm"), entries, "layernorm")
    assert refused.value.kind == "unsupported"
    assert refused.value.message == (
        "layer 'layernorm' of the sequence matches no module"
        " (classes LayerNorm, GemmaNorm within PhiDecoderLayer or LlamaDecoderLayer)"
    )
    assert refused.value.detail == "modules found: LlamaModel, RMSNorm"


def test_a_layer_outside_the_sequence_may_be_absent() -> None:
    assert found(tree(root="LlamaModel"), {"layernorm": Entry(("RMSNorm",), ())}) == {}


def test_two_layers_that_match_a_module_equally_are_refused() -> None:
    entries = {"a": Entry(("RMSNorm",), ("LlamaAttention",)), "b": Entry(("RMSNorm",), ("LlamaAttention",))}
    with pytest.raises(Fault, match="a module of class RMSNorm belongs to layers 'a' and 'b'"):
        found(DECODER, entries)
