"""What a forward gives to a model and to its layers, so that two ways to the same batch can be compared."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import fields, is_dataclass
from typing import Any

DERIVED = "scheduler_metadata"
"""Made of all the others by the attention's own library, in memory of which it leaves parts unwritten."""


class Seen(Exception):
    """Ends a forward whose inputs have been seen."""


def given_to(model: Any, run: Callable[[], object]) -> dict[str, Any]:
    """Return what a forward gives to the model and to its layers, by name; `run` runs it, up to the model."""
    from vllm.forward_context import get_forward_context

    found: dict[str, Any] = {}

    def see(_: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        context = get_forward_context()
        given = {f"argument {index}": value for index, value in enumerate(args)} | kwargs
        given |= dict(context.attn_metadata or {})
        given |= {f"slots of {layer}": slots for layer, slots in dict(context.slot_mapping or {}).items()}
        for name, value in given.items():
            found.update(parts_of(name, value))
        raise Seen

    hook = model.register_forward_pre_hook(see, with_kwargs=True)
    try:
        run()
    except Seen:
        pass
    finally:
        hook.remove()
    return found


def parts_of(name: str, value: Any) -> Iterator[tuple[str, Any]]:
    """Return a value by its name, tensors copied; of a data class, and of those in it, each field."""
    if is_dataclass(value) and not isinstance(value, type):
        yield name, type(value).__name__
        for field in fields(value):
            yield from parts_of(f"{name}: {field.name}", getattr(value, field.name, None))
    else:
        yield name, value.clone() if hasattr(value, "clone") else value


def differing(one: Mapping[str, Any], other: Mapping[str, Any]) -> str | None:
    """Return the name of the first thing in which two forwards were given other values, or None."""
    return next(
        (
            name
            for name in {**one, **other}
            if not name.endswith(DERIVED) and not same(one.get(name), other.get(name))
        ),
        None,
    )


def same(one: Any, other: Any) -> bool:
    """Return whether two values are equal; of what is neither number nor tensor the type counts."""
    if hasattr(one, "shape") and hasattr(other, "shape"):
        return one.shape == other.shape and one.dtype == other.dtype and bool((one == other).all())
    if isinstance(one, int | float | str | bool | tuple | None):
        return bool(one == other)
    return type(one) is type(other)
