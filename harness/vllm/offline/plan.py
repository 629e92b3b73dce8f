"""Plans in files: a header and then a shot a line, as `shotlab plan` writes them."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from faults import Fault
from messages import Boot
from offline.journal import id_of
from protocol import field, parse_boot
from script import read_text

VERSION = 1

Fields = Mapping[str, Any]

EngineKey = tuple[int, int]
"""An engine's tensor-parallel degree, and how many devices share the experts of which it has one's."""


def engine_of(shot: Fields) -> EngineKey:
    """Return the engine that a shot needs."""
    return int(shot["tp"]), int(shot.get("ep", 1))


@dataclass(frozen=True)
class Plan:
    """What is to be fired, and with which engines."""

    header: Fields
    shots: list[Fields]

    @property
    def settings(self) -> Fields:
        """What was asked for."""
        return field(self.header, "settings", dict, "an object", "header")

    def engines(self) -> list[EngineKey]:
        """Return the engines in the order in which they are met."""
        return list(dict.fromkeys(map(engine_of, self.shots)))

    def sentinel(self, tp: int) -> Fields | None:
        """Return the shot that is repeated at a degree to see drift; None when the header names none."""
        sentinels = self.header.get("sentinels")
        named = sentinels.get(str(tp)) if isinstance(sentinels, dict) else None
        return named if isinstance(named, dict) else None

    def sentinels(self) -> list[Fields]:
        """Return the sentinels of all degrees."""
        degrees = dict.fromkeys(tp for tp, _ in self.engines())
        return [shot for shot in map(self.sentinel, degrees) if shot is not None]

    def boot(self, tp: int, ep: int = 1) -> Boot:
        """Return the request that boots an engine, with all experts or those of one of `ep` devices."""
        if ep == 1:
            config = field(self.header, "configs", dict, "an object", "header").get(str(tp))
        else:
            config = field(self.header, "expert_configs", dict, "an object", "header").get(str(ep))
        names = ("dtype", "kv_cache_dtype", "max_num_batched_tokens", "max_num_seqs")
        return parse_boot(
            {
                "type": "boot",
                "tp": tp,
                "config": config,
                "architecture": self.header.get("architecture"),
                **{name: self.settings.get(name) for name in names},
                "clock_mhz": self.settings.get("clock"),
            }
        )


def read_plan(path: Path) -> Plan:
    """Read a plan; raises Fault that names the line when it is none."""
    lines = [line for line in read_text(path).splitlines() if line.strip()]
    parsed = list(objects(lines, path))
    header = parsed[0] if parsed else {}
    if header.get("format") != "shotlab-plan" or header.get("version") != VERSION:
        raise Fault(
            "bad_request",
            f"cannot read {path}, line 1: a plan begins with its header, format shotlab-plan of version"
            f" {VERSION}: found {header.get('format')!r} of version {header.get('version')!r}",
        )
    degrees = field(header, "configs", dict, "an object", "header")
    for row, shot in enumerate(parsed[1:], 2):
        if not isinstance(shot.get("tp"), int):
            raise Fault("bad_request", f"cannot read {path}, line {row}: a shot has a tp: found {shot!r}")
        if str(shot["tp"]) not in degrees:
            known = ", ".join(degrees)
            raise Fault(
                "bad_request",
                f"cannot read {path}, line {row}: tp must be one that the header has a config for ({known}):"
                f" found {shot['tp']}",
            )
        ep = shot.get("ep", 1)
        shared = ["1", *(header.get("expert_configs") or {})]
        if str(ep) not in shared:
            raise Fault(
                "bad_request",
                f"cannot read {path}, line {row}: ep must be one that the header has an expert config for"
                f" ({', '.join(shared)}): found {ep!r}",
            )
    shots = [placed(shot, path, row) for row, shot in enumerate(parsed[1:], 2)]
    for row, shot in enumerate(shots, 2):
        try:
            id_of(shot)
        except (KeyError, TypeError) as error:
            raise Fault(
                "bad_request",
                f"cannot read {path}, line {row}: a shot has a category and the fields of its key:"
                f" found {shot!r}",
            ) from error
    return Plan(header, shots)


def placed(shot: Fields, path: Path, row: int) -> Fields:
    """Return a shot with what its key is made of: prefills at a place are called by one with their sum."""
    prefills = shot.get("prefills")
    if prefills is None:
        return shot
    try:
        chunk = sum(new for new, _ in prefills)
        history = shot["prefill_key"] - chunk / 2
    except (KeyError, TypeError, ValueError) as error:
        raise Fault(
            "bad_request",
            f"cannot read {path}, line {row}: prefills are a list of [chunk, history] beside a prefill_key:"
            f" found {shot!r}",
        ) from error
    whole = int(history) if history == int(history) else history
    return {**shot, "prefill_chunk": chunk, "kv_prefill": whole}


def objects(lines: Iterable[str], path: Path) -> Iterable[Fields]:
    """Return each line as an object."""
    for row, line in enumerate(lines, 1):
        try:
            value = json.loads(line)
        except ValueError as error:
            raise Fault("bad_request", f"cannot read {path}, line {row}: {error}") from error
        if not isinstance(value, dict):
            raise Fault("bad_request", f"cannot read {path}, line {row}: expected an object: found {value!r}")
        yield value
