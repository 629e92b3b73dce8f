"""Width of attention heads: one rank of several has heads as wide as the full model's."""

import inspect
import re
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import Any

from faults import Fault

DERIVED = re.compile(r"self\.head_dim = (self\.|config\.)?hidden_size // self\.(total_)?num_heads")
"""How model classes of vLLM derive the width, whatever the configuration says."""


OUTPUTS = ("o_proj", "out_proj", "dense", "wo", "c_proj")
"""What attention modules call the projection behind their heads."""

OUTPUT_CLASS = "RowParallelLinear"
"""Its class, as modules of models import it."""


class HeadWidth:
    """Stands for an attribute while models are built: an instance gets this width, not a derived one."""

    def __init__(self, width: int) -> None:
        """Make one for heads of `width` numbers."""
        self.width = width

    def __get__(self, instance: Any, owner: type | None = None) -> int:
        """Return the width."""
        return self.width

    def __set__(self, instance: Any, value: object) -> None:
        """Ignore the value; what is left when this is taken away is the width."""
        instance.__dict__["head_dim"] = self.width


def given_width(config: Mapping[str, Any], tp: int) -> int | None:
    """Return the width that classes must not derive: None for a full model, or when it is the same."""
    text = config.get("text_config") or config
    width, hidden, heads = (text.get(name) for name in ("head_dim", "hidden_size", "num_attention_heads"))
    if not (isinstance(width, int) and isinstance(hidden, int) and isinstance(heads, int)):
        return None
    return width if tp > 1 and hidden // heads != width else None


@contextmanager
def with_head_width(config: Mapping[str, Any], tp: int) -> Iterator[None]:
    """Keep the classes of a sharded model from deriving the width of heads: it would grow with the degree."""
    width = given_width(config, tp)
    if width is None:
        yield
        return
    text = config.get("text_config") or config
    modules = model_modules(config.get("architectures") or [])
    classes = [each for module in modules for each in vars(module).values() if derives(each)]
    with fixed(classes, width), narrowed(modules, text["hidden_size"], text["num_attention_heads"] * width):
        yield


@contextmanager
def fixed(classes: Sequence[type], width: int) -> Iterator[None]:
    """Give instances of classes that are made meanwhile a `head_dim` of `width`."""
    for each in classes:
        setattr(each, "head_dim", HeadWidth(width))  # noqa: B010, no class declares the attribute
    try:
        yield
    finally:
        for each in classes:
            delattr(each, "head_dim")


@contextmanager
def narrowed(modules: Sequence[Any], hidden: int, given: int) -> Iterator[None]:
    """Make projections behind heads that would take `hidden` numbers take a rank's `given` ones meanwhile."""
    found = [(module, vars(module)[OUTPUT_CLASS]) for module in modules if OUTPUT_CLASS in vars(module)]

    def taking(linear: Any) -> Any:
        def make(input_size: int, *arguments: Any, prefix: str = "", **others: Any) -> Any:
            owner, _, name = prefix.rpartition(".")
            is_behind = name in OUTPUTS and "att" in owner.rpartition(".")[2]
            size = given if is_behind and input_size == hidden else input_size
            return linear(size, *arguments, prefix=prefix, **others)

        return make

    for module, linear in found:
        setattr(module, OUTPUT_CLASS, taking(linear))
    try:
        yield
    finally:
        for module, linear in found:
            setattr(module, OUTPUT_CLASS, linear)


def model_modules(architectures: Sequence[str]) -> list[Any]:
    """Return the Python modules in which the models' classes are."""
    from vllm import ModelRegistry

    modules = []
    for name in architectures:
        if name in ModelRegistry.models:
            # What cannot be imported, vLLM refuses with its own reason.
            with suppress(ImportError):
                modules.append(sys.modules[ModelRegistry.models[name].load_model_cls().__module__])
    return modules


def derives(value: object) -> bool:
    """Tell whether a value is a class that derives the width of heads."""
    if not isinstance(value, type) or "Attention" not in value.__name__:
        return False
    try:
        return DERIVED.search(inspect.getsource(value)) is not None
    except (OSError, TypeError):
        return False


def refuse_derived_widths(modules: Sequence[Any], config: Mapping[str, Any], tp: int) -> None:
    """Raise Fault when attention has heads of a derived width nevertheless."""
    width = given_width(config, tp)
    if width is None:
        return
    text = config.get("text_config") or config
    derived = text["hidden_size"] // text["num_attention_heads"]
    if any(name.endswith("head_dim") and value == derived for name, value in text.items()):
        return  # Heads of another kind are meant to be that wide.
    for module in modules:
        if type(module).__name__ == "Attention" and getattr(module, "head_size", width) == derived:
            raise Fault(
                "unsupported",
                f"vLLM derives heads of {derived} numbers from hidden_size, the model has {width}: "
                f"a rank of {tp} cannot be measured on one device",
            )


def refuse_wide_outputs(tree: Iterable[tuple[str, Any]], tp: int) -> None:
    """Raise Fault when a rank's output projection takes more numbers than its heads give.

    Classes that size it by hidden_size, as all heads together are, would fail in the first forward.
    """
    modules = dict(tree)
    for path, module in modules.items():
        if tp == 1 or type(module).__name__ != "Attention":
            continue
        parent = path.rpartition(".")[0]
        found = (modules.get(f"{parent}.{name}") for name in OUTPUTS)
        taken = next(
            (getattr(each, "input_size_per_partition", None) for each in found if each is not None), None
        )
        width = int(getattr(module, "head_size_v", 0) or getattr(module, "head_size", 0) or 0)
        given = int(getattr(module, "num_heads", 0)) * width
        if isinstance(taken, int) and given and taken != given:
            raise Fault(
                "unsupported",
                f"{type(modules[parent]).__name__} projects {taken} numbers, a rank's heads give {given}:"
                f" a rank of {tp} cannot be measured on one device",
            )
