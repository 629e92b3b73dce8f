from typing import Any

import pytest
from engine.layers import Part, decoder_paths, find_decoders, find_layers, find_parts, inner_modules, part_of
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
    layers = find_layers(modules, Architecture({"dense": entries}, sequence))
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


def test_a_layer_has_the_modules_of_all_of_its_classes() -> None:
    modules = tree(root="Model", a="RotaryEmbedding", b="Llama3RotaryEmbedding", c="RMSNorm")
    entries = {"rotary_emb": Entry(("Llama3RotaryEmbedding", "YaRNRotaryEmbedding", "RotaryEmbedding"), ())}
    assert found(modules, entries) == {"rotary_emb": ["b", "a"]}


def test_a_module_is_not_below_what_an_entry_excludes() -> None:
    entries = {"norm": Entry(("RMSNorm",), ("LlamaDecoderLayer",), ("LlamaAttention",))}
    assert found(DECODER, entries) == {"norm": ["model.layer.norm"]}


KINDS = [
    *tree(root="Model", norm="RMSNorm"),
    *tree(layers__0="Layer", layers__0__attn="Attention", layers__0__norm="RMSNorm"),
    *tree(
        layers__1="Layer", layers__1__attn="Attention", layers__1__mlp="MLP", layers__1__mlp__norm="RMSNorm"
    ),
]


class Holder:
    """Stands for a module that is given others, which lie beside it."""

    def __init__(self, *held: Any) -> None:
        self.held = held

    def modules(self) -> list[Any]:
        """Return itself and what it holds, as a torch module does."""
        return [self, *self.held]


def test_a_module_that_an_excluded_class_holds_is_below_it_too() -> None:
    attention = type("MLAAttention", (Holder,), {})
    beside, shared = module("ColumnParallelLinear"), module("ColumnParallelLinear")
    modules = [
        *tree(root="Model", model__layers__0="Decoder", model__layers__0__attn="Wrapper"),
        ("model.layers.0.attn.q_b_proj", module("ColumnParallelLinear")),
        ("model.layers.0.attn.kv_b_proj", beside),
        ("model.layers.0.attn.mla", attention(beside)),
        ("model.layers.1.attn.q_b_proj", shared),
        ("model.layers.2.attn.mla", attention(shared)),
    ]
    entries = {"b_proj": Entry(("ColumnParallelLinear",), (), ("MLAAttention",))}
    assert found(modules, entries) == {
        "b_proj": ["model.layers.0.attn.q_b_proj", "model.layers.1.attn.q_b_proj"]
    }


def test_modules_of_a_decoder_layer_belong_to_the_layers_that_it_consists_of() -> None:
    entries = {
        "attention": Entry(("Attention",), ()),
        "sliding_attention": Entry(("Attention",), ()),
        "layernorm": Entry(("RMSNorm",), ()),
        "final_layernorm": Entry(("RMSNorm",), ()),
    }
    layers = (("layernorm", "sliding_attention"), ("attention", "layernorm"))
    architecture = Architecture({"dense": entries}, ("final_layernorm",), layers)
    paths = {id(module): path for path, module in KINDS}
    sites = find_layers(KINDS, architecture)["dense"]
    assert {layer: [paths[id(module)] for module in modules] for layer, modules in sites.items()} == {
        "attention": ["layers.1.attn"],
        "sliding_attention": ["layers.0.attn"],
        "layernorm": ["layers.0.norm", "layers.1.mlp.norm"],
        "final_layernorm": ["norm"],
    }


def test_an_architecture_of_other_decoder_layers_than_the_engine_has_is_refused() -> None:
    with pytest.raises(Fault) as refused:
        find_layers(KINDS, Architecture({}, (), ((), (), ())))
    assert refused.value.message == (
        "the architecture describes 3 decoder layers, the engine has 2: layers.0, layers.1"
    )


def test_decoder_layers_are_the_list_with_most_modules() -> None:
    vision = ["vision.blocks.0", "vision.blocks.1", "vision.blocks.0.a"]
    text = ["text.layers.10", "text.layers.2", "text.layers.2.a", "text.layers.10.a"]
    assert decoder_paths([*vision, *text, "norm"]) == ["text.layers.2", "text.layers.10"]
    assert decoder_paths(["model", "model.norm"]) == []
    few = ["layers.0", "layers.0.a", "layers.0.b", "layers.0.c"]
    assert decoder_paths(["blocks.0", "blocks.1", "blocks.2", *few]) == ["layers.0"]
    experts = [f"layers.0.experts.{number}" for number in range(4)]
    assert decoder_paths(["blocks.0", "blocks.1", *experts]) == ["layers.0"]
    assert decoder_paths(["0", "0.a", "layers"]) == [".0"]


def test_modules_are_in_the_innermost_element_of_a_list_around_them() -> None:
    paths = ("embed", "layers.0", "layers.0.attn", "layers.1", "layers.1.heads.2", "layers.1.heads.2.attn")
    modules = {path: module(path) for path in paths}
    sites = [modules[path] for path in ("embed", "layers.0.attn", "layers.1", "layers.1.heads.2.attn")]
    assert find_decoders(modules.items(), sites) == {
        id(modules["layers.0.attn"]): modules["layers.0"],
        id(modules["layers.1.heads.2.attn"]): modules["layers.1.heads.2"],
    }


def test_layers_within_a_module_of_a_layer_are_known() -> None:
    modules = dict(KINDS)
    layers = {"dense": {"mlp": [modules["layers.1.mlp"]], "norm": [modules["layers.1.mlp.norm"]]}}
    assert inner_modules(KINDS, layers) == {id(modules["layers.1.mlp"]): [modules["layers.1.mlp.norm"]]}


def test_decoder_layers_are_within_a_layer_that_is_around_them() -> None:
    modules = dict(KINDS)
    inner = inner_modules(KINDS, {"dense": {"model_glue": [modules[""]], "final": [modules["norm"]]}})
    assert inner == {id(modules[""]): [modules["norm"], modules["layers.0"], modules["layers.1"]]}


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


def test_kernels_of_a_name_belong_to_the_modules_that_may_launch_them() -> None:
    entries = {
        "qk_norm_rope": Entry(("RMSNorm",), ("LlamaAttention",), (), ("fused_qk",)),
        "cache_write": Entry((), ("LlamaAttention", "LlamaMLP"), ("LlamaDecoderLayer",), ("reshape",)),
        "gate": Entry((), ("LlamaMLP",), (), ("gate",)),
    }
    assert found(DECODER, entries) == {
        "qk_norm_rope": ["model.layer.attn.q_norm", "model.layer.attn.k_norm"],
        "gate": [],
    }
    paths = {id(module): path for path, module in DECODER}
    parts = find_parts(DECODER, Architecture({"dense": entries}, ()))
    assert [(part.layer, paths[id(part.module)], part.texts) for part in parts] == [
        ("qk_norm_rope", "model.layer.attn", ("fused_qk",)),
        ("gate", "model.layer.mlp", ("gate",)),
    ]


def test_the_parts_of_a_decoder_layer_are_those_that_it_consists_of() -> None:
    entries = {"gate": Entry((), ("Attention",), (), ("gate",))}
    architecture = Architecture({"dense": entries}, (), ((), ("gate",)))
    paths = {id(module): path for path, module in KINDS}
    assert [paths[id(part.module)] for part in find_parts(KINDS, architecture)] == ["layers.1.attn"]


@pytest.mark.parametrize(
    ("kernel", "layer"),
    [
        ("void vllm::reshape_and_cache_flash_kernel<float>", "cache_write"),
        ("reshape_kernel", "reshape"),
        ("void vllm::fusedQNorm<float>(int)", "norm"),
        ("flash", None),
    ],
)
def test_of_several_names_the_longest_that_a_kernel_has_decides(kernel: str, layer: str | None) -> None:
    parts = [Part("reshape", None, ("reshape", "view")), Part("cache_write", None, ("reshape_and_cache",))]
    parts.append(Part("norm", None, ("fusedQ*",)))
    assert part_of(kernel, parts) == layer


def test_a_layer_of_kernels_that_no_module_may_launch_is_refused() -> None:
    entries = {"gate": Entry((), ("NoSuchBlock",), (), ("gate_kernel",))}
    with pytest.raises(Fault) as refused:
        found(DECODER, entries, "gate")
    assert refused.value.message == (
        "layer 'gate' of the sequence matches no module (kernels gate_kernel within NoSuchBlock)"
    )


ELEVEN = [
    *tree(root="Model"),
    *tree(**{f"layers__{number}": "Layer" for number in range(11)}),
    *tree(layers__1__norm="RMSNorm", layers__10__norm="RMSNorm", layers__10__attn="Attention"),
]


def test_decoder_layers_are_told_apart_by_whole_numbers_and_are_their_own() -> None:
    entries = {
        "norm": Entry(("RMSNorm",), ()),
        "glue": Entry(("Layer",), ()),
        "last_norm": Entry(("RMSNorm",), ()),
    }
    blocks = (*((("norm", "glue"),) * 10), ("last_norm",))
    paths = {id(module): path for path, module in ELEVEN}
    sites = find_layers(ELEVEN, Architecture({"dense": entries}, (), blocks))["dense"]
    assert {layer: [paths[id(module)] for module in modules] for layer, modules in sites.items()} == {
        "norm": ["layers.1.norm"],
        "last_norm": ["layers.10.norm"],
        "glue": [f"layers.{number}" for number in range(10)],
    }


def test_modules_within_one_decoder_layer_or_a_part_are_not_those_of_the_tenth() -> None:
    modules = dict(ELEVEN)
    first, last, norms = modules["layers.1"], modules["layers.10"], ("layers.1.norm", "layers.10.norm")
    layers = {"dense": {"glue": [first], "norm": [modules[path] for path in norms]}}
    assert inner_modules(ELEVEN, layers) == {id(first): [modules["layers.1.norm"]]}
    assert inner_modules(ELEVEN, layers, [Part("gate", last, ("gate",))]) == {
        id(first): [modules["layers.1.norm"]],
        id(last): [modules["layers.10.norm"]],
    }


def test_what_a_module_of_another_decoder_layer_holds_is_not_below_it() -> None:
    attention = type("MLAAttention", (Holder,), {})
    linears = [module("Linear") for _ in range(3)]
    holder = attention(*linears)
    modules = [
        *tree(root="Model", layers__1="Decoder", layers__10="Decoder"),
        ("layers.1.b_proj", linears[0]),
        ("layers.1.mla", holder),
        ("layers.10.b_proj", linears[1]),
        ("b_proj", linears[2]),
        ("layers.10.other", module("MLAAttention")),
    ]
    entries = {"b_proj": Entry(("Linear",), (), ("MLAAttention",)), "mla": Entry(("MLAAttention",), ())}
    assert found(modules, entries) == {
        "b_proj": ["layers.10.b_proj", "b_proj"],
        "mla": ["layers.1.mla", "layers.10.other"],
    }


def test_a_module_is_not_held_by_itself() -> None:
    modules = [
        *tree(root="Model", layers__0="Decoder"),
        ("layers.0.mla", type("MLAAttention", (Holder,), {})()),
    ]
    entries = {"mla": Entry(("MLAAttention",), (), ("MLAAttention",))}
    assert found(modules, entries) == {"mla": ["layers.0.mla"]}


@pytest.mark.parametrize(
    ("entries", "asked"),
    [
        ({}, "()"),
        ({"gate": Entry(("Gate",), ())}, "(classes Gate)"),
        (
            {"gate": Entry(("Gate",), ("MLP",), (), ("silu", "mul"))},
            "(classes Gate, kernels silu, mul within MLP)",
        ),
    ],
)
def test_a_missing_layer_is_refused_with_what_was_asked(entries: dict[str, Entry], asked: str) -> None:
    with pytest.raises(Fault) as refused:
        found(DECODER, {"norm": Entry(("RMSNorm",), ()), **entries}, "norm", "gate")
    assert refused.value.message == f"layer 'gate' of the sequence matches no module {asked}"


def test_an_engine_without_decoder_layers_has_none_to_describe() -> None:
    with pytest.raises(Fault) as refused:
        find_layers(tree(root="Model"), Architecture({}, (), (("norm",),)))
    assert (refused.value.kind, refused.value.message) == (
        "unsupported",
        "the architecture describes 1 decoder layers, the engine has 0: none",
    )
