"""The attention of the layer before: what it leaves in the device's cache of a small layer."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any

from engine.cache import CacheFiller
from engine.caches import CacheGroup, needed_blocks
from engine.layer_before import CACHE, size_of
from engine.layers import Sites


class KernelBefore:
    """Runs an attention kernel over other blocks of its pool than a batch's, as the layer before does.

    Where the weights of a layer fit into the cache, a model's attention finds there what that of the layer
    before has used a few dozen megabytes ago: the kernel's code, the batch's block tables and lengths. Its
    own keys and values it does not find.
    """

    def __init__(self, kernel: Any, decoder: Any, num_blocks: int, filler: CacheFiller) -> None:
        """Take the upper half of the pool of a decoder layer's kernel.

        Raises ValueError when no axis of the pool, or more than one, has its number of blocks.
        """
        pool = getattr(kernel, CACHE)
        (axis,) = (at for at, size in enumerate(pool.shape) if size == num_blocks)
        self.kernel, self.decoder, self.filler = kernel, decoder, filler
        self.between = size_of(decoder)
        """Bytes of weights that a model reads between the kernel and a timed pass of the next layer."""
        self.blocks = num_blocks // 2
        self.other = pool.narrow(axis, num_blocks - self.blocks, self.blocks)

    def holds(self, requests: Sequence[tuple[int, int]], groups: Sequence[CacheGroup]) -> bool:
        """Return whether a batch's blocks, which are the first ones, are not among the other ones."""
        return needed_blocks(requests, groups) <= self.blocks

    @contextmanager
    def tried(self) -> Iterator[None]:
        """Run once behind the kernel meanwhile, and learn which weights a pass reads before the kernel."""
        ahead: dict[Any, int] = {}
        with ExitStack() as stack:
            run = stack.enter_context(self.listening())

            def behind(*_: Any) -> None:
                self.between -= sum(ahead.values())
                hooks.close()
                run()

            hooks = stack.enter_context(ExitStack())
            hooks.callback(self.kernel.register_forward_hook(behind).remove)
            for module in self.decoder.modules():
                hook = module.register_forward_pre_hook(
                    lambda own, _: ahead.update({own: size_of(own, False)})
                )
                hooks.callback(hook.remove)
            yield

    @contextmanager
    def listening(self) -> Iterator[Callable[[], None]]:
        """Yield what runs the kernel with its last inputs and lets the weights between pass by."""
        given: list[tuple[Any, Any]] = []

        def listen(_: Any, *inputs: Any) -> None:
            given[:] = [inputs]

        def run() -> None:
            ((args, kwargs),) = given
            own = getattr(self.kernel, CACHE)
            setattr(self.kernel, CACHE, self.other)
            try:
                self.kernel.forward(*args, **kwargs)
            finally:
                setattr(self.kernel, CACHE, own)
            self.filler.pass_by(self.between)

        hook = self.kernel.register_forward_pre_hook(listen, with_kwargs=True)
        try:
            yield run
        finally:
            hook.remove()


def kernels_before(
    attentions: Sites, decoders: Mapping[int, Any], num_blocks: int, filler: CacheFiller
) -> dict[int, KernelBefore]:
    """Return what runs before each attention of a decoder layer, by the id of its module.

    Nothing does before that of a layer whose weights fill the cache, or a cache of unknown size. Raises
    ValueError or AttributeError where an attention has no pool of so many blocks.
    """
    return {
        id(kernel): KernelBefore(kernel, decoders[id(kernel)], num_blocks, filler)
        for kernels in attentions.values()
        for kernel in kernels
        if id(kernel) in decoders and size_of(decoders[id(kernel)]) < (filler.cache_bytes or 0)
    }
