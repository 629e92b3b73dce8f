"""The attention of the layer before: the kernel once more, over other blocks of its pool."""

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from engine.boot import try_kernels_before
from engine.caches import CacheGroup
from engine.engine import EndOfForward
from engine.kernel_before import KernelBefore, kernels_before
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
    return decoder, KernelBefore(decoder.attn, decoder, blocks, Filler(log)), log  # type: ignore[arg-type]


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
        (9, ((1, 0),) * 4, True),
        (9, ((1, 0),) * 5, False),
    ],
)
def test_a_batch_may_have_as_many_blocks_as_there_are_others(
    blocks: int, requests: tuple[tuple[int, int], ...], holds: bool
) -> None:
    decoder, before, _ = made(blocks)
    before.other.fill_(1)
    assert decoder.attn.kv_cache.sum((0, 2)).tolist() == [0] * (blocks - 4) + [32] * 4
    assert before.holds(requests, [GROUP]) == holds


@pytest.mark.parametrize(
    ("cache_bytes", "runs"), [(37, True), (36, False), (None, False)], ids=["small", "fills it", "unknown"]
)
def test_nothing_runs_before_a_layer_that_fills_the_cache_or_one_of_unknown_size(
    cache_bytes: int | None, runs: bool
) -> None:
    decoder = Decoder([])
    filler: Any = Filler([], cache_bytes)
    found = kernels_before({"attention": [decoder.attn]}, {id(decoder.attn): decoder}, 8, filler)
    assert [before.kernel for before in found.values()] == [decoder.attn] * runs


@pytest.mark.parametrize("blocks", [2, 9], ids=["two axes of 2", "none of 9"])
def test_a_pool_without_just_one_axis_of_its_blocks_is_refused(blocks: int) -> None:
    decoder = Decoder([], 2 if blocks == 2 else 8)
    with pytest.raises(ValueError, match="values to unpack"):
        KernelBefore(decoder.attn, decoder, blocks, Filler([]))  # type: ignore[arg-type]


def test_only_attentions_in_a_small_decoder_layer_have_one() -> None:
    small, large, other = Decoder([]), Decoder([]), Decoder([])
    large.wide = Scale(100)
    outside = Kernel([])
    decoders = {id(each.attn): each for each in (small, large, other)}
    sites = {"attention": [small.attn, large.attn, outside], "window": [other.attn]}
    found = kernels_before(sites, decoders, 8, Filler([]))  # type: ignore[arg-type]
    assert {kernel: before.kernel for kernel, before in found.items()} == {
        id(small.attn): small.attn,
        id(other.attn): other.attn,
    }


class Booted:
    """An engine of one decoder layer."""

    def __init__(self, error: Exception | None = None, device: str = "cuda", cache_bytes: int = 37) -> None:
        self.log: list[Any] = []
        self.decoder = Decoder(self.log)
        self.layers = {"attention": {"attention": [self.decoder.attn]}}
        self.decoders = {id(self.decoder.attn): self.decoder}
        self.num_blocks, self.filler = 8, Filler(self.log, cache_bytes)
        self.device = SimpleNamespace(type=device)
        self.kernels_before: dict[int, KernelBefore] = {}
        self.conditions: dict[str, Any] = {}
        self.error = error

    def forward(self, requests: Any) -> None:
        assert requests == ((1, 0),)
        self.decoder(torch.tensor(1.0))

    def synchronize(self) -> None:
        self.log.append("waited")
        if self.error:
            raise self.error

    def has_hooks(self) -> bool:
        return any(module._forward_hooks or module._forward_pre_hooks for module in self.decoder.modules())


def test_each_kernel_is_tried_once_and_told() -> None:
    engine = Booted()
    try_kernels_before(engine)  # type: ignore[arg-type]
    assert engine.log == [("kernel", 2), ("kernel", 2), ("pass_by", 32), "waited"]
    (before,) = engine.kernels_before.values()
    assert before.between == 32, "what a pass reads before the kernel does not pass by as well"
    assert engine.conditions == {"kernel_before": True}
    assert not engine.has_hooks()


def test_a_kernel_that_a_forward_calls_twice_is_tried_behind_the_first_call() -> None:
    decoder, before, log = made()
    with before.tried():
        for _ in range(2):
            decoder(torch.tensor(1.0))
    assert log == [("kernel", 2), ("kernel", 2), ("pass_by", 32), ("kernel", 2)]


@pytest.mark.parametrize("fault", ["it runs into", "no pool"])
def test_a_kernel_that_fails_is_left_out_and_told(capsys: pytest.CaptureFixture[str], fault: str) -> None:
    engine = Booted(RuntimeError("an illegal address"))
    if fault == "no pool":
        del engine.decoder.attn.kv_cache
    try_kernels_before(engine)  # type: ignore[arg-type]
    assert (engine.kernels_before, engine.conditions) == ({}, {"kernel_before": False})
    error = {
        "it runs into": "RuntimeError: an illegal address",
        "no pool": "AttributeError: 'Kernel' object has no attribute 'kv_cache'",
    }[fault]
    assert capsys.readouterr().err == f"no kernel before the timed one: {error}\n"
    assert not engine.has_hooks()


def test_a_large_layer_needs_none_and_a_cpu_has_none() -> None:
    large = Booted(cache_bytes=36)
    try_kernels_before(large)  # type: ignore[arg-type]
    assert (large.log, large.kernels_before, large.conditions) == ([], {}, {"kernel_before": True})
    cpu = Booted(device="cpu")
    try_kernels_before(cpu)  # type: ignore[arg-type]
    assert (cpu.log, cpu.kernels_before, cpu.conditions) == ([], {}, {})


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
