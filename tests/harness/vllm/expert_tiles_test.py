"""The question of the experts' kernel for its tiles."""

import sys
from collections.abc import Iterator
from types import ModuleType
from typing import Any

import pytest
from engine.expert_tiles import ASKING, QUESTION, listened


def configuration(w1: Any, w2: Any, top_k: int, dtype: Any, tokens: int, **_: Any) -> dict[str, int]:
    """Answer as vLLM does: larger tiles for larger batches."""
    return {"BLOCK_SIZE_M": 16 if tokens < 40 else 64}


@pytest.fixture
def kernels(monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    """Stand in for the module of vLLM's kernels."""
    module = ModuleType(ASKING[0])
    setattr(module, QUESTION, configuration)
    monkeypatch.setitem(sys.modules, ASKING[0], module)
    monkeypatch.setitem(sys.modules, ASKING[1], None)
    yield module


def ask(module: ModuleType) -> Any:
    """Ask as a kernel does in its first forward."""
    return getattr(module, QUESTION)((8, 4, 2), (8, 2, 4), 2, None, 100, block_shape=None)


def test_what_a_kernel_asked_is_asked_again_for_other_batches(kernels: ModuleType) -> None:
    with listened(True) as tiles:
        assert ask(kernels) == {"BLOCK_SIZE_M": 64}
    assert tiles.by_tokens(64) == {
        **dict.fromkeys(("1", "2", "3", "4", "6", "8", "12", "16", "24", "32"), 16),
        **dict.fromkeys(("48", "64"), 64),
    }
    assert getattr(kernels, QUESTION) is configuration


def test_a_kernel_that_does_not_ask_has_no_tiles(kernels: ModuleType) -> None:
    with listened(True) as tiles:
        pass
    assert tiles.by_tokens(64) == {}


def test_a_model_without_experts_is_not_listened_to(kernels: ModuleType) -> None:
    with listened(False) as tiles:
        ask(kernels)
    assert tiles.by_tokens(64) == {}


def test_the_question_is_given_back_when_a_boot_fails(kernels: ModuleType) -> None:
    with pytest.raises(RuntimeError), listened(True):
        raise RuntimeError("no memory")
    assert getattr(kernels, QUESTION) is configuration


@pytest.mark.parametrize(
    ("most", "counts"),
    [(1, ["1"]), (2, ["1", "2"]), (3, ["1", "2", "3"]), (7, ["1", "2", "3", "4", "6"])],
)
def test_batches_that_are_asked_for_end_with_the_largest(
    kernels: ModuleType, most: int, counts: list[str]
) -> None:
    with listened(True) as tiles:
        ask(kernels)
    assert list(tiles.by_tokens(most)) == counts


def test_a_question_that_names_its_tokens_is_answered_and_not_asked_again(kernels: ModuleType) -> None:
    with listened(True) as tiles:
        found = getattr(kernels, QUESTION)((8, 4, 2), (8, 2, 4), 2, None, tokens=8)
    assert found == {"BLOCK_SIZE_M": 16}
    assert tiles.by_tokens(64) == {}


def test_what_stands_beside_the_tokens_is_asked_again(kernels: ModuleType) -> None:
    asked: list[Any] = []

    def answer(*args: Any, **kwargs: Any) -> dict[str, int]:
        asked.append((args, kwargs))
        return {"BLOCK_SIZE_M": 16}

    setattr(kernels, QUESTION, answer)
    with listened(True) as tiles:
        getattr(kernels, QUESTION)(1, 2, 3, 4, 100, 6, shape=7)
    tiles.by_tokens(1)
    assert asked == [((1, 2, 3, 4, 100, 6), {"shape": 7}), ((1, 2, 3, 4, 1, 6), {"shape": 7})]


def test_an_older_module_is_listened_to_where_the_newer_one_is_not_there(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    older = ModuleType(ASKING[1])
    setattr(older, QUESTION, configuration)
    monkeypatch.setitem(sys.modules, ASKING[0], None)
    monkeypatch.setitem(sys.modules, ASKING[1], older)
    with listened(True) as tiles:
        ask(older)
    assert tiles.by_tokens(1) == {"1": 16}
    assert getattr(older, QUESTION) is configuration
