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


@contextmanager
def forced(
    routers: Sequence[Any], tokens: int, activated: int, forwards: int | None, device: Any
) -> Iterator[None]:
    """Force the routing of every router meanwhile.

    Raises Fault of kind unsupported when a router was not called once in each of `forwards` (None: however
    often): the experts were then chosen in another way, and the times would not depend on `activated`.
    """
    routes = [Route(router, tokens, activated, device) for router in routers]
    for router, route in zip(routers, routes, strict=True):
        router._compute_routing = route
    try:
        yield
    finally:
        for router in routers:
            del router._compute_routing
    calls = [route.calls for route in routes]
    if not all(calls) or any(made != (forwards or made) for made in calls):
        raise Fault(
            "unsupported", f"forced routing must be asked once per forward ({forwards}): asked {calls}"
        )
