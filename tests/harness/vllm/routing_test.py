from typing import Any

import pytest
from engine.routing import Route, find_expert_modules, find_routers, forced
from faults import Fault


class Router:
    """What vLLM's routers have in common."""

    top_k = 2

    def _compute_routing(self, hidden: Any, logits: Any, indices_type: Any = None) -> Any:
        return "by the gate"


class Tokens:
    """Hidden states of so many tokens."""

    def __init__(self, count: int) -> None:
        self.shape = (count, 64)


@pytest.mark.parametrize(
    ("tokens", "top_k", "activated", "ids"),
    [
        (3, 2, 4, [[0, 1], [2, 3], [0, 1]]),
        (3, 2, 3, [[0, 1], [2, 0], [1, 2]]),
        (2, 1, 1, [[0], [0]]),
        (2, 2, 2, [[0, 1], [0, 1]]),
    ],
)
def test_expert_of_a_slot(tokens: int, top_k: int, activated: int, ids: list[list[int]]) -> None:
    router = Router()
    router.top_k = top_k
    route = Route(router, tokens, activated, "cpu")
    assert route.ids.tolist() == ids
    assert route.weights.tolist() == [[1 / top_k] * top_k] * tokens


def test_routers_are_found_once() -> None:
    router = Router()
    modules = [type("M", (), {"router": router})(), type("N", (), {"router": router})(), object()]
    assert find_routers(modules) == [router]


def test_forced_routing_answers_with_ids_and_equal_weights_and_is_undone() -> None:
    import torch

    router = Router()
    with forced([router], tokens=3, activated=3, forwards=1, device="cpu"):
        weights, ids = router._compute_routing(Tokens(3), None, torch.int64)
    assert ids.tolist() == [[0, 1], [2, 0], [1, 2]]
    assert ids.dtype == torch.int64
    assert weights.tolist() == [[0.5, 0.5]] * 3
    assert router._compute_routing(Tokens(3), None) == "by the gate"


@pytest.mark.parametrize("calls", [0, 1, 3])
def test_a_router_that_is_not_asked_once_per_forward_is_an_error(calls: int) -> None:
    router = Router()
    with (
        pytest.raises(Fault) as refused,
        forced([router], tokens=1, activated=2, forwards=2, device="cpu"),
    ):
        for _ in range(calls):
            router._compute_routing(Tokens(1), None)
    assert refused.value.kind == "unsupported"
    assert refused.value.message == f"forced routing must be asked once per forward (2): asked [{calls}]"


def test_another_number_of_tokens_is_an_error() -> None:
    router = Router()
    with (
        pytest.raises(Fault, match="forced routing of 4 tokens met 5"),
        forced([router], tokens=4, activated=2, forwards=1, device="cpu"),
    ):
        router._compute_routing(Tokens(5), None)


class Experts:
    """A module whose kernel chooses the experts itself, from the logits that it is given."""

    def __init__(self, router: Router) -> None:
        self.router = router
        self.hooks: list[Any] = []
        self.chosen: list[Any] = []

    def register_forward_pre_hook(self, hook: Any, with_kwargs: bool) -> Any:
        assert with_kwargs
        self.hooks.append(hook)
        return type("Handle", (), {"remove": lambda _: self.hooks.remove(hook)})()

    def __call__(self, hidden: Any, router_logits: Any) -> None:
        args, kwargs = (hidden,), {"router_logits": router_logits}
        for hook in self.hooks:
            args, kwargs = hook(self, args, kwargs) or (args, kwargs)
        self.chosen.append(kwargs["router_logits"].topk(2).indices.sort().values.tolist())


def test_experts_that_a_kernel_chooses_itself_are_forced_by_its_logits() -> None:
    import torch

    router = Router()
    router.global_num_experts = 4  # type: ignore[attr-defined]
    module = Experts(router)
    assert find_expert_modules([module, object()]) == [module]
    logits = torch.zeros(3, 4, dtype=torch.bfloat16)
    logits[:, 3] = 9
    with forced([router], tokens=3, activated=3, forwards=2, device="cpu", modules=[module]):
        module(torch.zeros(3, 64), logits)
        module(torch.zeros(3, 64), logits)
    module(torch.zeros(3, 64), logits)
    assert module.chosen[:2] == [[[0, 1], [0, 2], [1, 2]]] * 2
    assert all(3 in experts for experts in module.chosen[2])
    with (
        pytest.raises(Fault, match=r"must be asked once per forward \(2\): asked \[1\]"),
        forced([router], tokens=3, activated=3, forwards=2, device="cpu", modules=[module]),
    ):
        module(torch.zeros(3, 64), logits)
