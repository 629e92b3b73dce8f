from collections.abc import Sequence
from contextlib import nullcontext
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from engine.caches import CacheGroup
from engine.layers import Part
from engine.middle import AS_IT_IS
from faults import Fault
from messages import Limits
from timing.operators import sum_operators
from timing.profiler import PREFIX
from timing.walk import LONGEST_NAME, PASSES, WARM_UP, Node, Recorder, walk, with_kernels


def host(name: str, start: int, duration: int) -> tuple[str, bool, int, int, int]:
    return (name, False, 0, start, duration)


def test_an_operator_belongs_to_the_innermost_range_and_has_only_time_of_its_own() -> None:
    events = [
        host("ours:0", 0, 100),
        host("ours:1", 10, 40),
        host("aten::linear", 12, 30),
        host("onednn_mm", 15, 20),
        host("aten::view", 45, 2),
        host("aten::to_copy", 60, 20),
        host("aten::copy_", 65, 10),
        host("aten::add", 90, 5),
        host("aten::mul", 200, 5),
    ]
    assert sum_operators(events, "ours:") == {
        "ours:0": [("aten::to_copy", 60, 10), ("aten::copy_", 65, 10), ("aten::add", 90, 5)],
        "ours:1": [("onednn_mm", 15, 20)],
    }


def tree(*parents: int | None) -> list[Node]:
    return [Node(f"m{index}", "Module", parent) for index, parent in enumerate(parents)]


@pytest.mark.parametrize(
    ("launched", "after"),
    [
        ([[], [("conv", 20, 9)], [("in", 10, 5)], [("out", 40, 5)]], [0, 1, 0, 0]),
        ([[], [("glue", 5, 1), ("scan", 30, 9)], [("in", 10, 5)], [("norm", 20, 5)]], [0, 2, 0, 0]),
        ([[], [("scan", 5, 9)], [("in", 10, 5)], []], [0, 0, 0, 0]),
        ([[], [], [("in", 10, 5)], [("out", 20, 5)]], [0, 0, 0, 0]),
        ([[("own", 20, 9)], [], [("in", 10, 5)], [("out", 30, 5)]], [1, 0, 0, 0]),
        ([[("own", 20, 9)], [], [("out", 30, 5)], [("in", 10, 5)]], [1, 0, 0, 0]),
        ([[("own", 20, 9)], [("glue", 15, 1)], [("out", 30, 5)], []], [1, 0, 0, 0]),
        ([[("own", 20, 9)], [], [("same", 20, 5)], []], [0, 0, 0, 0]),
    ],
)
def test_where_a_block_runs_is_told_by_its_longest_kernel(launched: Any, after: list[int]) -> None:
    nodes = with_kernels(tree(None, 0, 1, 1), launched)
    assert [node.after for node in nodes] == after
    assert nodes[1].kernels == [(name, ns / 1000) for name, _, ns in launched[1]]


def test_a_node_is_told_by_the_name_of_its_class() -> None:
    fields = Node("model.norm", "RMSNorm", 0, rows=4, kernels=[("k", 1.5)]).told()
    assert fields["class"] == "RMSNorm"
    assert "cls" not in fields
    assert fields["kernels"] == [("k", 1.5)]


def test_a_kernel_that_is_a_layer_by_its_name_is_told_with_it() -> None:
    part = Part("qk_norm_rope", object(), ("fused_qk",))
    node = Node("attn", "Attention", 0, kernels=[("cast", 1.0), ("_fused_qk_kernel", 2.0)], parts=(part,))
    assert node.told()["kernels"] == [("cast", 1.0), ("_fused_qk_kernel", 2.0, "qk_norm_rope")]
    assert "parts" not in node.told()


LIMITS = Limits(64, 8, 64, 8192, None, None, 16)
GROUPS = (
    CacheGroup("full", 16, layers=("model.layers.0.attn",)),
    CacheGroup("sliding", 16, 32, layers=("model.layers.1.attn",)),
)


class Doubling(torch.nn.Module):
    """A decoder layer: a linear and what it launches itself."""

    def __init__(self) -> None:
        super().__init__()
        self.proj = torch.nn.Linear(4, 4, bias=False)

    def forward(self, hidden: torch.Tensor, scale: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        return self.proj(hidden).mul(scale), scale


class Model(torch.nn.Module):
    """Two decoder layers; notes which of them are called as they are."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = torch.nn.ModuleList([Doubling(), Doubling()])
        self.scale = torch.ones(())
        self.seen: list[list[bool]] = []

    def forward(self, hidden: torch.Tensor) -> torch.Tensor:
        self.seen.append(self.as_they_are())
        for layer in self.layers:
            hidden, _ = layer(hidden, scale=self.scale)
        return hidden

    def as_they_are(self) -> list[bool]:
        return [getattr(layer, AS_IT_IS, False) for layer in self.layers]


def engine_of(model: Model, groups: Sequence[CacheGroup] = GROUPS, num_blocks: int = 9) -> Any:
    """Return an engine whose forward is that of a model, a row for each new token."""

    def forward(requests: Sequence[tuple[int, int]]) -> None:
        with torch.no_grad():
            model(torch.ones(sum(new for new, _ in requests), 4))

    return SimpleNamespace(
        limits=LIMITS,
        batches=SimpleNamespace(groups=groups),
        num_blocks=num_blocks,
        runner=SimpleNamespace(get_model=lambda: model, sampler=torch.nn.Identity()),
        layers={"dense": {"o_proj": [layer.proj for layer in model.layers]}},
        parts=(),
        device=SimpleNamespace(type="cpu"),
        forward=forward,
        synchronize=lambda: None,
    )


def test_a_walk_goes_through_the_modules_of_a_forward() -> None:
    model = Model()
    walked = walk(engine_of(model), {"prefill": [(3, 0)], "decode": [(1, 16)]})
    assert walked.decoders == ["layers.0", "layers.1"]
    assert walked.caches == [
        {"kind": "full", "block_size": 16, "span": None},
        {"kind": "sliding", "block_size": 16, "span": 32},
    ]
    assert list(walked.batches) == ["prefill", "decode"]
    told = ("path", "class", "parent", "rows", "elements", "weights", "layer", "after")
    nodes = walked.batches["prefill"]["nodes"]
    assert [tuple(node[name] for name in told) for node in nodes] == [
        ("", "(forward)", None, None, 0, 0, None, 0),
        ("", "Model", 0, 3, 12 + 12, 32, None, 0),
        ("layers.0", "Doubling", 1, 3, 13 + 13, 16, None, 1),
        ("layers.0.proj", "Linear", 2, 3, 12 + 12, 16, "o_proj", 0),
        ("layers.1", "Doubling", 1, 3, 13 + 13, 16, None, 1),
        ("layers.1.proj", "Linear", 4, 3, 12 + 12, 16, "o_proj", 0),
    ]
    assert [name for name, _ in nodes[2]["kernels"]] == ["aten::mul"]
    # Two forwards warm each batch up, three are recorded; the first decoder layer alone is called as it is.
    assert model.seen == [[True, False]] * 10
    assert model.as_they_are() == [False, False]
    assert not any(module._forward_hooks or module._forward_pre_hooks for module in model.modules())


@pytest.mark.parametrize(
    ("requests", "groups", "message"),
    [
        ([(73, 0)], GROUPS, "73 new tokens, the engine has room for 72"),
        ([(1, 111)], GROUPS[:1], None),
        ([(1, 128)], GROUPS[:1], "9 KV blocks, the pool holds 8"),
        ([(1, 111)], GROUPS, "9 KV blocks, the pool holds 8"),
        ([(1, 4000)], GROUPS[1:], None),
        ([(73, 4024)], GROUPS[:1], "73 new tokens, the engine has room for 72"),
    ],
    ids=["limits", "fits", "a pool too small", "of two groups", "a window keeps little", "both: the limit"],
)
def test_a_batch_that_does_not_fit_is_refused_before_any_is_walked(
    requests: list[tuple[int, int]], groups: Sequence[CacheGroup], message: str | None
) -> None:
    model = Model()
    if message is None:
        walk(engine_of(model, groups), {"first": [(1, 0)], "large": requests})
        return
    with pytest.raises(Fault) as refused:
        walk(engine_of(model, groups), {"first": [(1, 0)], "large": requests})
    assert (refused.value.kind, refused.value.message) == ("infeasible", f"walk: large: {message}")
    assert model.seen == []


def test_a_call_of_which_nothing_is_known_is_told_as_such_and_long_names_are_cut() -> None:
    assert Node("act", "Act", 0).told() == {
        "path": "act",
        "class": "Act",
        "parent": 0,
        "rows": None,
        "elements": 0,
        "weights": 0,
        "cache": None,
        "layer": None,
        "experts": False,
        "after": 0,
        "kernels": [],
    }
    assert (WARM_UP, PASSES, LONGEST_NAME) == (2, 3, 160)


@pytest.mark.parametrize("fails", [True, False])
def test_every_range_is_left_in_its_turn_also_where_a_forward_fails(
    monkeypatch: pytest.MonkeyPatch, fails: bool
) -> None:
    log: list[str] = []

    class Range:
        def __init__(self, name: str) -> None:
            self.name = name

        def __enter__(self) -> None:
            log.append(f"enter {self.name}")

        def __exit__(self, *_: Any) -> None:
            log.append(f"leave {self.name}")

    monkeypatch.setattr("torch.autograd.profiler.record_function", Range)
    block = torch.nn.ReLU()
    recorder = Recorder(engine_of(Model()), [("act", block)], {})
    given = "no tensor" if fails else torch.ones(2)
    with pytest.raises(TypeError) if fails else nullcontext(), recorder.ranges():
        block(given)
    names = [f"{PREFIX}{index}" for index in (0, 1)]
    assert log == [*(f"enter {name}" for name in names), *(f"leave {name}" for name in reversed(names))]
    assert not block._forward_hooks and not block._forward_pre_hooks
