/**
 * What the devices of a tensor-parallel server send each other in an iteration, and how long it takes.
 *
 * @module
 */
import type { Collective, Collectives, CollectiveSample } from "../bundle/collectives_file.ts";
import { WAYS } from "../bundle/collectives_file.ts";
import { textConfig } from "../model/config.ts";
import { layerKinds } from "../model/kinds.ts";
import type { Model } from "../model/model.ts";
import { resolveDtype } from "../model/variant.ts";
import type { HardwareSheet } from "../roofline/hardware.ts";

/** One collective between devices. */
export interface Transfer {
  /** Which. */
  readonly collective: Collective;
  /** Devices. */
  readonly ranks: number;
  /** Bytes of all_reduce's input, of a device's input of all_gather, of a device's output of reduce_scatter. */
  readonly bytes: number;
}

/** How long collectives take between the devices of a server. */
export interface Communication {
  /** Where the times come from; those of a data sheet are an estimate that real ones do not reach. */
  readonly source: "measured" | "data sheet";
  /**
   * The time of a collective in microseconds, null where nothing is known of so many devices.
   */
  us(transfer: Transfer): number | null;
}

/** A link between the devices of one server, by its data sheet. */
export interface Link {
  /** Bandwidth of one direction in 10⁹ bytes a second. */
  readonly bandwidthGbS: number;
  /** What a collective of a few bytes takes, in microseconds. */
  readonly latencyUs: number;
}

/** Collectives of an iteration. */
export interface SentCollective {
  /** Which. */
  readonly collective: Collective;
  /** How often. */
  readonly times: number;
  /** Bytes of each, as {@linkcode Transfer} counts them. */
  readonly bytes: number;
}

/** A data sheet hides what a small collective takes: 17 µs for three on two H100s (docs/end-to-end.md). */
const SHEET_LATENCY_US = 5.7;
/** The vocabulary is padded to a multiple of it before it is divided. */
const VOCABULARY_PAD = 64;

/**
 * What an iteration sends, as vLLM does it: an all-reduce behind the embedding, behind what mixes the tokens of each
 * decoder layer (two where attention and a recurrent mixer run side by side), and behind each MLP; the all-gather of
 * the logits.
 *
 * @param model The model.
 * @param tp Tensor-parallel degree.
 * @returns The collectives of an iteration with so many new tokens and requests; none at degree 1.
 *
 * @example
 * ```ts
 * import { loadModel, sentCollectives } from "shotlab";
 * import assert from "node:assert/strict";
 * const sent = sentCollectives(await loadModel("meta-llama/Llama-3.1-8B"), 2);
 * assert.deepEqual(sent({ tokens: 2048, sequences: 1 }), [
 *   { collective: "all_reduce", times: 65, bytes: 2048 * 4096 * 2 },
 *   { collective: "all_gather", times: 1, bytes: 64128 * 2 },
 * ]);
 * ```
 */
export function sentCollectives(
  model: Model,
  tp: number,
): (batch: { readonly tokens: number; readonly sequences: number }) => SentCollective[] {
  if (tp === 1) return () => [];
  const { hidden_size: hidden, vocab_size: words } = textConfig(model.config);
  const width = resolveDtype(model.config, null) === "float32" ? 4 : 2;
  const times = layerKinds(model).reduce(
    (sum, { attn, mlp }) => sum + mixers(attn) + (mlp === "none" ? 0 : 1),
    1,
  );
  const perToken = typeof hidden === "number" ? hidden * width : 0;
  const padded = typeof words === "number" ? Math.ceil(words / VOCABULARY_PAD) * VOCABULARY_PAD : 0;
  const perSequence = Math.ceil(padded / tp) * width;
  return ({ tokens, sequences }) => [
    { collective: "all_reduce", times, bytes: tokens * perToken },
    { collective: "all_gather", times: 1, bytes: sequences * perSequence },
  ];
}

function mixers(attn: string): number {
  return attn === "none" ? 0 : attn === "hybrid_attention" ? 2 : 1;
}

/**
 * The time of all that an iteration sends.
 *
 * @param sent What it sends.
 * @param tp Tensor-parallel degree.
 * @param communication How long collectives take.
 * @returns Microseconds, null where nothing is known of so many devices.
 */
export function sentUs(
  sent: readonly SentCollective[],
  tp: number,
  communication: Communication,
): number | null {
  let sum = 0;
  for (const { collective, times, bytes } of sent) {
    const us = communication.us({ collective, ranks: tp, bytes });
    if (us === null) return null;
    sum += times * us;
  }
  return sum;
}

/**
 * The link of a device's data sheet.
 *
 * @param sheet The data sheet.
 * @returns The link, null where the sheet names none.
 */
export function sheetLink({ link_gb_s: bandwidthGbS }: Pick<HardwareSheet, "link_gb_s">): Link | null {
  return bandwidthGbS === undefined ? null : { bandwidthGbS, latencyUs: SHEET_LATENCY_US };
}

/**
 * Communication by a link's data sheet: latency, and the bytes that a ring moves over it. An estimate.
 *
 * @param link The link.
 * @returns The times.
 *
 * @example
 * ```ts
 * import { sheetCommunication } from "shotlab";
 * import assert from "node:assert/strict";
 * const { us } = sheetCommunication({ bandwidthGbS: 450, latencyUs: 5.7 });
 * assert.equal(us({ collective: "all_reduce", ranks: 2, bytes: 450e3 }), 6.7); // 450 kB at 450 GB/s
 * ```
 */
export function sheetCommunication({ bandwidthGbS, latencyUs }: Link): Communication {
  const usPerByte = 1 / (bandwidthGbS * 1000);
  return {
    source: "data sheet",
    us: ({ collective, ranks, bytes }) => {
      const moved = collective === "all_reduce" ? 2 * (ranks - 1) / ranks : ranks - 1;
      return latencyUs + moved * bytes * usPerByte;
    },
  };
}

/**
 * Communication as it was measured: vLLM's own way where it was measured, else NCCL's, else gloo's. Between two sizes a
 * time lies on the line through them, below the smallest it is the smallest one's, beyond the largest it grows as
 * between the last two.
 *
 * @param collectives What was measured.
 * @returns The times.
 *
 * @example
 * ```ts
 * import { measuredCommunication, readCollectives } from "shotlab";
 * const measured = await readCollectives("perf/H200");
 * const communication = measured === null ? null : measuredCommunication(measured);
 * console.log(communication?.us({ collective: "all_reduce", ranks: 2, bytes: 8192 }) ?? "nobody measured it");
 * ```
 */
export function measuredCommunication({ samples }: Pick<Collectives, "samples">): Communication {
  const lines = new Map<string, readonly CollectiveSample[]>();
  for (const [key, of] of Map.groupBy(samples, ({ collective, ranks }) => `${collective} ${ranks}`)) {
    lines.set(key, preferred(of));
  }
  return {
    source: "measured",
    us: ({ collective, ranks, bytes }) => {
      const line = lines.get(`${collective} ${ranks}`);
      return line === undefined ? null : onLine(line, bytes);
    },
  };
}

/**
 * The samples of the way that a server takes: vLLM's own, else NCCL's, else gloo's.
 *
 * @param samples Samples of one collective and one number of devices.
 * @returns Those of one way, sizes ascending.
 */
export function preferred(samples: readonly CollectiveSample[]): readonly CollectiveSample[] {
  const way = WAYS.find((way) => samples.some((one) => one.way === way));
  return samples.filter((one) => one.way === way).sort((a, b) => a.bytes - b.bytes);
}

function onLine(line: readonly CollectiveSample[], bytes: number): number {
  const found = line.findIndex((one) => one.bytes >= bytes);
  if (found === 0 || line.length === 1) return line[0]!.us;
  const after = found < 0 ? line.length - 1 : found;
  const [a, b] = [line[after - 1]!, line[after]!];
  const us = a.us + (b.us - a.us) * (bytes - a.bytes) / (b.bytes - a.bytes);
  return found < 0 ? Math.max(b.us, us) : us;
}

/**
 * The communication of a server at a degree: measured where it was, else by the link's data sheet.
 *
 * @param tp Tensor-parallel degree.
 * @param measured What was measured on the hardware, null for nothing.
 * @param link The link by its data sheet, null where that names none.
 * @returns The times, null where neither is known; at degree 1 nothing is sent.
 *
 * @example
 * ```ts
 * import { communicationAt } from "shotlab";
 * import assert from "node:assert/strict";
 * const communication = communicationAt(2, null, { bandwidthGbS: 450, latencyUs: 5.7 });
 * assert.equal(communication?.source, "data sheet");
 * ```
 */
export function communicationAt(
  tp: number,
  measured: Pick<Collectives, "samples"> | null,
  link: Link | null,
): Communication | null {
  const own = measured === null ? null : measuredCommunication(measured);
  const whole = own !== null &&
    (["all_reduce", "all_gather"] as const).every((collective) =>
      own.us({ collective, ranks: tp, bytes: 1 }) !== null
    );
  return whole ? own : link === null ? null : sheetCommunication(link);
}
