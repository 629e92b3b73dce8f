"""Numbers of a configuration that an engine takes for floats: clients may make 8 of 8.0."""

import re
from collections.abc import Mapping
from typing import Any

FLOATS = re.compile(
    r"(_eps|_epsilon|_theta|_base_freq|_softcapping|_multipliers?|_scaling|(attn|logit)_scale|_factor|_dropout|_limit)$"
)
"""Fields that are floats wherever they stand."""

ROPE = ("rope_scaling", "rope_parameters")
WHOLE = re.compile(r"(_embeddings|_section|_dim)$")
"""Fields of a rope's parameters that are none."""


def with_floats(config: Mapping[str, Any]) -> dict[str, Any]:
    """Return a configuration in which numbers that stand for floats are floats."""
    return {name: converted(name, value) for name, value in config.items()}


def converted(name: str, value: Any) -> Any:
    """Return the value of a field."""
    if isinstance(value, Mapping):
        return rope_floats(value) if name in ROPE else with_floats(value)
    return as_float(value) if FLOATS.search(name) else value


def rope_floats(parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Return a rope's parameters, or those of several ropes by the kind of attention."""
    return {
        name: rope_floats(value)
        if isinstance(value, Mapping)
        else value
        if WHOLE.search(name)
        else as_float(value)
        for name, value in parameters.items()
    }


def as_float(value: Any) -> Any:
    """Return a whole number, or each of a list, as a float; anything else as it is."""
    if isinstance(value, list):
        return [as_float(each) for each in value]
    return float(value) if isinstance(value, int) and not isinstance(value, bool) else value
