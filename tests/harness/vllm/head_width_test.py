import types

import pytest
import torch
from engine.head_width import (
    derives,
    fixed,
    given_width,
    narrowed,
    refuse_derived_widths,
    refuse_wide_outputs,
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


def test_classes_that_derive_the_width_of_heads_are_known_by_their_source() -> None:
    assert [derives(each) for each in (DerivingAttention, TakingAttention, Fault, "text", int)] == [
        True,
        False,
        False,
        False,
        False,
    ]


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
    assert given_width({"hidden_size": 128}, 2) is None


def test_a_derived_width_is_refused_nevertheless() -> None:
    refuse_derived_widths([Attention(32)], QWEN2, 2)
    refuse_derived_widths([Attention(64)], QWEN2, 1)
    refuse_derived_widths([Attention(64)], {**QWEN2, "global_head_dim": 64}, 2)
    with pytest.raises(Fault, match="derives heads of 64 numbers from hidden_size, the model has 32"):
        refuse_derived_widths([Attention(64)], QWEN2, 2)


def module(name: str, **fields: int) -> object:
    """Return a module of a class of this name."""
    return type(name, (), fields)()


@pytest.mark.parametrize(("tp", "taken", "refused"), [(1, 128, False), (2, 64, False), (2, 128, True)])
def test_a_rank_whose_projection_is_wider_than_its_heads_is_refused(
    tp: int, taken: int, refused: bool
) -> None:
    tree = [
        ("layers.0", module("Owner")),
        ("layers.0.attn", module("Attention", num_heads=4 // tp, head_size=32)),
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
        ]
    assert [taken for taken, *_ in found] == [64, 64, 128, 128]
    assert found[0] == (64, 128, True, "model.layers.5.self_attn.o_proj")
    assert vars(model)["RowParallelLinear"] is linear
