"""The messages of the harness protocol (`harness/PROTOCOL.md`) as data."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar


@dataclass(frozen=True)
class Hello:
    """Who are you?"""

    protocol: int


@dataclass(frozen=True)
class Entry:
    """How a layer is found: classes of its modules, of an ancestor that they need or lack.

    With `kernels` the layer has, too, what modules of a class of `within` launch themselves of kernels whose
    names contain one of these texts.
    """

    classes: tuple[str, ...]
    within: tuple[str, ...]
    not_within: tuple[str, ...] = ()
    kernels: tuple[str, ...] = ()


@dataclass(frozen=True)
class Architecture:
    """Layers by category, those that a model cannot be without, and the order of each decoder layer's."""

    catalog: Mapping[str, Mapping[str, Entry]]
    sequence: tuple[str, ...]
    layers: tuple[tuple[str, ...], ...] | None = None
    """Those of each decoder layer of the engine; None when they are all alike."""
    occurrences: Mapping[str, int] = field(default_factory=dict)
    """How often a forward's walk names a layer; without `layers`, one through a single decoder layer."""


@dataclass(frozen=True)
class Boot:
    """Build an engine of few layers; the counts are tokens and requests, `block_size` tokens."""

    tp: int
    config: Mapping[str, Any]
    architecture: Architecture
    dtype: str
    kv_cache_dtype: str
    block_size: int | None
    max_num_batched_tokens: int
    max_num_seqs: int
    clock_mhz: int | None = None
    """Clock of the multiprocessors that the device is locked to; None leaves the device its own."""


@dataclass(frozen=True)
class Precision:
    """Repeat a shot until the standard error of its medians is at most `relative` of them."""

    relative: float
    min: int
    max: int


@dataclass(frozen=True)
class Fire:
    """Fire shots in order; each is read when its turn comes, so that a bad one fails alone."""

    seq: int
    shots: tuple[Mapping[str, Any], ...]
    iterations: int
    quantity: str
    precision: Precision | None = None


@dataclass(frozen=True)
class Sustain:
    """Repeat the modules of each shot for so many seconds each, without a pause."""

    seq: int
    shots: tuple[Mapping[str, Any], ...]
    seconds: float


@dataclass(frozen=True)
class Walk:
    """Walk batches of (new tokens, KV tokens) through every module of the engine of the last boot."""

    batches: Mapping[str, tuple[tuple[int, int], ...]]


@dataclass(frozen=True)
class Shutdown:
    """End."""


Request = Hello | Boot | Fire | Sustain | Walk | Shutdown


@dataclass(frozen=True)
class Processor:
    """A processor, the cores that may be used, and the instruction sets that may be used of it."""

    name: str
    cores: int
    instruction_sets: list[str]


@dataclass(frozen=True)
class HelloAnswer:
    """Who answers."""

    type: ClassVar[str] = "hello"
    protocol: int
    harness: str
    harness_version: str
    engine: str
    engine_version: str
    device: str
    driver: str
    runtime: str
    quantities: list[str]
    lanes: int
    processor: Processor | None = None
    device_uuid: str | None = None


@dataclass(frozen=True)
class Limits:
    """What the engine allows: tokens and requests, as the asking side counts them."""

    max_num_batched_tokens: int
    max_num_seqs: int
    num_cache_tokens: int
    max_model_len: int
    num_experts: int | None
    top_k: int | None
    block_size: int


@dataclass(frozen=True)
class Booted:
    """An engine is ready; `layers` has class and count of the modules that are timed."""

    type: ClassVar[str] = "booted"
    tp: int
    limits: Limits
    num_gpu_blocks: int
    layers: dict[str, dict[str, Any]]
    engine_args: dict[str, Any]
    conditions: dict[str, Any] | None = None
    caches: list[dict[str, Any]] | None = None
    """Kind, block size and span of each group of the KV cache; None when one group keeps all tokens."""
    sustains: bool | None = None
    """True where shots can be sustained: the device tells its power and clock."""


@dataclass(frozen=True)
class Result:
    """Microseconds of each timed forward, by layer.

    `kernel_sums` has those of layers whose kernels overlap, each kernel counted in full; `recordings` is told
    when there was more than one. `shot_clocks_mhz` is the device's clock right before the first forward and
    behind the last one.
    """

    type: ClassVar[str] = "result"
    seq: int
    index: int
    samples: dict[str, list[float]]
    stop: str | None = None
    kernels: dict[str, list[str]] | None = None
    recordings: int | None = None
    kernel_sums: dict[str, list[float]] | None = None
    shot_clocks_mhz: tuple[int, int] | None = None


@dataclass(frozen=True)
class Failed:
    """A shot that has no samples, and why."""

    type: ClassVar[str] = "failed"
    seq: int
    index: int
    kind: str
    message: str


@dataclass(frozen=True)
class State:
    """The device at this moment: MHz, degrees Celsius, watts, joules so far; None where it does not tell."""

    type: ClassVar[str] = "state"
    seq: int
    sm_clock_mhz: int | None
    memory_clock_mhz: int | None
    temperature_c: int | None
    power_w: float | None
    throttle: list[str]
    energy_j: float | None = None


@dataclass(frozen=True)
class SustainedTimes:
    """A call of a module on a device that does nothing else: microseconds, watts while it runs, MHz.

    A call that is shorter than its launch has no time: the device is at work for `busy_share` of it alone.
    """

    time_us: float | None
    power_w: float | None
    sm_clock_mhz: int | None
    busy_share: float = 1.0


@dataclass(frozen=True)
class Sustained:
    """What the modules of a shot take under a lasting load, by layer."""

    type: ClassVar[str] = "sustained"
    seq: int
    index: int
    layers: dict[str, SustainedTimes]


@dataclass(frozen=True)
class Kernels:
    """Names of kernels by the short hashes that results call them."""

    type: ClassVar[str] = "kernels"
    names: dict[str, str]


@dataclass(frozen=True)
class Done:
    """Every shot of the request was answered; `device_busy_us` of `wall_us` the device worked."""

    type: ClassVar[str] = "done"
    seq: int
    device_busy_us: float | None = None
    wall_us: float | None = None


@dataclass(frozen=True)
class Walked:
    """What batches went through: of each the modules that were called, and what each launched itself."""

    type: ClassVar[str] = "walked"
    decoders: list[str]
    """Paths of the decoder layers, in their order."""
    caches: list[dict[str, Any]]
    batches: dict[str, dict[str, Any]]


@dataclass(frozen=True)
class Error:
    """A request that could not be served; `detail` has the engine's own words."""

    type: ClassVar[str] = "error"
    kind: str
    message: str
    detail: str | None = None


@dataclass(frozen=True)
class Bye:
    """The last answer."""

    type: ClassVar[str] = "bye"


Answer = HelloAnswer | Booted | Result | Sustained | Failed | State | Kernels | Done | Walked | Error | Bye
