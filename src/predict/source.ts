/**
 * What predictors are made from, and what they answer.
 *
 * @module
 */
import type { Meta } from "../bundle/meta.ts";
import type { Simulator } from "../bundle/simulator.ts";
import type { SkewCell } from "../bundle/skew_cells.ts";
import type { SkewFitRow } from "../bundle/skew_fit.ts";
import type { Row } from "../bundle/tables.ts";
import type { KernelTable } from "../bundle/whole_table.ts";
import type { Architecture } from "../model/model.ts";
import type { Category } from "../shots/shot.ts";
import type { Batch } from "./batch.ts";
import type { AttentionTrace, BatchTrace } from "./explain.ts";

/** What a predictor reads of a bundle. */
export interface PredictorSource {
  /** Tensor-parallel degrees, ascending. */
  readonly tps: readonly number[];
  /** The bundle's meta.yaml; its skew_fit block says how alphas are looked up. */
  readonly meta: Pick<Meta, "skew_fit" | "hardware" | "model" | "sustained" | "kv_groups">;
  /** The rows of a category's table, none where there is no file. */
  table(tp: number, category: Category): readonly Row[];
  /** The rows of August's skew_fit.csv, none where there is no file. */
  skewFit(tp: number): readonly SkewFitRow[];
  /** The simulator that the bundle is for. @default {"august"} */
  readonly simulator?: Simulator;
  /**
   * The rows of a table as v1.2 reads them, by layer or kernel, then by decode_q_len or ep.
   *
   * @default {those of `table`}
   */
  kernels?(tp: number, table: KernelTable): ReadonlyMap<string, ReadonlyMap<number, readonly Row[]>>;
  /** The rows of v1.2's skew_fit.csv. @default {none} */
  skewCells?(tp: number): readonly SkewCell[];
}

/** What a device has been doing: resting between shots, or working all the time. */
export type DeviceActivity = "cool" | "sustained";

/** What a predictor may be told beside the bundle. */
export interface PredictorOptions {
  /** The model's architecture: its tp_stable layers are read from tp1, as a simulator does. */
  readonly architecture?: Pick<Architecture, "catalog">;
  /** Whose answers are wanted. @default {the simulator that the bundle is for} */
  readonly simulator?: Simulator;
  /**
   * Whether the device has been at rest, as when its rows were measured, or is at work all the time, so that its power
   * limit takes the clock down: then the times are estimates from what the bundle tells of a lasting load.
   *
   * @default {"cool"}
   */
  readonly state?: DeviceActivity;
  /** Told once in a sentence of what answers in place of something that the bundle lacks. @default {nobody} */
  readonly notice?: (sentence: string) => void;
}

/** Which attention of a batch is asked for; only v1.2 has others than the plain one. */
export interface BatchKernel {
  /** The kernel. @default {"attention"} */
  readonly layer?: string;
  /** New tokens of each decode. @default {1} */
  readonly decodeQLen?: number;
  /** Whether it reads no more of a history than `boundTokens`. @default {false} */
  readonly saturates?: boolean;
  /** How much of a history such a kernel reads, in tokens; null for all of it. @default {null} */
  readonly boundTokens?: number | null;
}

/** One prefill with decodes of one history. */
export interface AttentionQuery {
  /** New tokens of the prefill, 0 for none. */
  readonly chunk: number;
  /** History of the prefill in tokens. */
  readonly kvPrefill: number;
  /** Decoding requests. */
  readonly nDecode: number;
  /** History of each of them in tokens. */
  readonly kvDecode: number;
}

/** Prefills at one place, with decodes of one history and one number of new tokens. */
export interface KernelQuery extends Omit<AttentionQuery, "kvPrefill"> {
  /** The kernel. @default {"attention"} */
  readonly layer?: string;
  /** The mean place of the prefills' new tokens, 0 without prefills. */
  readonly prefillKey: number;
  /** New tokens of each decode. @default {1} */
  readonly decodeQLen?: number;
}

/** What a mixture-of-experts block is asked for. */
export interface MoeQuery {
  /** New tokens. */
  readonly tokens: number;
  /** Experts that receive tokens. */
  readonly activatedExperts: number;
  /** Devices that share the experts; August ignores it. @default {1} */
  readonly ep?: number;
}

/**
 * Looks times up in a bundle. Times are whole nanoseconds, tokens, sequences and experts are counts; one that is
 * negative or no number is a `RangeError`.
 *
 * Lookups by layer are asked a million times a second and take their arguments by place, always degree, layer, size;
 * everything else takes objects with names.
 */
export interface Predictor {
  /** Whose answers these are. */
  readonly simulator: Simulator;
  /** Name of the hardware, empty when the bundle does not say. */
  readonly hardware: string;
  /** Id of the model that was measured, empty when the bundle does not say. */
  readonly model: string;
  /** The time of a dense layer over `tokens` new tokens, in nanoseconds. */
  dense(tp: number, layer: string, tokens: number): number;
  /** The time of a per_sequence layer over `sequences` requests, in nanoseconds. */
  perSequence(tp: number, layer: string, sequences: number): number;
  /** The time of a drafter's layer over the tokens of one of its passes, in nanoseconds; August has none. */
  mtp(tp: number, layer: string, tokens: number): number;
  /** The time of a mixture-of-experts block, in nanoseconds. */
  moe(query: MoeQuery): number;
  /**
   * The time of a kernel of linear attention, in nanoseconds, null where it does not run in such a batch; August has
   * none.
   */
  linearAttention(
    tp: number,
    layer: string,
    query: { readonly prefillTokens: number; readonly nDecode: number },
  ): number | null;
  /** The time of attention over one prefill and `nDecode` decodes of one history, in nanoseconds. */
  attention(tp: number, query: AttentionQuery): number;
  /** The time of an attention kernel over prefills at some place with decodes, in nanoseconds; August has none. */
  kernelAttention(tp: number, query: KernelQuery): number;
  /** The time of attention over a batch of any KV lengths, in nanoseconds. */
  batch(tp: number, batch: Batch, kernel?: BatchKernel): number;
  /** How `attention` comes to its answer. */
  explainAttention(tp: number, query: AttentionQuery): AttentionTrace;
  /** How `batch` comes to its answer. */
  explainBatch(tp: number, batch: Batch, kernel?: BatchKernel): BatchTrace;
}

/**
 * Makes something for a tensor-parallel degree when it is first asked for.
 *
 * @param make Makes it.
 * @returns What gives it.
 */
export function perDegree<T>(make: (tp: number) => T): (tp: number) => T {
  const made = new Map<number, T>();
  return (tp) => {
    let value = made.get(tp);
    if (value === undefined) made.set(tp, value = make(tp));
    return value;
  };
}
