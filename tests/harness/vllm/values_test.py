"""What weights and caches are filled with, number by number."""

from typing import Any

import pytest
import torch
from engine import values
from engine.values import chunks, fill, fill_cache, fill_weights, is_plain


def drawn(shape: tuple[int, ...], deviation: float, dtype: Any = torch.float32) -> Any:
    """Return the first numbers of the generator that begins at 0."""
    generator = torch.Generator("cpu").manual_seed(0)
    return torch.empty(shape, dtype=dtype).normal_(0.0, deviation, generator=generator)


EIGHT = torch.float8_e4m3fn
WEIGHTS = {
    "qkv.weight": ((4, 8), torch.float32, drawn((4, 8), 0.02)),
    "qkv.bias": ((8,), torch.float32, drawn((8,), 0.02)),
    "norm.weight": ((8,), torch.bfloat16, torch.ones(8, dtype=torch.bfloat16)),
    "experts.w1": ((2, 4, 8), torch.bfloat16, drawn((2, 4, 8), 0.02, torch.bfloat16)),
    "down.weight": ((4, 8), EIGHT, drawn((4, 8), 1.0).to(EIGHT)),
    "order.g_idx": ((8,), torch.int32, torch.zeros(8, dtype=torch.int32)),
    "packed.qweight": ((4, 8), torch.int32, torch.zeros(4, 8, dtype=torch.int32)),
    "flat.eight_bits": ((8,), EIGHT, torch.zeros(8).to(EIGHT)),
    "down.weight_scale": ((4, 8), torch.float32, torch.zeros(4, 8)),
    "packed.zeros": ((4, 8), torch.float32, torch.zeros(4, 8)),
}


@pytest.mark.parametrize("name", WEIGHTS)
def test_a_weight_has_these_numbers(name: str) -> None:
    shape, dtype, expected = WEIGHTS[name]
    others = [("first.scale", torch.zeros(1)), ("norm", torch.zeros(2))]
    parameters = [*others, (name, torch.zeros(shape).to(dtype))]
    fill_weights((each, torch.nn.Parameter(value, requires_grad=False)) for each, value in parameters)
    assert torch.equal(parameters[-1][1].float(), expected.float())


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, EIGHT])
def test_a_cache_has_deviation_1(dtype: Any) -> None:
    cache = torch.zeros(3, 8, dtype=dtype)
    expected = drawn((3, 8), 1.0, dtype) if is_plain(cache) else drawn((3, 8), 1.0).to(dtype)
    nested = [[cache.clone()], (cache.clone(), cache)]
    fill_cache(nested)
    assert all(torch.equal(each.float(), expected.float()) for each in (cache, nested[0][0], nested[1][0]))


def test_bytes_of_a_pool_are_floats_of_8_bits_and_whole_numbers_stay() -> None:
    pool, tables = torch.zeros(3, 8, dtype=torch.uint8), torch.zeros(3, 8, dtype=torch.int32)
    fill_cache([pool, tables])
    assert torch.equal(pool.view(EIGHT).float(), drawn((3, 8), 1.0).to(EIGHT).float())
    assert not tables.any()


@pytest.mark.parametrize(
    ("shape", "parts"),
    [
        ((4, 6), [(4, 2)] * 3),
        ((6, 4), [(2, 4)] * 3),
        ((2, 3), [(2, 3)]),
        ((10, 3), [(2, 3)] * 5),
        ((20, 9), [(1, 9)] * 20),
        ((0, 3), []),
    ],
)
def test_numbers_are_drawn_in_parts_along_the_longest_axis(
    monkeypatch: pytest.MonkeyPatch, shape: tuple[int, ...], parts: list[tuple[int, ...]]
) -> None:
    monkeypatch.setattr(values, "CHUNK", 8)
    assert [tuple(part.shape) for part in chunks(torch.zeros(shape))] == parts


@pytest.mark.parametrize("dtype", [torch.float32, EIGHT])
def test_parts_go_on_where_the_one_before_ended(monkeypatch: pytest.MonkeyPatch, dtype: Any) -> None:
    monkeypatch.setattr(values, "CHUNK", 8)
    tensor = torch.zeros(20, 1).to(dtype)
    fill(tensor, 0.5)
    generator = torch.Generator("cpu").manual_seed(0)
    drawings = [torch.empty(rows, 1).normal_(0.0, 0.5, generator=generator) for rows in (8, 8, 4)]
    assert torch.equal(tensor.float(), torch.cat(drawings).to(dtype).float())


def test_at_most_a_quarter_of_a_billion_numbers_are_drawn_at_once() -> None:
    assert values.CHUNK == 268_435_456


@pytest.mark.parametrize(
    ("dtype", "plain"),
    [
        (torch.float32, True),
        (torch.float16, True),
        (torch.bfloat16, True),
        (EIGHT, False),
        (torch.int32, False),
    ],
)
def test_plain_floats_have_16_bits_or_more(dtype: Any, plain: bool) -> None:
    assert is_plain(torch.zeros(1, dtype=dtype)) is plain
