"""What a layer finds: a residual as in the middle of a model, and values of a usual scale."""

from typing import Any

import torch
from engine.middle import as_middle_layer
from engine.values import fill_cache, fill_weights


class Layer(torch.nn.Module):  # type: ignore[misc]
    """A decoder layer as vLLM has them: its first norm takes a residual or none."""

    def forward(self, positions: Any, hidden_states: Any, residual: Any = None) -> Any:
        return hidden_states, residual


class Parallel(torch.nn.Module):  # type: ignore[misc]
    """A decoder layer that adds its residual itself."""

    def forward(self, hidden_states: Any) -> Any:
        return hidden_states


def test_a_first_layer_is_given_a_residual_of_its_own() -> None:
    layer, hidden = Layer(), torch.ones(2, 3)
    assert as_middle_layer(layer)
    found = [layer(None, hidden)[1], layer(None, hidden, None)[1], layer(None, hidden_states=hidden)[1]]
    assert [residual.shape for residual in found] == [hidden.shape] * 3
    assert len({residual.data_ptr() for residual in found}) == 1
    assert layer(None, torch.ones(5, 3))[1].shape == (5, 3)
    assert layer(None, torch.ones(1, 3))[1].shape == (1, 3)


def test_a_residual_that_is_there_stays() -> None:
    layer, residual = Layer(), torch.zeros(2, 3)
    as_middle_layer(layer)
    assert layer(None, torch.ones(2, 3), residual=residual)[1] is residual


def test_a_layer_without_residual_is_left_as_it_is() -> None:
    layer = Parallel()
    assert not as_middle_layer(layer)
    assert torch.equal(layer(torch.ones(2)), torch.ones(2))


def test_weights_are_normal_norms_one_and_scales_as_they_were() -> None:
    parameters = {
        "qkv.weight": torch.zeros(256, 256, dtype=torch.bfloat16),
        "qkv.bias": torch.zeros(4096, dtype=torch.bfloat16),
        "norm.weight": torch.zeros(64, dtype=torch.bfloat16),
        "down.weight": torch.zeros(256, 64).to(torch.float8_e4m3fn),
        "down.weight_scale": torch.full((64,), 0.5),
        "packed.weight": torch.zeros(8, 8, dtype=torch.int32),
    }
    fill_weights((name, torch.nn.Parameter(value, requires_grad=False)) for name, value in parameters.items())
    for name in ("qkv.weight", "qkv.bias"):
        assert abs(parameters[name].float().std().item() / 0.02 - 1) < 0.1
    assert parameters["norm.weight"].unique().tolist() == [1]
    assert abs(parameters["down.weight"].float().std().item() - 1) < 0.1
    assert parameters["down.weight_scale"].unique().tolist() == [0.5]
    assert parameters["packed.weight"].unique().tolist() == [0]


def test_caches_are_normal_in_their_own_type() -> None:
    plain = torch.zeros(2, 64, 16, dtype=torch.bfloat16)
    eight_bits = torch.zeros(2, 64, 16, dtype=torch.uint8)
    fill_cache([plain, [eight_bits]])
    assert abs(plain.float().std().item() - 1) < 0.1
    assert abs(eight_bits.view(torch.float8_e4m3fn).float().std().item() - 1) < 0.1
