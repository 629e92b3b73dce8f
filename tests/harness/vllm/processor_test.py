"""The processor as the worker tells of it, from /proc/cpuinfo of several machines (flags abridged)."""

import platform

import pytest
from engine.processor import describe_processor
from messages import Processor

ZEN3 = """processor\t: 0
vendor_id\t: AuthenticAMD
model name\t: AMD EPYC 7R13 Processor
flags\t\t: fpu sse4_2 avx f16c fma avx2 bmi2 sha_ni vaes
bugs\t\t: sysret_ss_attrs

processor\t: 1
vendor_id\t: AuthenticAMD
model name\t: AMD EPYC 7R13 Processor
flags\t\t: fpu sse4_2 avx f16c fma avx2 bmi2 sha_ni vaes
"""
ZEN4 = """processor\t: 0
model name\t: AMD EPYC 9R14
flags\t\t: avx f16c fma avx2 avx512f avx512dq avx512cd avx512bw avx512vl avx512_bf16 avx512vbmi avx512_vnni
"""
CASCADE_LAKE = """processor\t: 0
model name\t: Intel(R) Xeon(R) Platinum 8259CL CPU @ 2.50GHz
flags\t\t: avx f16c fma avx2 avx512f avx512dq avx512cd avx512bw avx512vl avx512_vnni
"""
SAPPHIRE_RAPIDS = """processor\t: 0
model name\t: Intel(R) Xeon(R) Platinum 8488C
flags\t\t: avx2 avx512f avx512_bf16 avx512vbmi avx512_vnni avx512_fp16 amx_bf16 amx_tile amx_int8 amx_complex
"""
NEOVERSE_N1 = """processor\t: 0
BogoMIPS\t: 243.75
Features\t: fp asimd evtstrm aes pmull sha1 sha2 crc32 atomics fphp asimdhp cpuid asimdrdm lrcpc dcpop asimddp
CPU implementer\t: 0x41
CPU architecture: 8
CPU variant\t: 0x3
CPU part\t: 0xd0c
CPU revision\t: 1
"""
NEOVERSE_V1 = """processor\t: 0
BogoMIPS\t: 2100.00
Features\t: fp asimd aes crc32 atomics fphp asimdhp asimddp sve asimdfhm svebf16 i8mm bf16 dgh rng
CPU implementer\t: 0x41
CPU part\t: 0xd40
"""
ALTRA_MAX_LIKE = """processor\t: 0
Features\t: fp asimd fphp asimdhp asimddp
CPU implementer\t: 0xc0
CPU part\t: 0xac3
"""

CASES = {
    "Zen 3": (ZEN3, "AMD EPYC 7R13 Processor", ["avx2"]),
    "Zen 4": (ZEN4, "AMD EPYC 9R14", ["avx2", "avx512f", "avx512_vnni", "avx512_bf16"]),
    "Cascade Lake": (
        CASCADE_LAKE,
        "Intel(R) Xeon(R) Platinum 8259CL CPU @ 2.50GHz",
        ["avx2", "avx512f", "avx512_vnni"],
    ),
    "Sapphire Rapids": (
        SAPPHIRE_RAPIDS,
        "Intel(R) Xeon(R) Platinum 8488C",
        ["avx2", "avx512f", "avx512_vnni", "avx512_bf16", "avx512_fp16", "amx_int8", "amx_bf16"],
    ),
    "Neoverse N1": (NEOVERSE_N1, "ARM Neoverse-N1", ["asimd", "asimdhp", "asimddp"]),
    "Neoverse V1": (
        NEOVERSE_V1,
        "ARM Neoverse-V1",
        ["asimd", "asimdhp", "asimddp", "i8mm", "bf16", "sve"],
    ),
    "another ARM": (
        ALTRA_MAX_LIKE,
        f"{platform.machine()} (implementer 0xc0, part 0xac3)",
        ["asimd", "asimdhp", "asimddp"],
    ),
    "no cpuinfo": ("", platform.processor() or platform.machine(), []),
}


@pytest.mark.parametrize("case", CASES)
def test_name_and_instruction_sets_are_read_from_cpuinfo(case: str) -> None:
    text, name, instruction_sets = CASES[case]
    found = describe_processor(read=lambda: text, cores=lambda: 2, environment={})
    assert found == Processor(name, 2, instruction_sets)


@pytest.mark.parametrize(
    ("environment", "instruction_sets"),
    [
        ({"ONEDNN_MAX_CPU_ISA": "AVX2"}, ["avx2"]),
        ({"ONEDNN_MAX_CPU_ISA": "avx512_core_vnni"}, ["avx2", "avx512f", "avx512_vnni"]),
        ({"DNNL_MAX_CPU_ISA": "AVX512_CORE"}, ["avx2", "avx512f"]),
        ({"ATEN_CPU_CAPABILITY": "avx2"}, ["avx2"]),
        ({"ATEN_CPU_CAPABILITY": "default", "ONEDNN_MAX_CPU_ISA": "AVX2"}, []),
        (
            {"ONEDNN_MAX_CPU_ISA": "ALL", "ATEN_CPU_CAPABILITY": "avx512"},
            ["avx2", "avx512f", "avx512_vnni", "avx512_bf16"],
        ),
    ],
)
def test_instruction_sets_that_users_forbid_do_not_count(
    environment: dict[str, str], instruction_sets: list[str]
) -> None:
    found = describe_processor(read=lambda: ZEN4, cores=lambda: 2, environment=environment)
    assert found.instruction_sets == instruction_sets
