from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from engine.cache import MARGIN, UNKNOWN_BYTES, CacheFiller, cpu_cache_bytes


def processors(folder: Path, *caches: tuple[int, list[tuple[int, str, str]]]) -> Path:
    """Write what Linux tells: for each processor its caches as (level, processors that share it, size)."""
    for cpu, levels in caches:
        for index, (level, shared, size) in enumerate(levels):
            path = folder / f"cpu{cpu}/cache/index{index}"
            path.mkdir(parents=True)
            for name, text in (("level", str(level)), ("shared_cpu_list", shared), ("size", size)):
                (path / name).write_text(text + "\n")
    return folder


OWN = (1, "0", "32K")


@pytest.mark.parametrize(
    ("caches", "cpus", "size"),
    [
        ([(0, [OWN, (3, "0-1", "32768K")]), (1, [OWN, (3, "0-1", "32768K")])], {0, 1}, 32 << 20),
        ([(0, [OWN, (3, "0", "16M")]), (1, [OWN, (3, "1", "16M")])], {0, 1}, 32 << 20),
        ([(0, [OWN, (3, "0", "16M")]), (1, [OWN, (3, "1", "16M")])], {1}, 16 << 20),
        ([(0, [(3, "0", "8M"), (2, "0", "512K")])], {0}, 8 << 20),
        ([(0, [(2, "0", "512K")])], {0}, 512 << 10),
        ([], {0}, None),
    ],
    ids=["shared", "one each", "not ours", "order", "two levels", "not told"],
)
def test_the_last_level_caches_of_the_allowed_processors_count_once(
    tmp_path: Path, caches: Any, cpus: set[int], size: int | None
) -> None:
    assert cpu_cache_bytes(processors(tmp_path, *caches), cpus) == size


@pytest.mark.parametrize(("told", "filler"), [({"L2_cache_size": 60 << 20}, 60 << 20), ({}, UNKNOWN_BYTES)])
def test_a_gpus_filler_is_larger_than_its_own_cache(
    monkeypatch: pytest.MonkeyPatch, told: dict[str, int], filler: int
) -> None:
    properties = SimpleNamespace(**told)
    monkeypatch.setattr("torch.cuda.get_device_properties", lambda _: properties)
    found = CacheFiller(SimpleNamespace(type="cuda"))
    assert (found.cache_bytes, found.filler_bytes) == (told.get("L2_cache_size"), MARGIN * filler)


def test_the_filler_is_read_whole_and_kept() -> None:
    import torch

    filler = CacheFiller(torch.device("cpu"))
    filler.filler_bytes = 4096
    filler.read()
    data = filler.data
    filler.read()
    assert data.numel() * data.element_size() == 4096
    assert filler.data is data


def test_what_passes_by_is_other_data_a_cache_at_most() -> None:
    import torch

    filler = CacheFiller(torch.device("cpu"))
    filler.filler_bytes = MARGIN * 4096
    filler.read()
    for size in (100, 1 << 20):
        filler.pass_by(size)
    assert filler.more.numel() * filler.more.element_size() == 4096
    assert filler.more.data_ptr() != filler.data.data_ptr()
