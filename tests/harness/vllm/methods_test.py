from enum import Enum
from typing import Any

import pytest
from engine.methods import quantized_methods, refuse_unquantized, with_named_modules
from faults import Fault


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


def test_a_scheme_tells_the_kernel_that_it_chose() -> None:
    linear = module(method("CompressedTensorsLinearMethod"))
    linear.scheme = method("CompressedTensorsW8A8Int8", kernel=method("CutlassInt8ScaledMMLinearKernel"))
    assert quantized_methods({"dense": {"o_proj": [linear]}}) == {
        "o_proj": "CompressedTensorsLinearMethod CompressedTensorsW8A8Int8 CutlassInt8ScaledMMLinearKernel"
    }


def test_several_methods_of_a_layer_are_told_in_order_each_once() -> None:
    names = ("Zebra", "Awq", "Middle", "Gptq", "Fp8", "Awq")
    found = quantized_methods({"dense": {"mlp": [module(method(name)) for name in names]}})
    assert found == {"mlp": "Awq, Fp8, Gptq, Middle, Zebra"}


def test_a_module_of_no_parts_is_its_own() -> None:
    alone = type("Module", (), {"quant_method": method("Awq", backend=Backend.MARLIN)})()
    assert quantized_methods({"dense": {"mlp": [alone]}}) == {"mlp": "Awq MARLIN"}


NAMED = [["self_attn.q_proj"]]


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        ({"quantization_config": {"quant_method": "gptq", "bits": 4}}, [".layers."]),
        ({"quantization_config": {"quant_method": "gptq", "modules_in_block_to_quantize": NAMED}}, NAMED),
        ({"quantization_config": {"quant_method": "awq"}}, None),
        ({"hidden_size": 8}, None),
    ],
)
def test_gptq_names_its_quantized_modules(config: dict[str, Any], expected: object) -> None:
    found = with_named_modules(config)
    assert found.get("quantization_config", {}).get("modules_in_block_to_quantize") == expected


def test_gptq_of_a_nested_configuration_names_its_modules_there() -> None:
    config = {"model_type": "x", "text_config": {"quantization_config": {"quant_method": "gptq"}}}
    inner = with_named_modules(config)["text_config"]["quantization_config"]
    assert inner == {"quant_method": "gptq", "modules_in_block_to_quantize": [".layers."]}


def test_an_engine_that_quantized_nothing_is_refused() -> None:
    config = {"quantization_config": {"quant_method": "gptq"}}
    with pytest.raises(Fault) as caught:
        refuse_unquantized(config, {})
    assert caught.value.message == (
        "weights are quantized by 'gptq', the engine quantized no layer:"
        " times would be those of a model that is not"
    )
    refuse_unquantized(config, {"o_proj": "AutoGPTQLinearMethod MacheteLinearKernel"})
    refuse_unquantized({}, {})
