"""A failed boot in the engine's own words becomes one clear sentence."""

import re
from typing import Any

from faults import OUT_OF_MEMORY, Fault, first_line

KNOWN = (
    (
        r"has model type `(.+?)` but Transformers does not recognize",
        "unsupported",
        "vLLM knows no model_type '{}'",
    ),
    (r"Model architectures (\[.+?\]) are not supported", "unsupported", "vLLM knows no model class {}"),
    (r"Should have a `model_type` key", "unsupported", "the configuration has no model_type"),
    (
        r"Unsupported CPU attention configuration: head_dim=(\d+)",
        "unsupported",
        "vLLM's CPU attention does not support head_dim {}",
    ),
    (
        r"quantization method (\S+) is not supported for the current GPU\. Minimum capability: (\d+)\."
        r" Current capability: (\d+)",
        "unsupported",
        "vLLM's {} needs a device of compute capability {} or above, this one has {}",
    ),
    (
        r"No common block size for (\d+) \((.+)\)",
        "unsupported",
        "the attention cannot have KV blocks of {} tokens ({}): leave block_size null",
    ),
    (
        r"Available memory on node|No available memory for the cache|larger than the available KV cache",
        "out_of_memory",
        "the KV pool does not fit into the device's memory",
    ),
    (r"(?:CUDA|HIP) error: ((?!out of memory).+)", "engine_dead", "the device failed: {}"),
    (OUT_OF_MEMORY.pattern, "out_of_memory", "the model does not fit into the device's memory"),
)
"""What vLLM says, the kind of failure, and what it means."""


def boot_fault(error: Exception) -> Fault:
    """Return the Fault for an error of a boot; its own words are kept as detail."""
    if isinstance(error, Fault):
        return error
    detail = f"{type(error).__name__}: {error}"
    for pattern, kind, meaning in KNOWN:
        found = re.search(pattern, str(error), re.IGNORECASE)
        if found:
            return Fault(kind, meaning.format(*found.groups()), detail)
    return Fault("unsupported", f"vLLM refused: {reason(error)}", detail)


def reason(error: Any) -> str:
    """Return an error's own reason: a validator's first complaint, or the text behind its heading."""
    if hasattr(error, "errors") and callable(error.errors):
        first = error.errors()[0]
        message = first["msg"].removeprefix("Value error, ")
        where = first["loc"][0] if first["loc"] else None
        if where is not None:
            return f"{where}: {message[:1].lower()}{message[1:]} (found {first['input']!r})"
        return sentence(message)
    nested = re.search(r"^\s*\w*Error: (.+)$", str(error), re.MULTILINE)
    return sentence(nested.group(1) if nested else first_line(error))


def sentence(text: str) -> str:
    """Return the first sentence of a text, without its final period."""
    return text.splitlines()[0].split(". ")[0].strip().removesuffix(".")
