"""Which methods quantized layers run by: what the engine chose, not what the checkpoint asked for."""

from collections.abc import Iterator, Mapping
from typing import Any

from engine.layers import Sites
from faults import Fault

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
        scheme = getattr(each, "scheme", None)
        told = [named(scheme), *chosen_by(scheme)] if scheme is not None else []
        yield " ".join([type(method).__name__, *chosen_by(method), *told])


def chosen_by(method: Any) -> list[str]:
    """Return the names of what a method or a scheme chose."""
    fields = getattr(method, "__dict__", {})
    return [named(fields[name]) for name in CHOICES if fields.get(name) is not None]


def named(choice: Any) -> str:
    """Return what a choice is called: a member of an enumeration by its name, an object by its class."""
    return str(choice.name) if hasattr(choice, "name") else type(choice).__name__


def scheme_of(config: Mapping[str, Any]) -> dict[str, Any]:
    """Return how a configuration says that its weights are quantized; empty for weights that are not."""
    inner = config.get("text_config") or {}
    return dict(config.get("quantization_config") or inner.get("quantization_config") or {})


def with_named_modules(config: Mapping[str, Any]) -> dict[str, Any]:
    """Return a GPTQ configuration that names its quantized modules: those in decoder layers.

    Where it does not, vLLM asks the checkpoint's weights, of which there are none, and quantizes nothing.
    """
    scheme = scheme_of(config)
    if scheme.get("quant_method") != "gptq" or scheme.get("modules_in_block_to_quantize"):
        return dict(config)
    named_modules = {"quantization_config": {**scheme, "modules_in_block_to_quantize": [LAYERS]}}
    if config.get("quantization_config"):
        return {**config, **named_modules}
    return {**config, "text_config": {**config["text_config"], **named_modules}}


LAYERS = ".layers."
"""Is in the paths of all modules of decoder layers."""


def refuse_unquantized(config: Mapping[str, Any], methods: Mapping[str, str]) -> None:
    """Raise Fault when a checkpoint's weights are quantized and the engine has no layer that is."""
    scheme = scheme_of(config)
    if scheme and not methods:
        raise Fault(
            "unsupported",
            f"weights are quantized by {scheme.get('quant_method')!r}, the engine quantized no layer:"
            " times would be those of a model that is not",
        )
