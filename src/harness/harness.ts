/**
 * What every harness can do, whether it is a child process, a remote one or a function of this process.
 *
 * The field names are those of the protocol (`harness/PROTOCOL.md`).
 *
 * @module
 */
import type { Precision, Quantity } from "../quantity.ts";
import type { EngineArchitecture } from "../model/decoder_layers.ts";
import type { ModelConfig } from "../model/model.ts";
import type { Walk, WalkedRequests } from "./walk.ts";
import type { CacheGroup, Limits } from "../shots/limits.ts";
import type { Shot } from "../shots/shot.ts";
import type { Processor } from "../processor.ts";

/** Who answers: the program, the engine that it boots and the device below. */
export interface HarnessInfo {
  /** Name of the harness, such as `vllm`. */
  readonly harness: string;
  /** Version of the harness. */
  readonly harness_version: string;
  /** What it boots. */
  readonly engine: string;
  /** Version of the engine. */
  readonly engine_version: string;
  /** Device name as its driver reports it. */
  readonly device: string;
  /** Driver version, `none` where there is none. */
  readonly driver: string;
  /** Numeric runtime, such as `torch 2.13.0+cpu`. */
  readonly runtime: string;
  /** Quantities that it can measure, the preferred one first. */
  readonly quantities: readonly Quantity[];
  /** Shots that it can fire side by side (one per device that it drives). */
  readonly lanes: number;
  /** The processor, where the engine computes on one. */
  readonly processor?: Processor;
  /** Which of several equal devices it uses, where it tells. */
  readonly device_uuid?: string;
}

/** What to boot. */
export interface BootRequest {
  /** The configuration after sharding: one layer, sizes divided, head_dim pinned. */
  readonly config: ModelConfig;
  /** The layers to find. */
  readonly architecture: EngineArchitecture;
  /** Tensor-parallel degree that `config` was sharded for. */
  readonly tp: number;
  /** Devices that share the experts, when `config` has those of one of them. @default {1} */
  readonly ep?: number;
  /** Weight type, `auto` for the configuration's own. */
  readonly dtype: string;
  /** KV cache type, `auto` for the weight type. */
  readonly kv_cache_dtype: string;
  /** Tokens of one KV block, null for the engine's smallest. */
  readonly block_size: number | null;
  /** Asked new tokens per batch; the engine is booted with `max_num_seqs` tokens more. */
  readonly max_num_batched_tokens: number;
  /** Asked requests per batch; the engine is booted with one more. */
  readonly max_num_seqs: number;
  /** Clock of the multiprocessors, in MHz, that the device is locked to meanwhile. @default {the device's own} */
  readonly clock_mhz?: number;
}

/** A layer as the harness found it. */
export interface FoundLayer {
  /** Class of its modules. */
  readonly class: string;
  /** How many modules carry it. */
  readonly modules: number;
}

/** A booted engine. */
export interface Booted {
  /** What it allows. */
  readonly limits: Limits;
  /** Blocks of its KV pool. */
  readonly num_gpu_blocks: number;
  /** The layers that will be timed, by name. */
  readonly layers: Readonly<Record<string, FoundLayer>>;
  /** The engine's own arguments, for meta.yaml. */
  readonly engine_args: Readonly<Record<string, unknown>>;
  /** Under which conditions shots are timed, such as the cache before each forward, where the harness tells. */
  readonly conditions?: Readonly<Record<string, unknown>>;
  /** Groups of its KV cache; absent when one group keeps all tokens. */
  readonly caches?: readonly CacheGroup[];
  /** Whether shots can be sustained: the device tells its power and clock. */
  readonly sustains?: boolean;
}

/** A chunk of shots and how to time them. */
export interface FireRequest {
  /** The shots, fired in this order. */
  readonly shots: readonly Shot[];
  /** Timed forwards per shot, after one warm-up. */
  readonly iterations: number;
  /** Takes the place of `iterations` in harnesses that know it; the others take `iterations` samples. */
  readonly precision?: Precision;
  /** What to time. */
  readonly quantity: Quantity;
}

/** Why a shot got no more samples: as many as asked, precise enough, or the most that is allowed. */
export type Stop = "iterations" | "precision" | "max";

/** Shots whose modules are repeated without a pause. */
export interface SustainRequest {
  /** The shots. */
  readonly shots: readonly Shot[];
  /** Seconds for each of their layers. */
  readonly seconds: number;
}

/** A call of a module on a device that does nothing else; null where the device does not tell. */
export interface SustainedTimes {
  /** Time, in microseconds; null of a call that is shorter than its launch: the device rests in between. */
  readonly time_us: number | null;
  /** Power while it runs, in watts. */
  readonly power_w: number | null;
  /** Clock of the multiprocessors, in MHz. */
  readonly sm_clock_mhz: number | null;
  /** Share of the time for which the device was at work. @default 1 */
  readonly busy_share?: number | undefined;
}

/** What a device was like at one moment; null where it does not tell. */
export interface DeviceState {
  /** Clock of the multiprocessors, in MHz. */
  readonly sm_clock_mhz: number | null;
  /** Clock of the memory, in MHz. */
  readonly memory_clock_mhz: number | null;
  /** Temperature, in degrees Celsius. */
  readonly temperature_c: number | null;
  /** Power, in watts. */
  readonly power_w: number | null;
  /** Why the clock is below what it could be, such as `sw_power_cap`; empty when it is not. */
  readonly throttle: readonly string[];
  /** Energy that it has taken so far, in joules, where it tells. */
  readonly energy_j?: number;
}

/** What the layers of a shot take under a lasting load. */
export interface SustainedFact {
  /** What the fact is. */
  readonly type: "sustained";
  /** The shot. */
  readonly shot: Shot;
  /** What its layers took. */
  readonly layers: Readonly<Record<string, SustainedTimes>>;
}

/** What a harness tells beside the outcomes of a chunk. */
export type FireFact =
  | { readonly type: "state" } & DeviceState
  | {
    readonly type: "kernels";
    /** Names of device kernels, by the short hash that outcomes call them. */
    readonly names: Readonly<Record<string, string>>;
  }
  | SustainedFact
  | {
    readonly type: "cost";
    /** Microseconds in which the device worked for the chunk, null when unknown. */
    readonly device_busy_us: number | null;
    /** Microseconds that the chunk took. */
    readonly wall_us: number;
  };

/** Why a shot has no samples. */
export type FailureKind =
  | "infeasible"
  | "out_of_memory"
  | "unsupported"
  | "engine_dead"
  | "bad_request"
  | "timeout";

/** What became of one shot of a chunk. */
export type ShotOutcome =
  | {
    readonly status: "measured";
    /** Position in the chunk. */
    readonly index: number;
    /** Microseconds of each timed forward, by layer, shared out to how often the sequence names the layer. */
    readonly samples: Readonly<Record<string, readonly number[]>>;
    /** Why there are no more samples, where the harness tells. */
    readonly stop?: Stop;
    /** Short hashes of the kernels of one forward in their order, by layer, where the harness knows them. */
    readonly kernels?: Readonly<Record<string, readonly string[]>>;
    /** How often it was recorded, when more than once: until its forwards agreed in their kernels, at no fallen clock. */
    readonly recordings?: number;
    /** As `samples`, each kernel counted in full, of layers whose kernels overlap. */
    readonly kernel_sums?: Readonly<Record<string, readonly number[]>>;
    /** The clock in MHz right before its first forward and right behind its last one, where the harness counts it. */
    readonly shot_clocks_mhz?: readonly [number, number];
  }
  | {
    readonly status: "failed";
    /** Position in the chunk. */
    readonly index: number;
    /** What kind of failure. */
    readonly kind: FailureKind;
    /** What happened, in a sentence. */
    readonly message: string;
  };

/** Options of the calls that may take long. */
export interface CallOptions {
  /** Ends the call; it then rejects with the signal's reason. */
  readonly signal?: AbortSignal;
}

/** Options of {@linkcode Harness.fire}. */
export interface FireOptions extends CallOptions {
  /** Is told the state of the device, names of kernels and the chunk's cost, in their order among the outcomes. */
  readonly onFact?: (fact: FireFact) => void;
}

/** A harness: boots an engine and fires shots. */
export interface Harness extends AsyncDisposable {
  /** Who it is. */
  readonly info: HarnessInfo;
  /**
   * Boots an engine, in place of the one before.
   *
   * @throws {HarnessError} when it cannot, with the reason.
   */
  boot(request: BootRequest, options?: CallOptions): Promise<Booted>;
  /**
   * Fires a chunk on the booted engine: one outcome per shot, in the order of the shots, as soon as it is known.
   *
   * @throws {HarnessError} when the harness breaks or dies; the outcomes before it stand.
   */
  fire(request: FireRequest, options?: FireOptions): AsyncIterable<ShotOutcome>;
  /**
   * Repeats the layers of shots without a pause; absent in harnesses that cannot.
   *
   * @returns What each shot's layers took; shots that cannot be repeated are left out.
   * @throws {HarnessError} when the harness breaks or dies, or its device does not tell power and clock.
   */
  sustain?(request: SustainRequest, options?: CallOptions): AsyncIterable<SustainedFact>;
  /**
   * Walks batches through every module of the booted engine; absent where the harness cannot.
   *
   * @throws {HarnessError} when a batch does not fit the engine, or the harness breaks or dies.
   */
  walk?(batches: Readonly<Record<string, WalkedRequests>>, options?: CallOptions): Promise<Walk>;
  /** Ends the harness and what it started; safe to call twice. */
  close(): Promise<void>;
}
