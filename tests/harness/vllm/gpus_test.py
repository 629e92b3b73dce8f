import os
from subprocess import CalledProcessError, TimeoutExpired
from types import SimpleNamespace
from typing import Any

import pytest
from engine.gpus import Gpu, ask, choose, driver_version, parse_listing, use_bus_order, visible_gpu
from faults import Fault

LISTING = """\
GPU 0: NVIDIA H100 80GB HBM3 (UUID: GPU-11111111-aaaa-bbbb-cccc-000000000001)
  MIG 3g.40gb     Device  0: (UUID: MIG-22222222-aaaa-bbbb-cccc-000000000001)
  MIG 1g.10gb     Device  1: (UUID: MIG-33333333-aaaa-bbbb-cccc-000000000001)
GPU 1: NVIDIA RTX A4000 (UUID: GPU-44444444-aaaa-bbbb-cccc-000000000001)
"""
PLAIN = LISTING.splitlines()[0] + "\n" + LISTING.splitlines()[3]


@pytest.mark.parametrize(
    ("listing", "visible", "name"),
    [
        (PLAIN, None, "NVIDIA H100 80GB HBM3"),
        (PLAIN, "1", "NVIDIA RTX A4000"),
        (PLAIN, "1,0", "NVIDIA RTX A4000"),
        (PLAIN, "GPU-4444", "NVIDIA RTX A4000"),
        (LISTING, None, "NVIDIA H100 80GB HBM3 MIG 3g.40gb"),
        (LISTING, "0", "NVIDIA H100 80GB HBM3 MIG 3g.40gb"),
        (LISTING, "MIG-33333333-aaaa-bbbb-cccc-000000000001", "NVIDIA H100 80GB HBM3 MIG 1g.10gb"),
        (LISTING, "1", "NVIDIA RTX A4000"),
        (PLAIN, "", None),
        (PLAIN, "-1", None),
        (PLAIN, " 1 ,0", "NVIDIA RTX A4000"),
        (PLAIN, "NoDevFiles", None),
        ("No devices found.", "0", None),
        ("  MIG 3g.40gb     Device  0: (UUID: MIG-1)", None, None),
        ("No devices found.", None, None),
    ],
)
def test_the_device_is_the_one_that_cuda_shows_this_process(
    listing: str, visible: str | None, name: str | None
) -> None:
    gpu = choose(parse_listing(listing), visible)
    assert (None if gpu is None else gpu.name) == name


def test_a_listing_has_gpus_with_their_slices() -> None:
    first, second = parse_listing(LISTING)
    assert [part.name for part in first.slices] == [
        "NVIDIA H100 80GB HBM3 MIG 3g.40gb",
        "NVIDIA H100 80GB HBM3 MIG 1g.10gb",
    ]
    assert second == Gpu("NVIDIA RTX A4000", "GPU-44444444-aaaa-bbbb-cccc-000000000001")


@pytest.mark.parametrize("visible", ["2", "GPU-9", "MIG-9"])
def test_a_device_that_is_not_there_is_refused_and_no_cpu(visible: str) -> None:
    with pytest.raises(Fault) as refused:
        choose(parse_listing(PLAIN), visible)
    assert refused.value.message == (
        "CUDA_VISIBLE_DEVICES must name a device of `nvidia-smi -L`"
        " (GPU-11111111-aaaa-bbbb-cccc-000000000001, GPU-44444444-aaaa-bbbb-cccc-000000000001):"
        f" found '{visible}'"
    )


@pytest.mark.parametrize(
    ("told", "version"),
    [("570.86 \n570.86\n", "570.86"), ("", "unknown"), (None, "unknown")],
    ids=["of two GPUs", "nothing", "no nvidia-smi"],
)
def test_the_drivers_version_is_what_nvidia_smi_tells(
    told: str | None, version: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[tuple[str, ...]] = []

    def ask(*arguments: str) -> str | None:
        asked.append(arguments)
        return told

    monkeypatch.setattr("engine.gpus.ask", ask)
    driver_version.cache_clear()
    assert driver_version() == version
    driver_version.cache_clear()
    assert asked == [("--query-gpu=driver_version", "--format=csv,noheader")]


@pytest.mark.parametrize(
    ("listing", "visible", "name"),
    [(PLAIN, None, "NVIDIA H100 80GB HBM3"), (PLAIN, "1", "NVIDIA RTX A4000"), (None, "1", None)],
)
def test_this_process_has_the_gpu_that_its_variable_names(
    listing: str | None, visible: str | None, name: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[tuple[str, ...]] = []
    monkeypatch.setattr("engine.gpus.ask", lambda *arguments: asked.append(arguments) or listing)
    monkeypatch.setattr(os, "environ", {} if visible is None else {"CUDA_VISIBLE_DEVICES": visible})
    visible_gpu.cache_clear()
    found = [visible_gpu(), visible_gpu()]
    visible_gpu.cache_clear()
    assert [None if gpu is None else gpu.name for gpu in found] == [name] * 2
    assert asked == [("-L",)]


def test_gpus_are_numbered_by_their_place_on_the_bus(monkeypatch: pytest.MonkeyPatch) -> None:
    environment: dict[str, str] = {}
    monkeypatch.setattr(os, "environ", environment)
    use_bus_order()
    assert environment == {"CUDA_DEVICE_ORDER": "PCI_BUS_ID"}


def test_nvidia_smi_is_asked_for_half_a_minute_at_most(monkeypatch: pytest.MonkeyPatch) -> None:
    runs: list[Any] = []

    def run(command: list[str], **how: Any) -> Any:
        runs.append((command, how))
        return SimpleNamespace(stdout="a GPU")

    monkeypatch.setattr("engine.gpus.subprocess.run", run)
    assert ask("-L", "more") == "a GPU"
    how = {"capture_output": True, "text": True, "timeout": 30, "check": True}
    assert runs == [(["nvidia-smi", "-L", "more"], how)]


@pytest.mark.parametrize("error", [FileNotFoundError(), TimeoutExpired("x", 30), CalledProcessError(9, "x")])
def test_an_nvidia_smi_that_is_not_there_or_fails_tells_nothing(
    monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def fail(*_: Any, **__: Any) -> Any:
        raise error

    monkeypatch.setattr("engine.gpus.subprocess.run", fail)
    assert ask("-L") is None
