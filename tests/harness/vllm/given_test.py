"""What a forward gives to a model, taken apart and compared, without an engine."""

import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
import torch
from engine.given import differing, given_to, parts_of, same


@dataclass
class Lengths:
    """Some metadata within others."""

    most: int = 7


@dataclass
class Metadata:
    """Metadata of an attention, one field of which nobody ever set."""

    ids: Any
    lengths: Lengths = field(default_factory=Lengths)
    scheduler_metadata: Any = None


class Model(torch.nn.Module):  # type: ignore[misc]
    """A model that must not run."""

    def forward(self, *_: Any, **__: Any) -> None:
        raise AssertionError("what the model is given has been seen")


def context(monkeypatch: pytest.MonkeyPatch, **fields: Mapping[str, Any] | None) -> None:
    """Stand in for vLLM's context of a forward."""
    module = ModuleType("vllm.forward_context")
    vars(module)["get_forward_context"] = lambda: SimpleNamespace(**fields)
    monkeypatch.setitem(sys.modules, "vllm", ModuleType("vllm"))
    monkeypatch.setitem(sys.modules, "vllm.forward_context", module)


def test_arguments_metadata_and_slots_are_found_by_name_as_they_were(monkeypatch: pytest.MonkeyPatch) -> None:
    ids, slots, positions = torch.arange(3), torch.arange(2), torch.arange(4)
    context(monkeypatch, attn_metadata={"attn": Metadata(ids)}, slot_mapping={"attn": slots})
    model = Model()
    found = given_to(model, lambda: model(positions, None, inputs=5))
    for tensor in (ids, slots, positions):
        tensor.zero_()
    assert {name: value.tolist() if hasattr(value, "tolist") else value for name, value in found.items()} == {
        "argument 0": [0, 1, 2, 3],
        "argument 1": None,
        "inputs": 5,
        "attn": "Metadata",
        "attn: ids": [0, 1, 2],
        "attn: lengths": "Lengths",
        "attn: lengths: most": 7,
        "attn: scheduler_metadata": None,
        "slots of attn": [0, 1],
    }


def test_a_model_is_left_without_a_hook(monkeypatch: pytest.MonkeyPatch) -> None:
    context(monkeypatch, attn_metadata=None, slot_mapping=None)
    model = Model()
    assert given_to(model, lambda: model(1)) == {"argument 0": 1}
    assert given_to(model, lambda: None) == {}
    with pytest.raises(AssertionError, match="has been seen"):
        model(1)
    with pytest.raises(KeyError):
        given_to(model, lambda: {}["forward"])
    with pytest.raises(AssertionError, match="has been seen"):
        model(1)


def test_a_class_is_no_value_of_its_fields_and_what_is_not_there_is_none() -> None:
    assert list(parts_of("kind", Metadata)) == [("kind", Metadata)]
    lengths = Lengths()
    del lengths.most
    lengths.__class__ = type("Bare", (Lengths,), {})
    assert dict(parts_of("x", lengths)) == {"x": "Bare", "x: most": 7}


BASE = {"ids": torch.arange(3), "most": 7, "kind": "a", "build": object(), "x: scheduler_metadata": 1}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("ids", torch.arange(4)),
        ("ids", torch.arange(3, dtype=torch.int32)),
        ("ids", torch.tensor([0, 1, 3])),
        ("ids", None),
        ("most", 8),
        ("kind", "b"),
        ("build", 3),
        ("new", 0),
    ],
)
def test_two_forwards_differ_in_a_value_a_type_a_shape_or_what_one_lacks(name: str, value: Any) -> None:
    assert differing(BASE, {**BASE, name: value}) == name
    assert differing({**BASE, name: value}, BASE) == name


def test_the_first_difference_is_named_and_what_is_derived_is_none() -> None:
    assert differing(BASE, {**BASE, "build": object(), "x: scheduler_metadata": 2}) is None
    assert differing(BASE, {**BASE, "kind": "b", "most": 8}) == "most"


@pytest.mark.parametrize(
    ("one", "other", "equal"),
    [
        (torch.ones(2), torch.ones(2), True),
        (torch.ones(2), torch.tensor([1.0, 0.0]), False),
        (torch.ones(2), 1, False),
        (None, None, True),
        (None, 0, False),
        ((1, 2), (1, 2), True),
        ((1, 2), (1, 3), False),
        (1, 1.0, True),
        (object(), object(), True),
        ([1], [2], True),
        ([1], {1}, False),
    ],
)
def test_what_is_neither_number_nor_tensor_counts_by_its_type(one: Any, other: Any, equal: bool) -> None:
    assert same(one, other) is equal
