"""Groups of the KV cache: layers that keep the same tokens share block tables, unlike ones have their own."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from engine.shots import blocks

FULL, SLIDING, CHUNKED, STATE = "full", "sliding", "chunked", "state"
"""All tokens; the last ones; those of the current chunk; a recurrent state of a fixed size."""


@dataclass(frozen=True)
class CacheGroup:
    """What one group keeps of a request."""

    kind: str
    block_size: int
    """Tokens of a block."""
    span: int | None = None
    """Tokens of the window or the chunk."""
    layers: tuple[str, ...] = ()
    """Names of its layers as the engine has them."""

    def kept(self, new: int, history: int) -> tuple[int, int]:
        """Return how many blocks of a request are gone, and how many behind them it keeps."""
        if self.kind == STATE:
            return 0, 1
        last = blocks(new + history, self.block_size)
        gone = min(self.forgotten(history) // self.block_size, last)
        return gone, last - gone

    def forgotten(self, history: int) -> int:
        """Return how many tokens of a history no new token attends to."""
        if self.kind == SLIDING and self.span:
            return max(0, history - self.span + 1)
        if self.kind == CHUNKED and self.span:
            return history // self.span * self.span
        return 0


def cache_groups(groups: Iterable[Any]) -> tuple[CacheGroup, ...]:
    """Return an engine's groups."""
    return tuple(
        CacheGroup(*described(group.kv_cache_spec), layers=tuple(group.layer_names)) for group in groups
    )


def described(spec: Any) -> tuple[str, int, int | None]:
    """Return kind, block size and span of vLLM's description of a cache, told by its class's name."""
    name = type(spec).__name__
    if name.startswith("Mamba"):
        return STATE, spec.block_size, None
    if name.startswith("SlidingWindow"):
        return SLIDING, spec.block_size, int(spec.sliding_window)
    if name.startswith("ChunkedLocal"):
        return CHUNKED, spec.block_size, int(spec.attention_chunk_size)
    return FULL, spec.block_size, None


def keeps_all(groups: Sequence[CacheGroup]) -> bool:
    """Return whether one group keeps all tokens, so that the pool is just so many tokens."""
    return [group.kind for group in groups] == [FULL]


def needed_blocks(requests: Iterable[tuple[int, int]], groups: Sequence[CacheGroup]) -> int:
    """Return the blocks that a batch of (new tokens, KV tokens) needs in all groups together."""
    return sum(group.kept(new, history)[1] for new, history in requests for group in groups)


def broken_pool(
    requests: Iterable[tuple[int, int]], groups: Sequence[CacheGroup], num_blocks: int
) -> str | None:
    """Return why a batch does not fit the pool, whose block 0 stands for those that are gone, or None."""
    needed = needed_blocks(requests, groups)
    return f"{needed} KV blocks, the pool holds {num_blocks - 1}" if needed > num_blocks - 1 else None


def whole_requests(groups: Sequence[CacheGroup], num_blocks: int) -> int:
    """Return the tokens that the pool holds, of requests that keep all of theirs in every group."""
    sizes = [group.block_size for group in groups if group.kind != STATE]
    return num_blocks // len(groups) * min(sizes, default=groups[0].block_size)
