"""Forced MoE routing: which experts a token goes to is decided by the shot, not by the gate."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from faults import Fault

ROUTING = "balanced"
"""Every activated expert gets as many slots as any other, give or take one."""


def find_routers(modules: Iterable[Any]) -> list[Any]:
    """Return the routers of a model's expert layers, each once."""
    routers = (getattr(module, "router", None) for module in modules)
    return list({id(router): router for router in routers if hasattr(router, "_compute_routing")}.values())


def find_expert_modules(modules: Iterable[Any]) -> list[Any]:
    """Return the modules that have a router: they are given the gate's logits, or compute them."""
    return [module for module in modules if hasattr(getattr(module, "router", None), "_compute_routing")]


class Route:
    """Answers a router's calls with ids and weights that are ready on the device.

    The expert of slot `o` of token `t` is (t * top_k + o) mod `activated`, each with weight 1 / top_k.
    """

    def __init__(self, router: Any, tokens: int, activated: int, device: Any) -> None:
        import torch

        slots = torch.arange(tokens * router.top_k, dtype=torch.int32, device=device)
        self.ids = (slots % activated).view(tokens, router.top_k)
        self.weights = torch.full(self.ids.shape, 1.0 / router.top_k, dtype=torch.float32, device=device)
        self.calls = 0

    def __call__(self, hidden: Any, logits: Any, indices_type: Any = None, **_: Any) -> tuple[Any, Any]:
        """Stand in for `_compute_routing`; the warm-up call settles the type of the ids."""
        self.calls += 1
        if hidden.shape[0] != self.ids.shape[0]:
            raise Fault("unsupported", f"forced routing of {self.ids.shape[0]} tokens met {hidden.shape[0]}")
        if indices_type is not None and self.ids.dtype != indices_type:
            self.ids = self.ids.to(indices_type)
        return self.weights, self.ids


class Logits:
    """Takes the place of the gate's logits, for kernels that choose the experts themselves.

    The experts of a token's slots have the logit 0, all others one that no softmax or sigmoid chooses.
    """

    UNCHOSEN = -10_000.0

    def __init__(self, route: Route, experts: int) -> None:
        self.route = route
        self.experts = experts
        self.calls = 0
        self.made: Any = None

    def __call__(self, _: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Stand in for logits among a module's arguments; one without them has a gate of its own."""
        size = (self.route.ids.shape[0], self.experts)
        found = [value for value in (*args, *kwargs.values()) if tuple(getattr(value, "shape", ())) == size]
        if not found:
            return None
        self.calls += 1
        logits = self.like(found[-1])

        def instead(value: Any) -> Any:
            return logits if value is found[-1] else value

        return tuple(map(instead, args)), {name: instead(value) for name, value in kwargs.items()}

    def like(self, logits: Any) -> Any:
        """Return logits of the type and place of some others."""
        if self.made is None:
            self.made = logits.new_full(logits.shape, self.UNCHOSEN)
            self.made.scatter_(1, self.route.ids.to(logits.device).long(), 0.0)
        return self.made


@contextmanager
def forced(
    routers: Sequence[Any],
    tokens: int,
    activated: int,
    forwards: int | None,
    device: Any,
    modules: Sequence[Any] = (),
) -> Iterator[None]:
    """Force the routing of every router meanwhile, and the logits of those of `modules` that are given them.

    Raises Fault of kind unsupported when neither was asked once in each of `forwards` (None: however
    often): the experts were then chosen in another way, and the times would not depend on `activated`.
    """
    routes = [Route(router, tokens, activated, device) for router in routers]
    by_router = dict(zip(map(id, routers), routes, strict=True))
    for router, route in zip(routers, routes, strict=True):
        router._compute_routing = route
    logits = [Logits(by_router[id(module.router)], module.router.global_num_experts) for module in modules]
    hooks = [
        module.register_forward_pre_hook(each, with_kwargs=True)
        for module, each in zip(modules, logits, strict=True)
    ]
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()
        for router in routers:
            del router._compute_routing
    given = {id(each.route): each.calls for each in logits}
    calls = [route.calls or given.get(id(route), 0) for route in routes]
    if not all(calls) or any(made != (forwards or made) for made in calls):
        raise Fault(
            "unsupported", f"forced routing must be asked once per forward ({forwards}): asked {calls}"
        )
