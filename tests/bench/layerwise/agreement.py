"""How far the times of two ways are apart: plain data in, plain data out."""

import statistics
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

Times = Mapping[str, float]
"""Microseconds of a forward in the modules of each class."""

Pair = tuple[Times, Times]
"""A shot's times by the worker and by the reference."""

SHARES = {"p50": 0.5, "p90": 0.9, "p99": 0.99}


def deviations(pairs: Iterable[Pair]) -> dict[str, list[float]]:
    """Return by class how far the worker's times are from the reference's, as shares of these."""
    found: dict[str, list[float]] = {}
    for ours, theirs in pairs:
        for name, us in theirs.items():
            if us > 0 and name in ours:
                found.setdefault(name, []).append(ours[name] / us - 1)
    return found


def summary(apart: Sequence[float]) -> dict[str, Any]:
    """Return the signed median and the percentiles of the sizes, rounded; of nothing there is none."""
    if not apart:
        return {"times": 0}
    sizes = sorted(map(abs, apart))
    percentiles = {name: sizes[min(len(sizes) - 1, int(len(sizes) * at))] for name, at in SHARES.items()}
    figures = {"signed_p50": statistics.median(apart), **percentiles}
    return {"times": len(apart), **{name: round(value, 5) for name, value in figures.items()}}


def agreement(pairs: Sequence[Pair]) -> dict[str, Any]:
    """Return the summary of all classes together, and that of each."""
    by_class = deviations(pairs)
    everything = [share for shares in by_class.values() for share in shares]
    classes = [{"class": name, **summary(shares)} for name, shares in sorted(by_class.items())]
    return {**summary(everything), "classes": classes}


def line_of(name: str, figures: Mapping[str, Any]) -> str:
    """Return a summary as a line."""
    if not figures["times"]:
        return f"  {name:32} no times"
    sizes = " / ".join(f"{100 * figures[share]:.2f}" for share in SHARES)
    return f"  {name:32} {figures['times']:4} times  {sizes} %  ({100 * figures['signed_p50']:+.2f} %)"
