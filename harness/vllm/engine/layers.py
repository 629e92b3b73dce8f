"""Layers of an architecture, found in a module tree by class and ancestor."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from faults import Fault
from messages import Architecture, Entry

Sites = dict[str, list[Any]]
"""Modules by layer name."""

NOWHERE = -2
ANYWHERE = -1


def find_layers(tree: Iterable[tuple[str, Any]], architecture: Architecture) -> dict[str, Sites]:
    """Return the modules of each layer, by category.

    `tree` has dotted paths and modules, as `named_modules` gives them. A module belongs to the layer
    that names its class and, where it says `within`, the class of one of its ancestors; of several
    layers the one with the deepest such ancestor wins. Of a layer's classes the first found counts.
    Raises Fault of kind unsupported when a layer of the sequence has no module.
    """
    modules = dict(tree)
    classes = {path: type(module).__name__ for path, module in modules.items()}
    found: dict[tuple[str, str], dict[str, list[Any]]] = {}
    for path, name in classes.items():
        key = owner(name, ancestors(path, classes), architecture)
        if key:
            found.setdefault(key, {}).setdefault(name, []).append(modules[path])
    layers: dict[str, Sites] = {}
    for category, entries in architecture.catalog.items():
        layers[category] = {}
        for layer, entry in entries.items():
            by_class = found.get((category, layer), {})
            first = next((name for name in entry.classes if name in by_class), None)
            if first:
                layers[category][layer] = by_class[first]
    refuse_missing(layers, architecture, sorted(set(classes.values())))
    return layers


def find_decoder(tree: Iterable[tuple[str, Any]], attention: Sites) -> Any:
    """Return the module of the decoder layer that the attention is in, or None when there is no single one.

    It is the deepest ancestor that is an element of a list: the last part of its path is a number.
    """
    modules = dict(tree)
    sites = {id(module) for found in attention.values() for module in found}
    above = {
        ".".join(parts[: end + 1])
        for path, module in modules.items()
        if id(module) in sites
        for parts in [path.split(".")]
        for end in [max((at for at, part in enumerate(parts[:-1]) if part.isdecimal()), default=-1)]
        if end >= 0
    }
    return modules.get(above.pop()) if len(above) == 1 else None


def ancestors(path: str, classes: Mapping[str, str]) -> list[str]:
    """Return the classes of a path's ancestors, the root's first."""
    parts = path.split(".")
    above = ["", *(".".join(parts[:end]) for end in range(1, len(parts)))] if path else []
    return [classes.get(parent, "") for parent in above]


def owner(name: str, above: Sequence[str], architecture: Architecture) -> tuple[str, str] | None:
    """Return category and layer of a module of class `name` below the classes `above`, or None."""
    depths = {
        (category, layer): depth(entry, above)
        for category, entries in architecture.catalog.items()
        for layer, entry in entries.items()
        if name in entry.classes
    }
    deepest = max(depths.values(), default=NOWHERE)
    if deepest == NOWHERE:
        return None
    best = [layer for layer, at in depths.items() if at == deepest]
    if len(best) > 1:
        layers = " and ".join(repr(layer) for _, layer in best)
        raise Fault(
            "unsupported", f"a module of class {name} belongs to layers {layers}: tell them by `within`"
        )
    return best[0]


def depth(entry: Entry, above: Sequence[str]) -> int:
    """Return how deep the deepest ancestor is that an entry asks for."""
    if not entry.within:
        return ANYWHERE
    return max((at for at, parent in enumerate(above) if parent in entry.within), default=NOWHERE)


def refuse_missing(layers: Mapping[str, Sites], architecture: Architecture, classes: Sequence[str]) -> None:
    """Raise Fault for the first layer of the sequence that has no module."""
    present = {layer for sites in layers.values() for layer in sites}
    entries = {layer: entry for group in architecture.catalog.values() for layer, entry in group.items()}
    missing = next((layer for layer in architecture.sequence if layer not in present), None)
    if missing is None:
        return
    entry = entries.get(missing, Entry((), ()))
    within = f" within {' or '.join(entry.within)}" if entry.within else ""
    raise Fault(
        "unsupported",
        f"layer {missing!r} of the sequence matches no module (classes {', '.join(entry.classes)}{within})",
        f"modules found: {', '.join(classes)}",
    )
