"""The attention of the layer before: the kernel once more, over other blocks of its pool."""

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from engine.boot import kernels_of, try_kernels_before
from engine.caches import CacheGroup
from engine.engine import EndOfForward
from engine.kernel_before import KernelBefore, kernel_before
from timing.jobs import Job
from timing.passes import run_passes

GROUP = CacheGroup("full", 16)


class Kernel(torch.nn.Module):  # type: ignore[misc]
    """An attention that writes what it is given into block 1 of its pool, and notes it."""

    def __init__(self, log: list[Any], blocks: int = 8) -> None:
        super().__init__()
        self.kv_cache = torch.zeros(2, blocks, 16)
        self.log = log

    def forward(self, query: Any, scale: float = 1.0) -> Any:
        self.log.append(("kernel", float(query) * scale))
        self.kv_cache[:, 1] = query * scale
        return query


class Scale(torch.nn.Module):  # type: ignore[misc]
    """Multiplies by the first of so many numbers of four bytes."""

    def __init__(self, count: int) -> None:
        super().__init__()
        self.weight = torch.nn.Parameter(torch.ones(count), requires_grad=False)

    def forward(self, hidden: Any) -> Any:
        return hidden * self.weight[0]


class Decoder(torch.nn.Module):  # type: ignore[misc]
    """A decoder layer of 36 bytes of weights: one number before the attention, twice, and eight behind it."""

    def __init__(self, log: list[Any], blocks: int = 8) -> None:
        super().__init__()
        self.mlp = Scale(8)
        self.norm = Scale(1)
        self.attn = Kernel(log, blocks)

    def forward(self, hidden: Any) -> Any:
        return self.mlp(self.attn(self.norm(self.norm(hidden)), scale=2.0))


class Filler:
    """Notes what passes by."""

    def __init__(self, log: list[Any], cache_bytes: int | None = 37) -> None:
        self.cache_bytes, self.log = cache_bytes, log

    def pass_by(self, size: int) -> None:
        self.log.append(("pass_by", size))


def made(blocks: int = 8) -> tuple[Decoder, KernelBefore, list[Any]]:
    log: list[Any] = []
    decoder = Decoder(log, blocks)
    before = kernel_before(decoder.attn, decoder, blocks, Filler(log))  # type: ignore[arg-type]
    assert before is not None
    return decoder, before, log


def test_the_kernel_runs_with_its_last_inputs_over_other_blocks_and_weights_pass_by() -> None:
    decoder, before, log = made()
    pool = decoder.attn.kv_cache
    with before.listening() as run:
        decoder(torch.tensor(3.0))
        decoder(torch.tensor(5.0))
        log.clear()
        pool.zero_()
        run()
    assert log == [("kernel", 10), ("pass_by", 36)]
    assert pool.abs().sum((0, 2)).tolist() == [0, 0, 0, 0, 0, 320, 0, 0]
    assert decoder.attn.kv_cache is pool
    assert not decoder.attn._forward_pre_hooks


def test_a_kernel_that_fails_has_its_pool_again() -> None:
    decoder, before, _ = made()
    pool = decoder.attn.kv_cache
    with before.listening() as run:
        decoder(torch.tensor(1.0))
        decoder.attn.log = None
        with pytest.raises(AttributeError):
            run()
    assert decoder.attn.kv_cache is pool


@pytest.mark.parametrize(
    ("blocks", "requests", "holds"),
    [
        (8, ((16, 48),), True),
        (8, ((17, 48),), False),
        (8, ((1, 0),) * 4, True),
        (8, ((1, 0),) * 5, False),
        (9, ((1, 0),) * 5, True),
        (9, ((1, 0),) * 6, False),
    ],
)
def test_a_batch_may_have_as_many_blocks_as_there_are_others(
    blocks: int, requests: tuple[tuple[int, int], ...], holds: bool
) -> None:
    _, before, _ = made(blocks)
    assert before.other.shape == (2, blocks - blocks // 2, 16)
    assert before.holds(requests, [GROUP]) == holds


@pytest.mark.parametrize(
    ("cache_bytes", "blocks", "runs"),
    [(37, 8, True), (36, 8, False), (None, 8, False), (37, 2, False), (37, 9, False)],
    ids=["a small layer", "one that fills the cache", "an unknown cache", "two axes of 2", "none of 9"],
)
def test_nothing_runs_before_a_large_layer_or_one_without_a_pool_of_blocks(
    cache_bytes: int | None, blocks: int, runs: bool
) -> None:
    decoder = Decoder([], 2 if blocks == 2 else 8)
    filler: Any = Filler([], cache_bytes)
    assert (kernel_before(decoder.attn, decoder, blocks, filler) is not None) == runs
    assert kernel_before(decoder, decoder, blocks, filler) is None


def test_only_attentions_in_a_small_decoder_layer_have_one() -> None:
    small, large = Decoder([]), Decoder([])
    large.wide = Scale(100)
    outside = Kernel([])
    decoders = {id(small.attn): small, id(large.attn): large}
    found = kernels_of([small.attn, large.attn, outside], decoders, 8, Filler([]))  # type: ignore[arg-type]
    assert {kernel: before.kernel for kernel, before in found.items()} == {id(small.attn): small.attn}


class Booted:
    """An engine of one decoder layer."""

    def __init__(self, error: Exception | None = None) -> None:
        self.decoder, self.before, self.log = made()
        self.kernels_before = {id(self.decoder.attn): self.before}
        self.conditions: dict[str, Any] = {}
        self.error = error

    def forward(self, requests: Any) -> None:
        assert requests == ((1, 0),)
        self.decoder(torch.tensor(1.0))

    def synchronize(self) -> None:
        self.log.append("waited")
        if self.error:
            raise self.error


def test_each_kernel_is_tried_once_and_told() -> None:
    engine = Booted()
    try_kernels_before(engine)  # type: ignore[arg-type]
    assert engine.log == [("kernel", 2), ("kernel", 2), ("pass_by", 32), "waited"]
    assert engine.before.between == 32, "what a pass reads before the kernel does not pass by as well"
    assert engine.conditions == {"kernel_before": True}
    assert engine.kernels_before
    assert not any(module._forward_hooks or module._forward_pre_hooks for module in engine.decoder.modules())


def test_a_kernel_that_fails_is_left_out_and_told(capsys: pytest.CaptureFixture[str]) -> None:
    engine = Booted(RuntimeError("an illegal address"))
    try_kernels_before(engine)  # type: ignore[arg-type]
    assert (engine.kernels_before, engine.conditions) == ({}, {"kernel_before": False})
    assert capsys.readouterr().err == "no kernel before the timed one: RuntimeError: an illegal address\n"
    assert not any(module._forward_hooks or module._forward_pre_hooks for module in engine.decoder.modules())


def test_where_there_is_none_nothing_is_tried_or_told() -> None:
    engine = Booted()
    engine.kernels_before = {}
    try_kernels_before(engine)  # type: ignore[arg-type]
    assert (engine.log, engine.conditions) == ([], {})


class Marks:
    """Notes passes."""

    splits = False

    def __init__(self, log: list[Any]) -> None:
        self.begin: Callable[[Any], None] = lambda number: log.append(("begin", number))
        self.end: Callable[[], None] = lambda: log.append("end")
        self.enter: Callable[..., None] = lambda *_: log.append("enter")
        self.leave: Callable[[], None] = lambda: log.append("leave")


def test_it_runs_between_the_emptied_cache_and_each_timed_pass() -> None:
    decoder, before, log = made()
    engine: Any = SimpleNamespace(
        forward_into=lambda _: decoder(torch.tensor(1.0)),
        kernel_before=lambda kernel, requests: {id(decoder.attn): before}[id(kernel)].listening(),
        evict=lambda: log.append("evict"),
    )
    job = Job(((1, 0),), {"attention": [decoder.attn]}, with_logits=True, decoders=(decoder,))
    with pytest.raises(EndOfForward):
        run_passes(engine, job, 2, Marks(log), layer_only=True)
    timed = ["enter", ("kernel", 2), "leave", "end"]
    first = ["evict", ("begin", None), *timed]
    others = [["evict", ("kernel", 2), ("pass_by", 36), ("begin", at), *timed] for at in (0, 1)]
    assert log == [*first, *others[0], *others[1]]
