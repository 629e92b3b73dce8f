from typing import Any

import pytest
from engine.caches import CacheGroup, broken_pool, cache_groups, keeps_all, needed_blocks, whole_requests


def spec(name: str, **fields: Any) -> Any:
    """Return a description of a cache, of a class of this name."""
    return type(name, (), {"block_size": 16, **fields})()


def group(name: str, **fields: Any) -> Any:
    return type("Group", (), {"kv_cache_spec": spec(name, **fields), "layer_names": ["a", "b"]})()


def test_groups_are_told_by_what_vllm_calls_them() -> None:
    found = cache_groups(
        [
            group("FullAttentionSpec", sliding_window=None),
            group("MLAAttentionSpec", block_size=64),
            group("SlidingWindowSpec", sliding_window=1024),
            group("ChunkedLocalAttentionSpec", attention_chunk_size=8192),
            group("MambaSpec", block_size=2048),
            group("UniformTypeKVCacheSpecs"),
        ]
    )
    assert [(each.kind, each.block_size, each.span) for each in found] == [
        ("full", 16, None),
        ("full", 64, None),
        ("sliding", 16, 1024),
        ("chunked", 16, 8192),
        ("state", 2048, None),
        ("full", 16, None),
    ]
    assert found[0].layers == ("a", "b")
    assert [keeps_all(found[:1]), keeps_all(found[:2]), keeps_all(found[2:3])] == [True, False, False]


@pytest.mark.parametrize(
    ("kind", "span", "new", "history", "kept"),
    [
        ("full", None, 1, 100, (0, 7)),
        ("sliding", 64, 1, 63, (0, 4)),
        ("sliding", 64, 1, 100, (2, 5)),
        ("sliding", 64, 50, 0, (0, 4)),
        ("chunked", 64, 1, 63, (0, 4)),
        ("chunked", 64, 1, 64, (4, 1)),
        ("chunked", 64, 1, 130, (8, 1)),
        ("state", None, 1, 100_000, (0, 1)),
        ("full", 64, 1, 100, (0, 7)),
        ("sliding", None, 1, 100, (0, 7)),
        ("sliding", 0, 1, 100, (0, 7)),
        ("sliding", 64, 1, 78, (0, 5)),
        ("sliding", 64, 1, 79, (1, 4)),
        ("chunked", None, 1, 100, (0, 7)),
        ("chunked", 0, 1, 100, (0, 7)),
        ("chunked", 8, 1, 200, (12, 1)),
        ("sliding", 1, 0, 100, (6, 1)),
        ("sliding", 1, 0, 16, (1, 0)),
    ],
)
def test_a_group_keeps_what_a_new_token_attends_to(
    kind: str, span: int | None, new: int, history: int, kept: tuple[int, int]
) -> None:
    assert CacheGroup(kind, 16, span).kept(new, history) == kept


def test_a_pool_holds_the_blocks_of_all_groups_but_the_one_for_what_is_gone() -> None:
    groups = [CacheGroup("full", 16), CacheGroup("sliding", 16, 64), CacheGroup("state", 2048)]
    batch = [(1, 100), (16, 0)]
    assert needed_blocks(batch, groups) == (7 + 1) + (5 + 1) + 2
    assert broken_pool(batch, groups, 17) is None
    assert broken_pool(batch, groups, 16) == "16 KV blocks, the pool holds 15"
    assert whole_requests(groups, 31) == 10 * 16
    assert whole_requests(groups[:1], 31) == 31 * 16


def test_a_pool_holds_whole_requests_of_the_smallest_blocks() -> None:
    full, wide, state = CacheGroup("full", 16), CacheGroup("sliding", 32, 64), CacheGroup("state", 8)
    assert whole_requests([wide, full], 31) == 15 * 16
    assert whole_requests([wide, state], 31) == 15 * 32
    assert whole_requests([state], 31) == 31 * 8
