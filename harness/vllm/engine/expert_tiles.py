"""How many tokens of an expert make a tile of its kernel: what an uneven load costs depends on it."""

import importlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

ASKING = (
    "vllm.model_executor.layers.fused_moe.experts.triton_moe",
    "vllm.model_executor.layers.fused_moe.fused_moe",
)
"""Modules of vLLM whose kernels of Triton ask for their tiles, newer versions first."""

QUESTION = "try_get_optimal_moe_config"
TOKENS_AT = 4
"""Which argument of the question is the number of tokens."""


class ExpertTiles:
    """Listens to the kernels' question for their configuration, and asks it again for other batches."""

    def __init__(self) -> None:
        """Listen to nobody yet."""
        self.again: Callable[[int], Any] | None = None

    def listening(self, answer: Callable[..., Any]) -> Callable[..., Any]:
        """Return a function that answers in the same way and remembers what it was asked."""

        def asked(*args: Any, **kwargs: Any) -> Any:
            if len(args) > TOKENS_AT:
                before, after = args[:TOKENS_AT], args[TOKENS_AT + 1 :]
                self.again = lambda tokens: answer(*before, tokens, *after, **kwargs)
            return answer(*args, **kwargs)

        return asked

    def by_tokens(self, most: int) -> dict[str, int]:
        """Return tokens of a tile by tokens of a batch up to `most`, two for each doubling as vLLM has them.

        Nothing when nobody asked.
        """
        if self.again is None:
            return {}
        doublings = [1 << power for power in range(most.bit_length())]
        counts = sorted({*doublings, *(3 * count // 2 for count in doublings[1:])})
        return {str(count): int(self.again(count)["BLOCK_SIZE_M"]) for count in counts if count <= most}


@contextmanager
def listened(has_experts: bool) -> Iterator[ExpertTiles]:
    """Listen to the question while an engine boots, when its model has experts: the profile run asks it."""
    tiles = ExpertTiles()
    kept: list[tuple[Any, Any]] = []
    for name in ASKING if has_experts else ():
        try:
            module = importlib.import_module(name)
            answer = getattr(module, QUESTION)
        except Exception:
            continue
        kept.append((module, answer))
        setattr(module, QUESTION, tiles.listening(answer))
    try:
        yield tiles
    finally:
        for module, answer in kept:
            setattr(module, QUESTION, answer)
