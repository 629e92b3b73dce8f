"""Layers of an architecture, found in a module tree by class and ancestor."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from faults import Fault

Sites = dict[str, list[Any]]
"""Modules by layer name."""


def find_layers(tree: Iterable[tuple[str, Any]], architecture: Mapping[str, Any]) -> dict[str, Sites]:
    """Return the modules of each layer, by category.

    `tree` has dotted paths and modules, as `named_modules` gives them. A module belongs to the layer
    that names its class and, where it says `within`, the class of an ancestor; of several layers the
    one with the deepest such ancestor wins. Of a layer's alternative classes the first found counts.
    Raises Fault of kind unsupported when a layer of the sequence has no module.
    """
    classes = {path: type(module).__name__ for path, module in tree}
    found: dict[tuple[str, str], dict[str, list[str]]] = {}
    for path, name in classes.items():
        layer = owner(ancestors(path, classes), name, architecture["catalog"])
        if layer:
            found.setdefault(layer, {}).setdefault(name, []).append(path)
    modules = dict(tree)
    layers: dict[str, Sites] = {category: {} for category in architecture["catalog"]}
    for category, entries in architecture["catalog"].items():
        for layer, entry in entries.items():
            by_class = found.get((category, layer), {})
            paths = next((by_class[name] for name in entry["vllm"] if name in by_class), None)
            if paths:
                layers[category][layer] = [modules[path] for path in paths]
    refuse_missing(layers, architecture, sorted(set(classes.values())))
    return layers


def ancestors(path: str, classes: Mapping[str, str]) -> list[str]:
    """Return the classes of a path's ancestors, the root first."""
    parts = path.split(".")
    above = ["", *(".".join(parts[:end]) for end in range(1, len(parts)))] if path else []
    return [classes.get(parent, "") for parent in above]


def owner(above: Sequence[str], name: str, catalog: Mapping[str, Any]) -> tuple[str, str] | None:
    """Return category and layer of a module of a class below these ancestors, or None."""
    best, deepest = None, -2
    for category, entries in catalog.items():
        for layer, entry in entries.items():
            if name not in entry["vllm"]:
                continue
            within = entry.get("within")
            depths = [depth for depth, parent in enumerate(above) if within and parent in within]
            depth = max(depths, default=None) if within else -1
            if depth is not None and depth > deepest:
                best, deepest = (category, layer), depth
    return best


def refuse_missing(
    layers: Mapping[str, Sites], architecture: Mapping[str, Any], classes: Sequence[str]
) -> None:
    """Raise Fault for the first layer of the sequence that has no module."""
    present = {layer for sites in layers.values() for layer in sites}
    entries = {name: entry for group in architecture["catalog"].values() for name, entry in group.items()}
    for layer in (name for stage in architecture["sequence"].values() for name in stage):
        if layer in present:
            continue
        entry = entries.get(layer, {"vllm": []})
        within = f" within {' or '.join(entry['within'])}" if entry.get("within") else ""
        raise Fault(
            "unsupported",
            f"layer {layer!r} of the sequence matches no module (classes {', '.join(entry['vllm'])}{within})",
            f"modules found: {', '.join(classes)}",
        )
