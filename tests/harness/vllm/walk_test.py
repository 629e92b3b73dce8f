from typing import Any

import pytest
from engine.layers import Part
from timing.operators import sum_operators
from timing.walk import Node, with_kernels


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
