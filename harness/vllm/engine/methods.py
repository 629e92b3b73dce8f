"""Which methods quantized layers run by: what the engine chose, not what the checkpoint asked for."""

from collections.abc import Iterator, Mapping
from typing import Any

from engine.layers import Sites

CHOICES = ("mxfp4_backend", "fp8_backend", "nvfp4_backend", "backend", "kernel", "fp8_linear", "scheme")
"""Attributes in which vLLM's methods keep the kernel that they chose."""


def quantized_methods(layers: Mapping[str, Sites]) -> dict[str, str]:
    """Return the methods of each layer that has quantized weights, with the kernels that they chose."""
    found = {
        layer: sorted({name for module in modules for name in methods_in(module)})
        for sites in layers.values()
        for layer, modules in sites.items()
    }
    return {layer: ", ".join(names) for layer, names in found.items() if names}


def methods_in(module: Any) -> Iterator[str]:
    """Return the names of the methods of a module and of those below it; plain ones have none to tell."""
    for each in module.modules() if hasattr(module, "modules") else [module]:
        method = getattr(each, "quant_method", None)
        if method is None or type(method).__name__.startswith("Unquantized"):
            continue
        choices = [named(vars(method)[name]) for name in CHOICES if vars(method).get(name) is not None]
        scheme = getattr(each, "scheme", None)
        yield " ".join([type(method).__name__, *choices, *([named(scheme)] if scheme is not None else [])])


def named(choice: Any) -> str:
    """Return what a choice is called: a member of an enumeration by its name, an object by its class."""
    return str(choice.name) if hasattr(choice, "name") else type(choice).__name__
