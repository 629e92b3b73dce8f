from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from engine.cache import CacheFiller, cpu_cache_bytes


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
        ([(0, [(3, "0", "1G")])], {0}, 1 << 30),
        ([], {0}, None),
        ([(0, [("", "0", "8M"), (1, "0", "32K")])], {0}, 32 << 10),
        ([(0, [(3, "0", "")])], {0}, None),
        ([(0, [(3, "0", "8192")])], {0}, None),
        ([(0, [(3, "0", "largeK")])], {0}, None),
    ],
    ids=[
        *("shared", "one each", "not ours", "order", "two levels", "gibibytes", "not told"),
        *("no level", "no size", "no unit", "no number"),
    ],
)
def test_the_last_level_caches_of_the_allowed_processors_count_once(
    tmp_path: Path, caches: Any, cpus: set[int], size: int | None
) -> None:
    assert cpu_cache_bytes(processors(tmp_path, *caches), cpus) == size


@pytest.mark.parametrize(
    ("told", "cache", "filler"),
    [
        ({"L2_cache_size": 60 << 20}, 60 << 20, 120 << 20),
        ({"L2_cache_size": 0}, None, 512 << 20),
        ({}, None, 512 << 20),
    ],
)
def test_a_gpus_filler_is_larger_than_its_own_cache(
    monkeypatch: pytest.MonkeyPatch, told: dict[str, int], cache: int | None, filler: int
) -> None:
    properties = SimpleNamespace(**told)
    monkeypatch.setattr("torch.cuda.get_device_properties", lambda _: properties)
    found = CacheFiller(SimpleNamespace(type="cuda"))
    assert (found.cache_bytes, found.filler_bytes) == (cache, filler)


class Data:
    """Numbers of four bytes that note how many of them are read."""

    def __init__(self, count: int, reads: list[int]) -> None:
        self.count, self.reads = count, reads

    def __getitem__(self, part: slice) -> "Data":
        return Data(len(range(self.count)[part]), self.reads)

    def sum(self) -> None:
        self.reads.append(4 * self.count)


class Made:
    """A device of 2048 bytes of cache, what was taken of its memory, and what was read, in bytes."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.taken: list[tuple[int, Any]] = []
        self.reads: list[int] = []
        device = SimpleNamespace(type="cuda")
        properties = SimpleNamespace(L2_cache_size=2048)
        monkeypatch.setattr("torch.cuda.get_device_properties", lambda _: properties)
        monkeypatch.setattr("torch.zeros", self.zeros)
        self.filler = CacheFiller(device)

    def zeros(self, count: int, device: Any) -> Data:
        self.taken.append((4 * count, device.type))
        return Data(count, self.reads)


def test_the_filler_is_twice_the_cache_read_whole_and_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    made = Made(monkeypatch)
    assert made.taken == []
    made.filler.read()
    made.filler.read()
    assert (made.taken, made.reads) == ([(4096, "cuda")], [4096, 4096])


def test_what_passes_by_is_other_data_a_cache_at_most(monkeypatch: pytest.MonkeyPatch) -> None:
    made = Made(monkeypatch)
    made.filler.read()
    for size in (100, 2047, 2048, 1 << 20):
        made.filler.pass_by(size)
    assert made.taken == [(4096, "cuda"), (2048, "cuda")]
    assert made.reads == [4096, 100, 2044, 2048, 2048]
