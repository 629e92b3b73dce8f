/**
 * Figures: attention times as heat maps.
 *
 * @module
 */
import type { EstimatedRow } from "../../bundle/estimated.ts";
import { UsageError } from "../../errors.ts";
import type { Row } from "../../bundle/tables.ts";
import { type Figure, type Subject, subjectText } from "../figure.ts";
import { type Cell, heatMap, peak } from "../heat_map.ts";
import { formatCount, plural } from "../../count_text.ts";
import { type LayerSamples, spreadsOf } from "../timeline.ts";

/** What a map shows. */
export interface AttentionMap {
  /** What it is about. */
  readonly subject: Subject;
  /** Rows of attention.csv. */
  readonly rows: readonly Row[];
  /** Which of them are predictions; they are marked. @default none */
  readonly estimated?: readonly EstimatedRow[];
  /** Samples of a journal: a row whose samples are among them tells their standard deviation. @default none */
  readonly samples?: readonly LayerSamples[];
  /** The prefill with the decodes, in new tokens; 0 for decodes alone. */
  readonly chunk: number;
  /** KV length before the prefill in tokens. @default {0} */
  readonly kvPrefill?: number;
}

/**
 * Draws attention over decoding requests and their KV length, with one prefill.
 *
 * @param input What it shows; a row with this prefill at least.
 * @returns The figure; combinations that were not measured are grey.
 * @throws {UsageError} when no row has this prefill; the message lists those that there are.
 *
 * @example
 * ```ts
 * import { attentionMap } from "shotlab/view";
 * import assert from "node:assert/strict";
 * const subject = { hardware: "H100", model: "a/b", tp: 1, quantity: "kernel" };
 * const rows = [{ layer: null, key: [0, 0, 1, 16], timeUs: 8 }, { layer: null, key: [0, 0, 2, 16], timeUs: 9 }];
 * const { data } = attentionMap({ subject, rows, chunk: 0 });
 * assert.deepEqual(data[0]!.text, [["8"], ["9"]]);
 * ```
 */
export function attentionMap(
  { subject, rows, estimated, samples = [], chunk, kvPrefill = 0 }: AttentionMap,
): Figure {
  const spreadOf = spreadsOf(samples, subject, "attention");
  const isPredicted = predictedAmong(estimated);
  const cells = rows
    .filter(({ key: [pc, kp, n] }) => pc === chunk && kp === kvPrefill && n! > 0)
    .map(({ layer, key, timeUs }): Cell => ({
      ...{ x: key[3]!, y: key[2]!, value: timeUs, predicted: isPredicted(key) },
      spread: spreadOf(layer ?? "attention", key),
    }));
  if (cells.length === 0) throw noSlice(rows, chunk, kvPrefill);
  const { text, cell } = peak(cells);
  const beside = chunk === 0 ? "decodes alone" : `with a prefill of ${plural(chunk, "token")}` +
    (kvPrefill > 0 ? ` after ${formatCount(kvPrefill)}` : "");
  return heatMap({
    cells,
    title: `${kernelName(rows)}${
      chunk === 0 ? "" : ` with a prefill of ${formatCount(chunk)}`
    } takes up to ${text}: ${plural(cell.y, "decode")} at KV length ${formatCount(cell.x)}`,
    subtitle: subjectText(subject, beside),
    missing: "not measured",
    x: "KV length of each decode (tokens)",
    y: "decoding requests",
    scale: "time",
    legend: "time",
  });
}

/**
 * Draws attention over a prefill's new tokens and the KV length before it, without decodes.
 *
 * @param input What it shows; a row without decodes at least.
 * @returns The figure; combinations that were not measured are grey.
 *
 * @example
 * ```ts
 * import { prefillMap } from "shotlab/view";
 * import assert from "node:assert/strict";
 * const subject = { hardware: "H100", model: "a/b", tp: 1, quantity: "kernel" };
 * const rows = [{ layer: null, key: [64, 0, 0, 0], timeUs: 8 }, { layer: null, key: [64, 512, 0, 0], timeUs: 9 }];
 * assert.deepEqual(prefillMap({ subject, rows }).data[0]!.text, [["8", "9"]]);
 * ```
 */
export function prefillMap(
  { subject, rows, estimated, samples = [] }: Pick<
    AttentionMap,
    "subject" | "rows" | "estimated" | "samples"
  >,
): Figure {
  const spreadOf = spreadsOf(samples, subject, "attention");
  const isPredicted = predictedAmong(estimated);
  const cells = rows
    .filter(({ key }) => key[0]! > 0 && key[2] === 0)
    .map(({ layer, key, timeUs }): Cell => ({
      ...{ x: key[1]!, y: key[0]!, value: timeUs, predicted: isPredicted(key) },
      spread: spreadOf(layer ?? "attention", key),
    }));
  const { text, cell } = peak(cells);
  return heatMap({
    cells,
    title: `${
      (rows[0]?.layer ?? null) === null ? "Prefill attention" : `${kernelName(rows)} of a prefill`
    } takes up to ${text}: ${plural(cell.y, "new token")} after ${formatCount(cell.x)}`,
    subtitle: subjectText(subject, "one prefill alone"),
    missing: "not measured",
    x: "KV length before the prefill (tokens)",
    y: "new tokens of the prefill",
    scale: "time",
    legend: "time",
  });
}

/** What the kernel of some rows is called. */
function kernelName([first]: readonly Row[]): string {
  return first?.layer ?? "Attention";
}

/** What to ask for where a table has no rows with a prefill. */
function noSlice(rows: readonly Row[], chunk: number, kvPrefill: number): UsageError {
  const chunks = [
    ...new Set(rows.filter(({ key }) => key[1] === kvPrefill && key[2]! > 0).map(({ key }) => key[0]!)),
  ]
    .sort((a, b) => a - b);
  return new UsageError(
    `Cannot draw attention with a prefill of ${
      plural(chunk, "token")
    } at KV length ${kvPrefill}: no row has both; ` +
      (chunks.length === 0 ? "no chunk has decodes there" : `chunks there: ${chunks.join(", ")}`),
  );
}

/**
 * Tells predicted rows from measured ones.
 *
 * @param estimated The predicted ones.
 * @returns Whether the row of a key is one of them.
 */
export function predictedAmong(estimated: readonly EstimatedRow[] = []): (key: readonly number[]) => boolean {
  const keys = new Set(estimated.map(({ key }) => key.join()));
  return (key) => keys.has(key.join());
}
