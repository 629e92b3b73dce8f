"""The processor that computes, as the system describes it: name, instruction sets and cores."""

import os
import platform
import re
from collections.abc import Callable, Mapping
from pathlib import Path

from messages import Processor

INSTRUCTION_SETS = (
    *("avx2", "avx512f", "avx512_vnni", "avx512_bf16", "avx512_fp16", "amx_int8", "amx_bf16", "amx_fp16"),
    *("asimd", "asimdhp", "asimddp", "i8mm", "bf16", "sve", "sve2"),
)
"""Those that decide which kernels the engine and its libraries take, as Linux calls them: x86, then ARM."""

AVX512 = ("avx2", "avx512f")
VNNI = (*AVX512, "avx512_vnni")
BF16 = (*VNNI, "avx512_bf16")
FP16 = (*BF16, "avx512_fp16")
AMX = (*FP16, "amx_int8", "amx_bf16")
ONEDNN = {
    **dict.fromkeys(("SSE41", "AVX"), ()),
    **dict.fromkeys(("AVX2", "AVX2_VNNI", "AVX2_VNNI_2"), ("avx2",)),
    **{"AVX512_CORE": AVX512, "AVX512_CORE_VNNI": VNNI, "AVX512_CORE_BF16": BF16},
    **dict.fromkeys(("AVX512_CORE_FP16", "AVX10_1_512"), FP16),
    **dict.fromkeys(("AVX512_CORE_AMX", "AVX10_1_512_AMX"), AMX),
}

LIMITS: Mapping[str, Mapping[str, tuple[str, ...]]] = {
    "ATEN_CPU_CAPABILITY": {"DEFAULT": (), "AVX2": ("avx2",)},
    "ONEDNN_MAX_CPU_ISA": ONEDNN,
    "DNNL_MAX_CPU_ISA": ONEDNN,
}
"""Variables that forbid torch and oneDNN instruction sets, and those of x86 that each value leaves."""

ARM_PARTS = {
    "0xd0c": "Neoverse-N1",
    "0xd40": "Neoverse-V1",
    "0xd49": "Neoverse-N2",
    "0xd4f": "Neoverse-V2",
    "0xd84": "Neoverse-V3",
    "0xd8e": "Neoverse-N3",
}
"""Server cores of ARM's own design (implementer 0x41): their cpuinfo has numbers in place of names."""


def read_cpuinfo() -> str:
    """Return what Linux says of the processors; empty on other systems."""
    try:
        return Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""


def usable_cores() -> int:
    """Return how many cores this process may run on."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def describe_processor(
    read: Callable[[], str] = read_cpuinfo,
    cores: Callable[[], int] = usable_cores,
    environment: Mapping[str, str] = os.environ,
) -> Processor:
    """Return the processor that `read`'s text (of /proc/cpuinfo) describes, with what users let it do."""
    fields = first_processor(read())
    there = (fields.get("flags") or fields.get("Features") or "").split()
    usable = set(INSTRUCTION_SETS).intersection(there)
    for variable, limits in LIMITS.items():
        left = limits.get(environment.get(variable, "").upper())
        if left is not None:
            usable.intersection_update(left)
    return Processor(
        name=processor_name(fields),
        cores=cores(),
        instruction_sets=[name for name in INSTRUCTION_SETS if name in usable],
    )


def first_processor(text: str) -> dict[str, str]:
    """Return the fields of the first processor in the text of a cpuinfo."""
    first = re.split(r"\n\s*\n", text.strip(), maxsplit=1)[0]
    pairs = (line.partition(":") for line in first.splitlines())
    return {name.strip(): value.strip() for name, _, value in pairs}


def processor_name(fields: Mapping[str, str]) -> str:
    """Return a processor's name: the system's, or one made of the numbers of an ARM design."""
    if name := fields.get("model name"):
        return name
    implementer, part = fields.get("CPU implementer"), fields.get("CPU part")
    if implementer == "0x41" and part in ARM_PARTS:
        return f"ARM {ARM_PARTS[part]}"
    if implementer and part:
        return f"{platform.machine()} (implementer {implementer}, part {part})"
    return platform.processor() or platform.machine()
