from enum import Enum
from typing import Any

from engine.methods import quantized_methods


class Backend(Enum):
    MARLIN = 1


def module(method: Any = None, *below: Any) -> Any:
    fields = {"quant_method": method, "modules": lambda self: [self, *below]}
    return type("Module", (), fields)()


def method(name: str, **fields: Any) -> Any:
    made = type(name, (), {})()
    vars(made).update(fields)
    return made


def test_quantized_layers_tell_the_method_and_the_kernel_that_were_chosen() -> None:
    marlin = method("Mxfp4MoEMethod", mxfp4_backend=Backend.MARLIN)
    cutlass = method("Fp8LinearMethod", fp8_linear=method("CutlassFP8ScaledMMLinearKernel"), kernel=None)
    layers = {
        "dense": {
            "qkv_proj": [module(cutlass), module(cutlass)],
            "o_proj": [module(method("UnquantizedLinearMethod"))],
            "layernorm": [module()],
        },
        "moe": {"moe": [module(None, module(marlin), module())]},
    }
    assert quantized_methods(layers) == {
        "qkv_proj": "Fp8LinearMethod CutlassFP8ScaledMMLinearKernel",
        "moe": "Mxfp4MoEMethod MARLIN",
    }
