"""Layers of an architecture, found in a module tree by class and ancestor."""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from faults import Fault
from messages import Architecture, Entry

Sites = dict[str, list[Any]]
"""Modules by layer name."""

MIXERS = ("attention", "linear_attention")
"""Categories whose layers mix tokens: what a batch's histories decide."""

NOWHERE = -2
ANYWHERE = -1


@dataclass(frozen=True)
class Part:
    """Kernels of some names that a module launches beside those that it calls: a layer without a module."""

    layer: str
    module: Any
    texts: tuple[str, ...]
    """Their names contain one of these."""


def part_of(kernel: str, parts: Sequence[Part]) -> str | None:
    """Return the layer of a kernel by its name, the longest text in it deciding; None for none."""
    found = [(len(text), part.layer) for part in parts for text in part.texts if text.rstrip("*") in kernel]
    return max(found, key=lambda each: each[0])[1] if found else None


def find_layers(tree: Iterable[tuple[str, Any]], architecture: Architecture) -> dict[str, Sites]:
    """Return the modules of each layer, by category.

    `tree` has dotted paths and modules, as `named_modules` gives them. A module belongs to the layer
    that names its class and, where it says `within`, the class of one of its ancestors; of several
    layers the one with the deepest such ancestor wins. A layer has the modules of all of its classes.
    Where the architecture says of which layers each decoder layer consists, a module in one of them
    belongs to one of those. Raises Fault of kind unsupported when a layer of the sequence has no module.
    """
    modules = dict(tree)
    classes = {path: type(module).__name__ for path, module in modules.items()}
    allowed = allowed_names(modules, architecture)
    held = holders(modules, architecture)
    found: dict[tuple[str, str], dict[str, list[Any]]] = {}
    for path, name in classes.items():
        key = owner(name, ancestors(path, classes), architecture, allowed(path), held.get(path, ()))
        if key:
            found.setdefault(key, {}).setdefault(name, []).append(modules[path])
    parted = {part.layer for part in find_parts(modules.items(), architecture)}
    layers: dict[str, Sites] = {}
    for category, entries in architecture.catalog.items():
        layers[category] = {}
        for layer, entry in entries.items():
            by_class = found.get((category, layer), {})
            modules_of = [module for name in entry.classes for module in by_class.get(name, [])]
            if modules_of or layer in parted:
                layers[category][layer] = modules_of
    refuse_missing(layers, architecture, sorted(set(classes.values())))
    return layers


def find_parts(tree: Iterable[tuple[str, Any]], architecture: Architecture) -> list[Part]:
    """Return the layers that are kernels by name, one part for each module that may launch them."""
    entries = {
        layer: entry
        for group in architecture.catalog.values()
        for layer, entry in group.items()
        if entry.kernels
    }
    if not entries:
        return []
    modules = dict(tree)
    classes = {path: type(module).__name__ for path, module in modules.items()}
    allowed = allowed_names(modules, architecture)
    parts = []
    for path, module in modules.items():
        names = allowed(path)
        for layer, entry in entries.items():
            may = classes[path] in entry.within and (names is None or layer in names)
            if may and not set(entry.not_within) & set(ancestors(path, classes)):
                parts.append(Part(layer, module, entry.kernels))
    return parts


def allowed_names(
    modules: Mapping[str, Any], architecture: Architecture
) -> Callable[[str], frozenset[str] | None]:
    """Return which layers a module may belong to by its path; None for any."""
    blocks = architecture.layers
    if blocks is None:
        return lambda _: None
    decoders = decoder_paths(modules)
    if len(decoders) != len(blocks):
        raise Fault(
            "unsupported",
            f"the architecture describes {len(blocks)} decoder layers, the engine has {len(decoders)}:"
            f" {', '.join(decoders) or 'none'}",
        )
    inside = frozenset(name for block in blocks for name in block)
    every = frozenset(name for entries in architecture.catalog.values() for name in entries)
    own = dict(zip(decoders, map(frozenset, blocks), strict=True))

    def allowed(path: str) -> frozenset[str]:
        decoder = next(
            (decoder for decoder in own if path == decoder or path.startswith(f"{decoder}.")), None
        )
        return every - inside if decoder is None else own[decoder]

    return allowed


def decoder_paths(paths: Iterable[str]) -> list[str]:
    """Return the paths of a model's decoder layers in their order: the list that has most modules in it."""
    lists: dict[str, dict[int, int]] = {}
    for path in paths:
        parts = path.split(".")
        at = next((at for at, part in enumerate(parts) if part.isdecimal()), None)
        if at is not None:
            sizes = lists.setdefault(".".join(parts[:at]), {})
            sizes[int(parts[at])] = sizes.get(int(parts[at]), 0) + 1
    largest = max(lists, key=lambda name: sum(lists[name].values()), default=None)
    return [] if largest is None else [f"{largest}.{number}" for number in sorted(lists[largest])]


def inner_modules(
    tree: Sequence[tuple[str, Any]], layers: Mapping[str, Sites], parts: Sequence[Part] = ()
) -> dict[int, list[Any]]:
    """Return the modules of layers that lie within the module of another or of a part, by that module's id.

    Of a module around the decoder layers these are within it too: a residual that the first of them is given
    is not the model's.
    """
    bound = {id(module) for sites in layers.values() for found in sites.values() for module in found}
    outer = bound | {id(part.module) for part in parts}
    decoders = set(decoder_paths(path for path, _ in tree))
    places = [(path, module) for path, module in tree if id(module) in outer]
    below = [(path, module) for path, module in tree if id(module) in bound or path in decoders]
    inner = {
        id(place): [
            module
            for inside, module in below
            if module is not place and (path == "" or inside.startswith(f"{path}."))
        ]
        for path, place in places
    }
    return {place: modules for place, modules in inner.items() if modules}


def find_decoders(tree: Iterable[tuple[str, Any]], sites: Iterable[Any]) -> dict[int, Any]:
    """Return the decoder layer that each of some modules is in, by the module's id; some may be in none.

    It is the deepest ancestor that is an element of a list: the last part of its path is a number.
    """
    modules = dict(tree)
    wanted = {id(module) for module in sites}
    found = {}
    for path, module in modules.items():
        parts = path.split(".")
        end = max((at for at, part in enumerate(parts[:-1]) if part.isdecimal()), default=None)
        if id(module) in wanted and end is not None:
            found[id(module)] = modules[".".join(parts[: end + 1])]
    return found


def holders(modules: Mapping[str, Any], architecture: Architecture) -> dict[str, set[str]]:
    """Return by path the classes of some `not_within` that hold a module of the same decoder layer as well.

    A module has one path, that of what was made first; latent attention is given a projection beside it.
    """
    entries = [entry for group in architecture.catalog.values() for entry in group.values()]
    asked = {name for entry in entries for name in entry.not_within}
    paths = {id(module): path for path, module in modules.items()}
    decoders = decoder_paths(modules) if asked else []
    held: dict[str, set[str]] = {}
    for path, module in modules.items():
        if type(module).__name__ not in asked or not hasattr(module, "modules"):
            continue
        decoder = next((decoder for decoder in decoders if path.startswith(f"{decoder}.")), None)
        for below in (paths.get(id(each), path) for each in module.modules()):
            if decoder is not None and below != path and below.startswith(f"{decoder}."):
                held.setdefault(below, set()).add(type(module).__name__)
    return held


def ancestors(path: str, classes: Mapping[str, str]) -> list[str]:
    """Return the classes of a path's ancestors, the root's first."""
    parts = path.split(".")
    above = ["", *(".".join(parts[:end]) for end in range(1, len(parts)))] if path else []
    return [classes.get(parent, "") for parent in above]


def owner(
    name: str,
    above: Sequence[str],
    architecture: Architecture,
    allowed: frozenset[str] | None,
    held: Collection[str] = (),
) -> tuple[str, str] | None:
    """Return category and layer, one of those allowed, of a module of class `name` below `above`, or None."""
    depths = {
        (category, layer): depth(entry, above, held)
        for category, entries in architecture.catalog.items()
        for layer, entry in entries.items()
        if name in entry.classes and (allowed is None or layer in allowed)
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


def depth(entry: Entry, above: Sequence[str], held: Collection[str] = ()) -> int:
    """Return how deep the deepest ancestor is that an entry asks for; `held` are classes that hold it too."""
    if any(parent in entry.not_within for parent in (*above, *held)):
        return NOWHERE
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
    what = [("classes", entry.classes), ("kernels", entry.kernels)]
    asked = ", ".join(f"{kind} {', '.join(names)}" for kind, names in what if names)
    raise Fault(
        "unsupported",
        f"layer {missing!r} of the sequence matches no module ({asked}{within})",
        f"modules found: {', '.join(classes)}",
    )
