"""Operators of the host by named ranges, where no device launches kernels: plain data in, plain data out."""

from collections.abc import Iterable

from timing.kernel_sums import Event, Launched

NAMES = (
    "_local_scalar_dense _reshape_alias _unsafe_view alias as_strided chunk contiguous detach empty "
    "empty_like empty_strided expand expand_as flatten is_nonzero item lift_fresh linear matmul movedim "
    "narrow new_empty new_empty_strided permute reshape resize_ resolve_conj resolve_neg result_type "
    "select set_ size slice split split_with_sizes squeeze stride swapaxes sym_size t to transpose "
    "type_as unbind unflatten unsafe_chunk unsafe_split unsqueeze view view_as"
)
VIEWS = frozenset(f"aten::{name}" for name in NAMES.split())
"""Operators that look at data or call others; none of their own time is work on it."""


def sum_operators(events: Iterable[Event], prefix: str) -> dict[str, list[Launched]]:
    """Return the operators of every range whose name begins with `prefix`, with their times, in order.

    An operator belongs to the innermost range around it; its time is without that of operators within it.
    """
    spans = [
        (start, start + duration, name) for name, on_device, _, start, duration in events if not on_device
    ]
    spans.sort(key=lambda span: (span[0], -span[1]))
    found: dict[str, list[Launched]] = {}
    own = [end - start for start, end, _ in spans]
    open_spans: list[int] = []
    owners: list[str | None] = []
    for index, (start, end, name) in enumerate(spans):
        while open_spans and spans[open_spans[-1]][1] < end:
            open_spans.pop()
        owner = next((spans[at][2] for at in reversed(open_spans) if spans[at][2].startswith(prefix)), None)
        owners.append(owner)
        if name.startswith(prefix):
            found[name] = []
        elif open_spans and not spans[open_spans[-1]][2].startswith(prefix):
            own[open_spans[-1]] -= end - start
        open_spans.append(index)
    for index, (start, _, name) in enumerate(spans):
        owner = owners[index]
        if owner is not None and not name.startswith(prefix) and name not in VIEWS and own[index] > 0:
            found[owner].append((name, start, own[index]))
    return found
