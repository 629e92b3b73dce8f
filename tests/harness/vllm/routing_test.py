from typing import Any

import pytest
from engine.routing import Logits, Route, find_expert_modules, find_routers, forced
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


def test_ids_and_weights_have_the_engines_types() -> None:
    import torch

    route = Route(Router(), 3, 3, "cpu")
    assert (route.ids.dtype, route.weights.dtype) == (torch.int32, torch.float32)
    weights, ids = route(Tokens(3), None)
    assert (ids.dtype, route.calls) == (torch.int32, 1)
    assert route(Tokens(3), None, torch.int32)[1] is ids
    _, converted = route(Tokens(3), None, indices_type=torch.int64)
    assert converted.dtype == torch.int64
    assert route(Tokens(3), None, torch.int64, more=1)[1] is converted
    assert route(Tokens(3), None)[0] is weights
    assert route.calls == 5


def test_logits_of_chosen_experts_are_0_and_all_others_far_below() -> None:
    import torch

    router = Router()
    stands = Logits(Route(router, 3, 3, "cpu"), 4)
    hidden, given = torch.zeros(3, 64), torch.ones(3, 4, dtype=torch.bfloat16)
    args, kwargs = stands(None, (hidden, given), {"scale": 2})
    low = -9984.0  # -10000 as bfloat16 has it
    assert args[0] is hidden
    assert args[1].dtype == torch.bfloat16
    assert args[1].tolist() == [[0, 0, low, low], [0, low, 0, low], [low, 0, 0, low]]
    assert kwargs == {"scale": 2}
    again = stands(None, (hidden,), {"router_logits": given})
    assert again[1]["router_logits"] is args[1]
    assert again[0] == (hidden,)
    assert stands.calls == 2
    assert stands(None, (hidden, 3), {"x": torch.ones(4, 3)}) is None
    assert stands.calls == 2


def test_the_last_of_several_that_may_be_logits_is() -> None:
    import torch

    stands = Logits(Route(Router(), 3, 3, "cpu"), 4)
    hidden, given = torch.zeros(3, 4), torch.ones(3, 4)
    (first, second), _ = stands(None, (hidden, given), {})
    assert first is hidden
    assert second.tolist() == [[0, 0, -10_000, -10_000], [0, -10_000, 0, -10_000], [-10_000, 0, 0, -10_000]]


@pytest.mark.parametrize(
    ("forwards", "asked", "refused"),
    [
        (None, (1, 1), None),
        (None, (2, 3), None),
        (None, (0, 1), "(None): asked [0, 1]"),
        (2, (2, 2), None),
        (2, (2, 1), "(2): asked [2, 1]"),
        (2, (2, 0), "(2): asked [2, 0]"),
        (2, (2, 3), "(2): asked [2, 3]"),
    ],
)
def test_every_router_is_asked_once_per_forward(
    forwards: int | None, asked: tuple[int, int], refused: str | None
) -> None:
    routers = [Router(), Router()]

    def run() -> None:
        with forced(routers, tokens=1, activated=2, forwards=forwards, device="cpu"):
            for router, calls in zip(routers, asked, strict=True):
                for _ in range(calls):
                    router._compute_routing(Tokens(1), None)

    if refused is None:
        run()
        return
    with pytest.raises(Fault) as fault:
        run()
    assert fault.value.message == f"forced routing must be asked once per forward {refused}"


def test_routing_is_given_back_when_a_forward_fails() -> None:
    router = Router()
    router.global_num_experts = 4  # type: ignore[attr-defined]
    module = Experts(router)
    with (
        pytest.raises(RuntimeError, match="a kernel"),
        forced([router], tokens=1, activated=2, forwards=1, device="cpu", modules=[module]),
    ):
        raise RuntimeError("a kernel")
    assert "_compute_routing" not in vars(router)
    assert module.hooks == []
