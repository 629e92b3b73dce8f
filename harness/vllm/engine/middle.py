"""The first decoder layer, made to do what a layer further up does."""

import inspect
from typing import Any

AS_IT_IS = "as_it_is"
"""Attribute of a decoder layer that is called without a residual meanwhile, as the model calls it."""


def as_middle_layer(decoder: Any) -> bool:
    """Give a decoder layer a residual where it is called without one; returns whether it takes any.

    The first layer of a model has none to add, so that its first norm is another kernel than in all others.
    The residual is one buffer that nobody has touched since the layer before: as cold as the weights.
    """
    signature = inspect.signature(decoder.forward)
    if not {"hidden_states", "residual"} <= set(signature.parameters):
        return False
    buffers: list[Any] = []

    def residual_of(hidden: Any) -> Any:
        if not buffers or buffers[0].shape[0] < hidden.shape[0]:
            buffers[:] = [hidden.new_empty(hidden.shape).normal_()]
        return buffers[0][: hidden.shape[0]]

    def add_residual(_: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        if AS_IT_IS in vars(decoder):
            return None
        bound = signature.bind_partial(*args, **kwargs)
        if bound.arguments.get("residual") is None:
            bound.arguments["residual"] = residual_of(bound.arguments["hidden_states"])
        return bound.args, bound.kwargs

    decoder.register_forward_pre_hook(add_residual, with_kwargs=True)
    return True
