"""An engine of plain Python: modules that can be hooked and called, as torch's modules are."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any

from engine.engine import EndOfForward


class Module:
    """A module; `body` is what it does."""

    def __init__(self, body: Callable[..., None] = lambda: None) -> None:
        self.body = body
        self.before: list[Any] = []
        self.after: list[Any] = []

    def register_forward_pre_hook(self, hook: Any, with_kwargs: bool = False, prepend: bool = False) -> Any:
        called = (lambda *_: hook(self, (), {})) if with_kwargs else hook
        return self.register(self.before, called, 0 if prepend else None)

    def register_forward_hook(self, hook: Any) -> Any:
        return self.register(self.after, hook)

    def register(self, hooks: list[Any], hook: Any, at: int | None = None) -> Any:
        hooks.insert(len(hooks) if at is None else at, hook)
        return type("Handle", (), {"remove": lambda _: hooks.remove(hook)})()

    def forward(self) -> None:
        self.body()

    def __call__(self) -> None:
        for hook in list(self.before):
            hook(self, ())
        self.forward()
        for hook in list(self.after):
            hook(self, (), None)


class Engine:
    """An engine whose forward calls its modules in their order."""

    def __init__(self, *modules: Module) -> None:
        self.modules = modules
        self.evicted = 0
        self.waits = 0

    def forward(self, requests: Any) -> None:
        try:
            for module in self.modules:
                module()
        except EndOfForward:
            pass

    def forward_into(self, requests: Any) -> None:
        self.forward(requests)

    @contextmanager
    def without_logits(self) -> Iterator[None]:
        yield

    def evict(self) -> None:
        self.evicted += 1

    def after_another(self, *_: Any) -> AbstractContextManager[None]:
        return nullcontext()

    def kernel_before(self, *_: Any) -> AbstractContextManager[Callable[[], None]]:
        return nullcontext(lambda: None)

    def synchronize(self) -> None:
        self.waits += 1
