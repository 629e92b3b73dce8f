from engine.floats import with_floats


def test_numbers_that_stand_for_floats_are_floats_again() -> None:
    config = {
        "hidden_size": 128,
        "rope_theta": 10000,
        "rms_norm_eps": 1e-6,
        "attn_logit_softcapping": 50,
        "embedding_multiplier": 12,
        "mlp_multipliers": [1, 2],
        "tie_word_embeddings": True,
        "floor_scale": 8192,
        "layer_types": ["full_attention"],
        "quantization_config": {"bits": 4, "group_size": 128},
        "rope_scaling": {
            "rope_type": "linear",
            "factor": 8,
            "beta_fast": 32,
            "truncate": False,
            "original_max_position_embeddings": 8192,
            "mrope_section": [16, 24, 24],
            "full_attention": {"rope_theta": 1000000, "factor": 8},
        },
        "text_config": {"rope_parameters": {"factor": 2}, "num_hidden_layers": 2},
    }
    found = with_floats(config)
    assert repr(found["rope_theta"]) == "10000.0"
    assert repr(found["attn_logit_softcapping"]) == "50.0"
    assert repr(found["mlp_multipliers"]) == "[1.0, 2.0]"
    assert repr(found["rope_scaling"]) == (
        "{'rope_type': 'linear', 'factor': 8.0, 'beta_fast': 32.0, 'truncate': False,"
        " 'original_max_position_embeddings': 8192, 'mrope_section': [16, 24, 24],"
        " 'full_attention': {'rope_theta': 1000000.0, 'factor': 8.0}}"
    )
    assert repr(found["text_config"]) == "{'rope_parameters': {'factor': 2.0}, 'num_hidden_layers': 2}"
    unchanged = (
        "hidden_size",
        "floor_scale",
        "rms_norm_eps",
        "tie_word_embeddings",
        "layer_types",
        "quantization_config",
    )
    assert repr([found[name] for name in unchanged]) == repr([config[name] for name in unchanged])
