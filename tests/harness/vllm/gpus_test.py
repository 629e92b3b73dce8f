import pytest
from engine.gpus import Gpu, choose, driver_version, parse_listing
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
