"""Weights and KV cache of a usual scale: a device takes more power for values than for zeros."""

from collections.abc import Iterable, Iterator
from typing import Any

WEIGHT_DEVIATION = 0.02
"""Of a normal distribution: what models are initialised with, and about what trained ones have."""

CHUNK = 1 << 28
"""Numbers that are drawn at once."""


def fill_weights(parameters: Iterable[tuple[str, Any]]) -> None:
    """Fill weights with normal values and norms with ones; scales and packed integers stay as they are."""
    for name, parameter in parameters:
        if "scale" in name or "zero" in name:
            continue
        if parameter.dim() == 1 and not name.endswith("bias"):
            if is_plain(parameter):
                parameter.data.fill_(1)
        else:
            fill(parameter.data, WEIGHT_DEVIATION if is_plain(parameter) else 1.0)


def fill_cache(caches: Iterable[Any]) -> None:
    """Fill the KV pool with normal values of deviation 1; pools of bytes hold 8-bit floats."""
    import torch

    for cache in tensors(caches):
        fill(cache.view(torch.float8_e4m3fn) if cache.dtype == torch.uint8 else cache, 1.0)


def tensors(caches: Iterable[Any]) -> Iterator[Any]:
    """Return the tensors of caches, of which a layer may have several."""
    for cache in caches:
        if isinstance(cache, list | tuple):
            yield from tensors(cache)
        else:
            yield cache


def fill(tensor: Any, deviation: float) -> None:
    """Fill a tensor of floats with normal values; others stay as they are."""
    if not tensor.is_floating_point():
        return
    import torch

    generator = torch.Generator(tensor.device).manual_seed(0)
    for part in chunks(tensor):
        if is_plain(part):
            part.normal_(0.0, deviation, generator=generator)
        else:
            drawn = torch.empty(part.shape, dtype=torch.float32, device=part.device)
            part.copy_(drawn.normal_(0.0, deviation, generator=generator))


def chunks(tensor: Any) -> Iterator[Any]:
    """Return a tensor in parts along its longest axis."""
    if tensor.numel() == 0:
        return
    axis = max(range(tensor.dim()), key=lambda dim: tensor.shape[dim])
    rows = max(1, CHUNK * tensor.shape[axis] // tensor.numel())
    yield from tensor.split(rows, dim=axis)


def is_plain(tensor: Any) -> bool:
    """Return whether a tensor holds floats of 16 bits or more."""
    return bool(tensor.is_floating_point() and tensor.element_size() >= 2)
