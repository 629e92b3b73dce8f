"""Booting: a request of the protocol becomes an engine."""

import json
import os
import sys
import tempfile
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from engine.batch import Batches
from engine.cache import CacheFiller
from engine.caches import FULL, cache_groups, whole_requests
from engine.direct_inputs import DirectInputs, direct_inputs
from engine.engine import Engine, shut_down
from engine.expert_tiles import ExpertTiles, listened
from engine.floats import with_floats
from engine.head_width import refuse_derived_widths, refuse_wide_outputs, with_head_width
from engine.kernel_before import kernels_before
from engine.layer_before import layer_before, say_left_out
from engine.layers import MIXERS, decoder_paths, find_decoders, find_layers, find_parts, inner_modules
from engine.lean import HERE, inspected_here, lean_scheduler, without_top_k
from engine.memory import choose_pool
from engine.methods import quantized_methods, refuse_unquantized, with_named_modules
from engine.middle import as_middle_layer
from engine.preflight import refuse_too_large, steady_memory
from engine.routing import ROUTING, find_expert_modules, find_routers
from engine.values import fill_cache, fill_weights
from engine.versions import note_untried
from faults import Fault
from messages import Boot, Limits

ENVIRONMENT = {
    "VLLM_ENABLE_V1_MULTIPROCESSING": "0",
    "VLLM_USE_V2_MODEL_RUNNER": "0",
    "VLLM_USE_FLASHINFER_SAMPLER": "0",
    "VLLM_NO_USAGE_STATS": "1",
    "HF_HUB_OFFLINE": "1",
    **HERE,
}
"""Keeps engine, runner and model in this process, and all of them away from the network."""


def boot_engine(boot: Boot, changes: Mapping[str, Any] | None = None) -> Engine:
    """Build an engine; when that is impossible raises what vLLM raised, or Fault, with everything freed.

    `changes` replace arguments of vLLM's.
    """
    os.environ.update(ENVIRONMENT)
    os.environ.setdefault("VLLM_LOGGING_LEVEL", "ERROR")
    import torch
    import vllm

    on_cpu = not torch.cuda.is_available()
    arguments = {**engine_arguments(boot, on_cpu), **(changes or {})}
    try:
        with tempfile.TemporaryDirectory(prefix="shotlab-") as folder:
            config = with_named_modules(with_floats(boot.config))
            Path(folder, "config.json").write_text(json.dumps(config), encoding="utf-8")
            has_experts = bool(boot.architecture.catalog.get("moe"))
            with (
                with_head_width(boot.config, boot.tp),
                inspected_here(),
                without_top_k(),
                listened(has_experts) as tiles,
            ):
                llm = vllm.LLM(model=folder, scheduler_cls=lean_scheduler(), **arguments)
    except Exception:
        clean_up()
        raise
    try:
        engine = wrap(llm, boot, arguments, tiles)
        try_layer_before(engine)
        try_kernels_before(engine)
        return engine
    except BaseException:
        shut_down(llm)
        raise


def engine_arguments(boot: Boot, on_cpu: bool) -> dict[str, Any]:
    """Return vLLM's arguments, with room for `max_num_seqs` tokens and one request more than asked."""
    block_size = boot.block_size or (32 if on_cpu else 16)
    arguments = {
        "load_format": "dummy",
        "enforce_eager": True,
        "skip_tokenizer_init": True,
        "enable_prefix_caching": False,
        "async_scheduling": False,
        "generation_config": "vllm",
        "tensor_parallel_size": 1,
        "block_size": block_size,
        "max_num_batched_tokens": boot.max_num_batched_tokens + boot.max_num_seqs,
        "max_num_seqs": boot.max_num_seqs + 1,
        "max_model_len": -1,
        "dtype": boot.dtype,
        "kv_cache_dtype": boot.kv_cache_dtype,
        "disable_log_stats": True,
    }
    if on_cpu:
        arguments["kv_cache_memory_bytes"] = choose_pool(boot, block_size)
    else:
        import torch

        free, total = steady_memory(torch.accelerator.get_memory_info)
        refuse_too_large(boot, block_size, free, total)
        arguments["gpu_memory_utilization"] = min(0.9, round(0.95 * free / total, 3))
    return arguments


def wrap(llm: Any, boot: Boot, arguments: dict[str, Any], tiles: ExpertTiles) -> Engine:
    """Find the runner, layers and limits of a vLLM engine."""
    import vllm

    note_untried(vllm.__version__)
    config = llm.llm_engine.vllm_config
    worker = llm.llm_engine.engine_core.engine_core.model_executor.driver_worker
    runner = getattr(worker, "worker", worker).model_runner
    if runner.device.type != "cpu":
        guard_inputs(runner)
    specs = [group.kv_cache_spec for group in runner.kv_cache_config.kv_cache_groups]
    groups = cache_groups(runner.kv_cache_config.kv_cache_groups)
    tree = [*runner.get_model().named_modules(), *runner.sampler.named_modules(prefix="sampler")]
    modules = [module for _, module in tree]
    refuse_derived_widths(modules, boot.config, boot.tp)
    refuse_wide_outputs(tree, boot.tp)
    layers = find_layers(tree, boot.architecture)
    parts = find_parts(tree, boot.architecture)
    routers = find_routers(modules)
    mixers = [module for name in MIXERS for found in layers.get(name, {}).values() for module in found]
    decoders = find_decoders(tree, mixers)
    paths = decoder_paths(path for path, _ in tree)
    first = next(iter(paths), None)
    filler = CacheFiller(runner.device)
    has_values = runner.device.type != "cpu"
    if has_values:
        fill_weights(runner.get_model().named_parameters())
        fill_cache(runner.kv_caches)
    methods = quantized_methods(layers)
    refuse_unquantized(boot.config, methods)
    expert_tiles = tiles.by_tokens(boot.max_num_batched_tokens)
    conditions = {
        "cache_bytes": filler.cache_bytes,
        "filler_bytes": filler.filler_bytes,
        "values": "normal" if has_values else "dummy",
        "residual": first is not None and as_middle_layer(dict(tree)[first]),
        **({"routing": ROUTING} if routers else {}),
        **({"expert_tiles": expert_tiles} if expert_tiles else {}),
        **({"methods": methods} if methods else {}),
    }
    before = None
    if has_values and decoders and len(paths) == 1:
        decoder = next(iter(decoders.values()))
        before = layer_before(decoder, mixers, find_expert_modules(modules), filler, free_memory)
    block_size = next((group.block_size for group in groups if group.kind == FULL), groups[0].block_size)
    num_blocks = runner.kv_cache_config.num_blocks
    scheduler = config.scheduler_config
    limits = Limits(
        max_num_batched_tokens=min(
            boot.max_num_batched_tokens, scheduler.max_num_batched_tokens - boot.max_num_seqs
        ),
        max_num_seqs=min(boot.max_num_seqs, scheduler.max_num_seqs - 1),
        num_cache_tokens=whole_requests(groups, num_blocks),
        max_model_len=config.model_config.max_model_len,
        num_experts=routers[0].global_num_experts if routers else None,
        top_k=routers[0].top_k if routers else None,
        block_size=block_size,
    )
    vocab_size = config.model_config.get_vocab_size()
    batches = Batches(groups, num_blocks, vocab_size, limits.max_model_len)
    direct = find_direct(runner, batches, limits) if decoders else None
    conditions["inputs"] = "scheduled" if direct is None else "direct"
    return Engine(
        llm=llm,
        runner=runner,
        device=runner.device,
        layers=layers,
        routers=routers,
        logits=[module for module in modules if type(module).__name__ == "LogitsProcessor"],
        limits=limits,
        num_blocks=num_blocks,
        token_bytes=specs[0].page_size_bytes / groups[0].block_size,
        arguments=arguments,
        batches=batches,
        experts=find_expert_modules(modules),
        inner=inner_modules(tree, layers, parts),
        parts=parts,
        filler=filler,
        conditions=conditions,
        occurrences=boot.architecture.occurrences,
        decoders=decoders,
        before=before,
        direct=direct,
    )


def try_layer_before(engine: Engine) -> None:
    """Run one forward with the layer before, where there is one; what fails is left out, said on stderr."""
    if engine.before is None:
        return
    try:
        with engine.after_another(()):
            engine.forward(((1, 0),))
            engine.synchronize()
    except Exception as error:
        say_left_out(error)
        engine.before.hook.remove()
        engine.before = None
    engine.conditions["layer_before"] = engine.before is not None


def try_kernels_before(engine: Engine) -> None:
    """Run attentions of small layers as the layer before does; what fails is left out, said on stderr."""
    if engine.device.type == "cpu":
        return
    try:
        engine.kernels_before = kernels_before(
            engine.layers.get("attention", {}), engine.decoders, engine.num_blocks, engine.filler
        )
        with ExitStack() as stack:
            for before in engine.kernels_before.values():
                stack.enter_context(before.tried())
            if engine.kernels_before:
                engine.forward(((1, 0),))
                engine.synchronize()
    except Exception as error:
        say_left_out(error, "kernel")
        engine.kernels_before = {}
        engine.conditions["kernel_before"] = False
    else:
        engine.conditions["kernel_before"] = True


def free_memory() -> int:
    """Return the bytes of the device that nobody has taken."""
    import torch

    return int(torch.accelerator.get_memory_info()[0])


def find_direct(runner: Any, batches: Batches, limits: Limits) -> DirectInputs | None:
    """Return what writes a runner's inputs, or None, said on stderr, when it has to take requests in."""
    try:
        return direct_inputs(runner, batches, limits)
    except Fault as fault:
        print(f"requests are taken in one by one: {fault.message}", file=sys.stderr)
        return None


def guard_inputs(runner: Any) -> None:
    """Make a forward wait until the device has read the inputs of the one before.

    vLLM does so itself only when it schedules ahead; a forward that ends early leaves its copies behind
    it as well, and the next one would overwrite the host's buffers under them.
    """
    import torch

    if not hasattr(runner, "prepare_inputs_event"):
        raise Fault("unsupported", "this version of vLLM has no prepare_inputs_event to wait for")
    runner.prepare_inputs_event = getattr(torch, runner.device.type).Event()


def clean_up() -> None:
    """Undo what a boot that failed may have left in vLLM's globals."""
    from vllm.distributed import cleanup_dist_env_and_memory

    cleanup_dist_env_and_memory()
