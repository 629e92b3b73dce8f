"""The layer before the one that is timed: a copy with weights of its own."""

from functools import partial
from typing import Any

import pytest
import torch
from engine import layer_before as layer_before_module
from engine.boot import try_layer_before
from engine.layer_before import LayerBefore, layer_before
from engine.middle import as_middle_layer
from timing.jobs import Job
from timing.passes import run_passes


class Weight(torch.nn.Parameter):  # type: ignore[misc]
    """A weight as vLLM has them, which cannot be copied."""

    def __deepcopy__(self, memo: Any) -> Any:
        raise TypeError("__new__() takes from 1 to 2 positional arguments")


class Method:
    """How a layer is computed, which cannot be copied either."""

    def __deepcopy__(self, memo: Any) -> Any:
        raise TypeError("cannot pickle")


class Linear(torch.nn.Module):  # type: ignore[misc]
    """A linear layer that notes its inputs."""

    def __init__(self, log: list[Any], name: str) -> None:
        super().__init__()
        self.weight = Weight(torch.eye(3), requires_grad=False)
        self.register_buffer("scale", torch.ones(1))
        self.quant_method = Method()
        self.note = partial(log.append, name)

    def forward(self, hidden: Any) -> Any:
        self.note()
        return hidden @ self.weight * self.scale


class Kernel(torch.nn.Module):  # type: ignore[misc]
    """The attention's kernel, with the pool."""

    def __init__(self, log: list[Any]) -> None:
        super().__init__()
        self.kv_cache = torch.zeros(2)
        self.log = log

    def __deepcopy__(self, memo: Any) -> Any:
        raise MemoryError("the pool")

    def forward(self, hidden: Any) -> Any:
        self.log.append("kernel")
        return hidden


class Mixer(Kernel):
    """A recurrent mixer: it keeps a state, and holds layers that do not."""

    def __init__(self, log: list[Any]) -> None:
        super().__init__(log)
        self.in_proj = Linear(log, "in_proj")

    def forward(self, hidden: Any) -> Any:
        return self.in_proj(hidden)


class Model:
    """An engine of a model of one layer, and marks that note what they are told."""

    splits = False

    def __init__(self, layer: Any, before: LayerBefore, log: list[Any]) -> None:
        self.model, self.log = torch.nn.Module(), log
        self.model.forward = lambda: layer(None, torch.ones(1, 3), None)
        self.after_another = before.running

    def forward(self, requests: Any) -> None:
        self.model()

    def evict(self) -> None: ...

    def begin(self, number: int | None) -> None:
        self.log.clear()

    def end(self) -> None: ...

    def enter(self, layer: str | None) -> None:
        self.log.append(f"<{layer}")

    def leave(self) -> None:
        self.log.append(">")


class Layer(torch.nn.Module):  # type: ignore[misc]
    """A decoder layer."""

    def __init__(self, log: list[Any]) -> None:
        super().__init__()
        self.qkv, self.attn, self.mlp = Linear(log, "qkv"), Kernel(log), Linear(log, "mlp")

    def forward(self, positions: Any, hidden_states: Any, residual: Any) -> Any:
        residual = residual + hidden_states
        return self.mlp(self.attn(self.qkv(hidden_states))), residual


class Filler:
    """A filler that notes what passes by."""

    def __init__(self, log: list[Any]) -> None:
        self.log = log

    def pass_by(self, size: int) -> None:
        self.log.append(size)


def made(experts: bool = False) -> tuple[Layer, LayerBefore, list[Any]]:
    log: list[Any] = []
    layer = Layer(log)
    as_middle_layer(layer)
    before = LayerBefore(layer, [layer.attn], [layer.mlp] if experts else [], Filler(log))  # type: ignore[arg-type]
    return layer, before, log


def test_a_copy_runs_before_the_layer_and_hands_on_what_it_returns() -> None:
    layer, before, log = made()
    hidden = torch.ones(2, 3)
    with before.running([layer.qkv]):
        found, residual = layer(None, hidden, None)
    assert log == ["qkv", "kernel", "mlp"] * 2
    assert torch.equal(found, hidden)
    assert torch.equal(residual, layer(None, hidden, None)[1] + hidden)


def test_the_copy_has_weights_of_its_own_and_the_kernel_of_the_layer() -> None:
    layer, before, _ = made()
    assert torch.equal(before.copy.qkv.weight, layer.qkv.weight)
    assert before.copy.qkv.weight.data_ptr() != layer.qkv.weight.data_ptr()
    assert before.copy.qkv.scale is layer.qkv.scale
    assert before.copy.qkv.quant_method is layer.qkv.quant_method
    assert before.copy.attn is layer.attn


def test_hooks_of_the_layers_modules_are_not_those_of_the_copys() -> None:
    layer, before, _ = made()
    calls: list[Any] = []
    layer.mlp.register_forward_hook(lambda *_: calls.append("mlp"))
    with before.running([layer.mlp]):
        layer(None, torch.ones(1, 3), None)
    assert calls == ["mlp"]


def test_other_forwards_and_those_that_time_the_kernel_run_the_layer_alone() -> None:
    layer, before, log = made()
    layer(None, torch.ones(1, 3), None)
    with before.running([layer.attn]):
        layer(None, torch.ones(1, 3), None)
    with before.running([layer.mlp]):
        pass
    layer(None, torch.ones(1, 3), None)
    assert log == ["qkv", "kernel", "mlp"] * 3


def test_what_the_copy_calls_is_nobodys_time_also_where_it_is_the_layers_own() -> None:
    log: list[Any] = []
    layer = Layer(log)
    layer.attn = Mixer(log)
    as_middle_layer(layer)
    model: Any = Model(layer, LayerBefore(layer, [layer.attn], [], Filler(log)), log)  # type: ignore[arg-type]
    sites = {"in_proj": [layer.attn.in_proj], "mlp": [layer.mlp]}
    run_passes(model, Job(((1, 0),), sites, with_logits=True), 1, model, layer_only=True)
    copied = ["<", "qkv", "in_proj", "mlp", ">"]
    assert log == [*copied, "qkv", "<in_proj", "in_proj", ">", "<mlp", "mlp", ">"]


def test_what_the_copy_calls_is_not_the_time_of_a_module_around_the_layer() -> None:
    layer, before, log = made()
    model: Any = Model(layer, before, log)
    sites = {"model_glue": [model.model]}
    run_passes(model, Job(((1, 0),), sites, with_logits=True), 1, model, layer_only=True)
    names = ["qkv", "kernel", "mlp"]
    assert log == ["<model_glue", "<", *names, ">", *names, ">"]


def test_experts_are_not_copied_their_bytes_pass_by() -> None:
    layer, before, log = made(experts=True)
    with before.running([layer.mlp]):
        layer(None, torch.ones(1, 3), None)
    assert log == ["qkv", "kernel", 36, "qkv", "kernel", "mlp"]


class Block(torch.nn.Module):  # type: ignore[misc]
    """A gate, and experts that have a router."""

    def __init__(self, log: list[Any]) -> None:
        super().__init__()
        self.gate, self.experts = Linear(log, "gate"), Linear(log, "experts")

    def forward(self, hidden: Any) -> Any:
        return self.experts(self.gate(hidden))


def test_a_gate_passes_by_with_its_experts_and_neither_is_copied(monkeypatch: pytest.MonkeyPatch) -> None:
    log: list[Any] = []
    layer = Layer(log)
    layer.mlp = Block(log)
    as_middle_layer(layer)
    twins: list[Any] = []
    twin_of = layer_before_module.twin_of
    monkeypatch.setattr(
        layer_before_module, "twin_of", lambda weight: twins.append(weight) or twin_of(weight)
    )
    before = LayerBefore(layer, [layer.attn], [layer.mlp.experts], Filler(log))  # type: ignore[arg-type]
    hidden = torch.full((1, 3), 2.0)
    stands = before.copy.mlp(hidden)
    assert torch.equal(stands, hidden)
    assert stands.data_ptr() != hidden.data_ptr()
    assert log == [72]
    assert len(twins) == 1
    assert twins[0] is layer.qkv.weight
    assert not before.copy.qkv.weight.requires_grad


@pytest.mark.parametrize(
    ("free", "said"),
    [(144, ""), (143, "no layer before the timed one: MemoryError: 36 bytes of weights, 143 free\n")],
)
def test_experts_need_no_memory_of_their_own(
    capsys: pytest.CaptureFixture[str], free: int, said: str
) -> None:
    layer = Layer([])
    found = layer_before(layer, [layer.attn], [layer.mlp], Filler([]), lambda: free)  # type: ignore[arg-type]
    assert (found is None) == bool(said)
    assert capsys.readouterr().err == said


@pytest.mark.parametrize(
    ("free", "said"),
    [(288, None), (287, "no layer before the timed one: MemoryError: 72 bytes of weights, 287 free\n")],
)
def test_a_layer_that_does_not_fit_has_none_before_it(
    capsys: pytest.CaptureFixture[str], free: int, said: str | None
) -> None:
    layer = Layer([])
    found = layer_before(layer, [layer.attn], [], Filler([]), lambda: free)  # type: ignore[arg-type]
    assert (found is None) == (said is not None)
    assert capsys.readouterr().err == (said or "")


def test_a_layer_that_cannot_be_copied_has_none_before_it(capsys: pytest.CaptureFixture[str]) -> None:
    layer = Layer([])
    layer.group = Method()
    assert layer_before(layer, [layer.attn], [], Filler([]), lambda: 1000) is None  # type: ignore[arg-type]
    assert capsys.readouterr().err == "no layer before the timed one: TypeError: cannot pickle\n"


class Tried:
    """An engine whose forward may fail."""

    def __init__(self, error: Exception | None) -> None:
        self.layer, before, self.log = made()
        self.before: LayerBefore | None = before
        self.error = error
        self.conditions: dict[str, Any] = {}

    def after_another(self, timed: Any) -> Any:
        assert self.before is not None
        return self.before.running(timed)

    def forward(self, requests: Any) -> None:
        assert requests == ((1, 0),)
        self.layer(None, torch.ones(1, 3), None)
        if self.error is not None:
            raise self.error

    def synchronize(self) -> None:
        self.log.append("waited")


def test_a_copy_that_runs_is_kept_and_told() -> None:
    engine = Tried(None)
    try_layer_before(engine)  # type: ignore[arg-type]
    assert engine.log == [*["qkv", "kernel", "mlp"] * 2, "waited"]
    assert engine.conditions == {"layer_before": True}


def test_a_copy_that_fails_is_left_out_and_told(capsys: pytest.CaptureFixture[str]) -> None:
    engine = Tried(RuntimeError("a stride"))
    try_layer_before(engine)  # type: ignore[arg-type]
    assert engine.before is None
    assert engine.conditions == {"layer_before": False}
    assert capsys.readouterr().err == "no layer before the timed one: RuntimeError: a stride\n"
    assert len(engine.layer._forward_pre_hooks) == 1
    engine.log.clear()
    engine.layer(None, torch.ones(1, 3), None)
    assert engine.log == ["qkv", "kernel", "mlp"]
