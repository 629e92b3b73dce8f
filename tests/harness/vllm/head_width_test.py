import sys
import types
from typing import Any

import pytest
import torch
from engine.head_width import (
    derives,
    fixed,
    given_width,
    model_modules,
    narrowed,
    refuse_derived_widths,
    refuse_wide_outputs,
    with_head_width,
)
from faults import Fault

QWEN2 = {"hidden_size": 128, "num_attention_heads": 2, "head_dim": 32}


class DerivingAttention(torch.nn.Module):  # type: ignore[misc]
    def __init__(self, hidden_size: int, num_heads: int) -> None:
        super().__init__()
        self.total_num_heads = num_heads
        self.head_dim = hidden_size // self.total_num_heads
        self.q_size = num_heads * self.head_dim

    def forward(self) -> int:
        return self.head_dim


class TakingAttention(torch.nn.Module):  # type: ignore[misc]
    def __init__(self, head_dim: int) -> None:
        super().__init__()
        self.head_dim = head_dim


class Attention(torch.nn.Module):  # type: ignore[misc]
    def __init__(self, head_size: int) -> None:
        super().__init__()
        self.head_size = head_size


class DerivingMixer(torch.nn.Module):  # type: ignore[misc]
    def __init__(self, hidden_size: int, num_heads: int) -> None:
        super().__init__()
        self.num_heads = num_heads
        self.head_dim = hidden_size // self.num_heads


def test_classes_that_derive_the_width_of_heads_are_known_by_their_source() -> None:
    unread = type("UnreadAttention", (), {"__module__": "nowhere"})
    others = (TakingAttention, DerivingMixer, unread, Fault, "Attention", int)
    assert [derives(each) for each in (DerivingAttention, *others)] == [True, *[False] * 6]


def test_heads_of_a_rank_are_as_wide_as_the_model_says_and_stay_so() -> None:
    with fixed([DerivingAttention], 32):
        module = DerivingAttention(128, 2)
        assert (module.head_dim, module.q_size) == (32, 64)
    assert module() == 32
    assert DerivingAttention(128, 2).head_dim == 64


def test_only_a_rank_of_several_with_another_width_is_given_one() -> None:
    assert given_width(QWEN2, 2) == 32
    assert given_width({"text_config": QWEN2}, 2) == 32
    assert given_width(QWEN2, 1) is None
    assert given_width({**QWEN2, "head_dim": 64}, 2) is None
    for name in QWEN2:
        assert given_width({**QWEN2, name: None}, 2) is None


def test_a_derived_width_is_refused_nevertheless() -> None:
    refuse_derived_widths([Attention(32)], QWEN2, 2)
    refuse_derived_widths([Attention(64)], QWEN2, 1)
    refuse_derived_widths([Attention(64)], {**QWEN2, "global_head_dim": 64}, 2)
    refuse_derived_widths([module("Attention"), module("Indexer", head_size=64)], QWEN2, 2)
    for config in (QWEN2, {"text_config": QWEN2}, {**QWEN2, "sliding_window": 64, "global_head_dim": 96}):
        with pytest.raises(Fault) as fault:
            refuse_derived_widths([module("Indexer", head_size=64), Attention(64)], config, 2)
        assert (fault.value.kind, fault.value.message) == (
            "unsupported",
            "vLLM derives heads of 64 numbers from hidden_size, the model has 32:"
            " a rank of 2 cannot be measured on one device",
        )


def module(name: str, **fields: Any) -> object:
    """Return a module of a class of this name."""
    return type(name, (), fields)()


HEADS = {"num_heads": 2, "head_size": 32}


@pytest.mark.parametrize(
    ("tp", "heads", "taken", "refused"),
    [
        (1, HEADS, 128, False),
        (2, HEADS, 64, False),
        (2, HEADS, 128, True),
        (2, {**HEADS, "head_size_v": 0}, 64, False),
        (2, {"num_heads": 2, "head_size": 96, "head_size_v": 32}, 64, False),
        (2, {"num_heads": 2, "head_size": 96, "head_size_v": 32}, 128, True),
        (2, {"num_heads": 2, "head_size": None}, 128, False),
        (2, {"num_heads": 2}, 128, False),
        (2, {"head_size": 32}, 128, False),
        (2, HEADS, None, False),
    ],
)
def test_a_rank_whose_projection_is_wider_than_its_heads_is_refused(
    tp: int, heads: dict[str, Any], taken: int | None, refused: bool
) -> None:
    tree = [
        ("layers.0", module("Owner")),
        ("layers.0.norm", module("RMSNorm", **HEADS)),
        ("layers.0.attn", module("Attention", **heads)),
        ("layers.0.o_proj", module("RowParallelLinear", input_size_per_partition=taken)),
    ]
    if not refused:
        refuse_wide_outputs(tree, tp)
        return
    with pytest.raises(Fault) as fault:
        refuse_wide_outputs(tree, tp)
    assert fault.value.message == (
        "Owner projects 128 numbers, a rank's heads give 64: a rank of 2 cannot be measured on one device"
    )


def test_a_projection_behind_heads_that_takes_all_of_them_takes_a_ranks() -> None:
    def linear(input_size: int, output_size: int, bias: bool = False, prefix: str = "") -> object:
        return input_size, output_size, bias, prefix

    model = types.ModuleType("granitemoehybrid")
    vars(model)["RowParallelLinear"] = linear
    with narrowed([model, types.ModuleType("other")], 128, 64):
        make = vars(model)["RowParallelLinear"]
        found = [
            make(128, 128, bias=True, prefix="model.layers.5.self_attn.o_proj"),
            make(64, 128, prefix="model.layers.5.self_attn.o_proj"),
            make(128, 128, prefix="model.layers.5.mamba.out_proj"),
            make(128, 128, prefix="model.layers.5.self_attn.gate_proj"),
            make(256, 128, prefix="model.layers.5.self_attn.o_proj"),
        ]
    assert [taken for taken, *_ in found] == [64, 64, 128, 128, 256]
    assert found[0] == (64, 128, True, "model.layers.5.self_attn.o_proj")
    assert vars(model)["RowParallelLinear"] is linear


class Registry:
    """vLLM's models by architecture: those of this file, of a module that is gone, and of one that fails."""

    def __init__(self) -> None:
        self.models = {
            "DerivingForCausalLM": types.SimpleNamespace(load_model_cls=lambda: DerivingAttention),
            "BrokenForCausalLM": types.SimpleNamespace(load_model_cls=self.fail),
        }

    def fail(self) -> type:
        raise ImportError("no module named mamba_ssm")


@pytest.fixture
def registry(monkeypatch: pytest.MonkeyPatch) -> None:
    """Stand in for vLLM's registry of models."""
    module = types.ModuleType("vllm")
    vars(module)["ModelRegistry"] = Registry()
    monkeypatch.setitem(sys.modules, "vllm", module)


@pytest.mark.usefixtures("registry")
def test_models_that_vllm_does_not_know_or_cannot_import_have_no_module() -> None:
    names = ("OtherForCausalLM", "BrokenForCausalLM", "DerivingForCausalLM")
    assert model_modules(names) == [sys.modules[__name__]]
    assert model_modules(()) == []


@pytest.mark.usefixtures("registry")
@pytest.mark.parametrize(
    ("config", "tp", "widths"),
    [
        (QWEN2, 2, (32, 64)),
        ({"text_config": QWEN2}, 2, (32, 64)),
        (QWEN2, 1, (64, 128)),
        ({**QWEN2, "head_dim": 64}, 2, (64, 128)),
    ],
)
def test_heads_and_projections_of_a_model_have_a_ranks_width_while_it_is_built(
    monkeypatch: pytest.MonkeyPatch, config: dict[str, Any], tp: int, widths: tuple[int, int]
) -> None:
    this = sys.modules[__name__]
    linear = lambda input_size, prefix: input_size  # noqa: E731
    monkeypatch.setattr(this, "RowParallelLinear", linear, raising=False)

    def built() -> tuple[int, int]:
        taken = vars(this)["RowParallelLinear"](128, prefix="layers.0.self_attn.o_proj")
        return DerivingAttention(128, 2).head_dim, taken

    with with_head_width({**config, "architectures": ["DerivingForCausalLM"]}, tp):
        assert built() == widths
    assert built() == (64, 128)
    with with_head_width(config, tp):
        assert built() == (64, 128)
