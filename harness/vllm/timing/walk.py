"""A walk: which modules a batch goes through, in which order, and what each of them launches itself."""

import statistics
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from engine.caches import broken_pool
from engine.engine import Engine
from engine.layers import Part, decoder_paths, part_of
from engine.middle import AS_IT_IS
from engine.shots import Shot, broken_limit
from faults import Fault
from messages import Walked
from timing.kernel_sums import Launched, sum_kernels
from timing.operators import sum_operators
from timing.profiler import PREFIX, Session

WARM_UP = 2
PASSES = 3
LONGEST_NAME = 160
"""Characters of a kernel's name that are told; the rest are template arguments."""
FORWARD = "(forward)"
"""The class of the node around everything: what it launches itself belongs to no module."""


@dataclass
class Node:
    """One call of a module."""

    path: str
    cls: str
    parent: int | None
    rows: int | None = None
    """Rows of its first tensor: tokens or sequences."""
    elements: int = 0
    """Numbers in all tensors that it is given and gives."""
    weights: int = 0
    """Its parameters, those of modules that it is given among them."""
    cache: int | None = None
    """The group of the KV cache that it keeps."""
    layer: str | None = None
    """The layer of the architecture that it belongs to."""
    experts: bool = False
    """Whether it routes tokens to experts."""
    after: int = 0
    """How many of its children launch something before the longest kernel of its own."""
    kernels: list[tuple[str, float]] = field(default_factory=list)
    """Names and microseconds of what it launches outside of its children, in order."""
    parts: Sequence[Part] = ()
    """Layers that some of these kernels are by name."""

    def told(self) -> dict[str, Any]:
        """Return the node as the answer has it; a kernel that is a layer by its name has that behind it."""
        fields = asdict(replace(self, parts=()))
        del fields["parts"]
        layers = [part_of(name, self.parts) for name, _ in self.kernels]
        kernels = [
            (*kernel, layer) if layer else kernel for kernel, layer in zip(self.kernels, layers, strict=True)
        ]
        return {"class": fields.pop("cls"), **fields, "kernels": kernels}


def walk(engine: Engine, batches: Mapping[str, Sequence[tuple[int, int]]]) -> Walked:
    """Walk batches by name, each warmed up first; raises Fault when one does not fit the engine."""
    for name, requests in batches.items():
        broken = broken_limit(Shot("attention", tuple(requests)), engine.limits, tokens_only=True)
        broken = broken or broken_pool(requests, engine.batches.groups, engine.num_blocks)
        if broken:
            raise Fault("infeasible", f"walk: {name}: {broken}")
    tree = [
        *engine.runner.get_model().named_modules(),
        *engine.runner.sampler.named_modules(prefix="sampler"),
    ]
    groups = engine.batches.groups
    caches = {layer: index for index, group in enumerate(groups) for layer in group.layers}
    recorder = Recorder(engine, tree, caches)
    decoders = decoder_paths(path for path, _ in tree)
    with called_as_it_is([dict(tree)[path] for path in decoders[:1]]):
        nodes = {name: recorder.nodes(requests) for name, requests in batches.items()}
    return Walked(
        decoders=decoders,
        caches=[{"kind": group.kind, "block_size": group.block_size, "span": group.span} for group in groups],
        batches={name: {"nodes": [node.told() for node in found]} for name, found in nodes.items()},
    )


def numbers(value: Any) -> int:
    """Return how many numbers a tensor has; anything else has none."""
    return int(value.numel()) if hasattr(value, "numel") else 0


def with_kernels(nodes: list[Node], launched: Sequence[Sequence[Launched]]) -> list[Node]:
    """Return nodes with what each launched; `launched` has it in their order."""
    first: list[int | None] = [min((start for _, start, _ in own), default=None) for own in launched]
    for index in range(len(nodes) - 1, 0, -1):
        parent, own = nodes[index].parent, first[index]
        if parent is not None and own is not None:
            first[parent] = min(own, first[parent] or own)
    longest = [max(own, key=lambda kernel: kernel[2], default=None) for own in launched]
    for index, node in enumerate(nodes):
        node.kernels = [(name, ns / 1000) for name, _, ns in launched[index]]
        begun, kernel = first[index], longest[node.parent] if node.parent is not None else None
        if node.parent is not None and begun is not None and kernel is not None and begun < kernel[1]:
            nodes[node.parent].after += 1
    return nodes


@contextmanager
def called_as_it_is(decoders: Sequence[Any]) -> Iterator[None]:
    """Call first decoder layers meanwhile as the model does, without a residual that they do not get."""
    for decoder in decoders:
        setattr(decoder, AS_IT_IS, True)
    try:
        yield
    finally:
        for decoder in decoders:
            delattr(decoder, AS_IT_IS)


class Recorder:
    """Records forwards with a range around every call of a module."""

    def __init__(self, engine: Engine, tree: Sequence[tuple[str, Any]], caches: Mapping[str, int]) -> None:
        self.engine = engine
        self.tree = tree
        self.caches = caches
        self.names = {
            id(module): layer
            for sites in engine.layers.values()
            for layer, modules in sites.items()
            for module in modules
        }
        self.parts: dict[int, list[Part]] = {}
        for part in engine.parts:
            self.parts.setdefault(id(part.module), []).append(part)
        self.on_device = engine.device.type != "cpu"

    def nodes(self, requests: Sequence[tuple[int, int]]) -> list[Node]:
        """Return the calls of a forward; times are medians of several forwards that launched the same."""
        for _ in range(WARM_UP):
            self.engine.forward(requests)
        passes = [self.record(requests) for _ in range(PASSES)]
        last = passes[-1]
        for index, node in enumerate(last):
            others = [nodes[index].kernels for nodes in passes if len(nodes) == len(last)]
            names = [name for name, _ in node.kernels]
            same = [found for found in others if [name for name, _ in found] == names]
            node.kernels = [
                (name[:LONGEST_NAME], round(statistics.median(found[at][1] for found in same), 3))
                for at, name in enumerate(names)
            ]
        return last

    def record(self, requests: Sequence[tuple[int, int]]) -> list[Node]:
        """Return the calls of one forward."""
        session = Session(self.engine.device.type.upper(), operators=not self.on_device)
        session.start()
        try:
            with self.ranges() as nodes:
                self.engine.forward(requests)
                self.engine.synchronize()
        finally:
            events = session.stop()
        if self.on_device:
            sums, _ = sum_kernels(events, PREFIX)
            launched = {name: found.each() for name, found in sums.items()}
        else:
            launched = sum_operators(events, PREFIX)
        return with_kernels(nodes, [launched.get(f"{PREFIX}{index}", []) for index in range(len(nodes))])

    @contextmanager
    def ranges(self) -> Iterator[list[Node]]:
        """Put ranges around the forward and every call of a module meanwhile; their nodes are filled in."""
        from torch.autograd.profiler import record_function

        nodes = [Node("", FORWARD, None)]
        opened = [(0, record_function(f"{PREFIX}0"))]
        opened[0][1].__enter__()

        def before(path: str, module: Any) -> Callable[..., None]:
            def enter(_: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
                nodes.append(self.node(path, module, opened[-1][0], [*args, *kwargs.values()]))
                span = record_function(f"{PREFIX}{len(nodes) - 1}")
                span.__enter__()
                opened.append((len(nodes) - 1, span))

            return enter

        def leave(*_: Any) -> None:
            opened.pop()[1].__exit__(None, None, None)

        def after(_: Any, __: Any, output: Any) -> None:
            given = output if isinstance(output, tuple) else (output,)
            nodes[opened[-1][0]].elements += sum(map(numbers, given))
            leave()

        hooks = [
            hook
            for path, module in self.tree
            for hook in (
                module.register_forward_pre_hook(before(path, module), with_kwargs=True),
                module.register_forward_hook(after),
            )
        ]
        try:
            yield nodes
        finally:
            while opened:
                leave()
            for hook in hooks:
                hook.remove()

    def node(self, path: str, module: Any, parent: int, values: Iterable[Any]) -> Node:
        """Return the node of a call with its inputs' sizes."""
        given = list(values)
        tensors = [value for value in given if hasattr(value, "numel") and hasattr(value, "shape")]
        modules = [module, *(value for value in given if hasattr(value, "parameters"))]
        sizes = {id(weight): weight.numel() for each in modules for weight in each.parameters()}
        first = next((tensor for tensor in tensors if len(tensor.shape) > 0), None)
        return Node(
            path=path,
            cls=type(module).__name__,
            parent=parent,
            rows=None if first is None else int(first.shape[0]),
            elements=sum(map(numbers, tensors)),
            weights=sum(sizes.values()),
            cache=self.caches.get(str(getattr(module, "layer_name", getattr(module, "prefix", path)))),
            layer=self.names.get(id(module)),
            experts=hasattr(getattr(module, "router", None), "_compute_routing"),
            parts=self.parts.get(id(module), ()),
        )
