/**
 * Figures: two bundles, as ratios.
 *
 * @module
 */
import type { TableDiff } from "../../check/diff.ts";
import { ratioRows } from "../../check/diff.ts";
import type { Row } from "../../bundle/tables.ts";
import { type Figure, shownFigure, type Subject, subjectText } from "../figure.ts";
import { type Cell, heatMap, isWithinNoise, NOISE_SHARE } from "../heat_map.ts";
import { formatCount, plural } from "../../count_text.ts";
import { formatShare } from "../text.ts";
import { axis, INK, layoutOf, lookOf } from "../theme.ts";

/** What a map shows. */
export interface DiffMap {
  /** What the first bundle is about. */
  readonly a: Subject;
  /** What the second bundle is about. */
  readonly b: Subject;
  /** Rows of the first bundle's attention.csv. */
  readonly rowsA: readonly Row[];
  /** Rows of the second bundle's attention.csv. */
  readonly rowsB: readonly Row[];
  /** The prefill with the decodes, in new tokens, at KV length 0; 0 for decodes alone. */
  readonly chunk: number;
}

/**
 * Draws the ratio of two bundles' attention times over decodes and their KV length.
 *
 * @param input What it shows; a shot that both have at least.
 * @returns The figure: blue where the second is faster, brown where it is slower, light where the two are within noise,
 * grey where one was not measured.
 *
 * @example
 * ```ts
 * import { diffMap } from "shotlab/view";
 * import assert from "node:assert/strict";
 * const [a, b] = ["H100", "H200"].map((hardware) => ({ hardware, model: "a/b", tp: 1, quantity: "kernel" }));
 * const rows = (timeUs: number) => [1, 2].map((n) => ({ layer: null, key: [0, 0, n, 16], timeUs }));
 * const { data } = diffMap({ a: a!, b: b!, rowsA: rows(10), rowsB: rows(5), chunk: 0 });
 * assert.deepEqual(data[0]!.text, [["0.50"], ["0.50"]]);
 * ```
 */
export function diffMap({ a, b, rowsA, rowsB, chunk }: DiffMap): Figure {
  const wanted = ({ key: [pc, kp, n] }: Row): boolean => pc === chunk && kp === 0 && n! > 0;
  const cells = ratioRows(rowsA.filter(wanted), rowsB.filter(wanted))
    .map(({ key, ratio }): Cell => ({ x: key[3]!, y: key[2]!, value: ratio }));
  const [first, second] = bundleNames(a, b);
  return heatMap({
    cells,
    title: verdict(first, second, cells.map(({ value }) => value), "batches"),
    missing: "not in both",
    subtitle: `${pairText(a, b)}; attention, ${
      chunk === 0 ? "decodes alone" : `with a prefill of ${plural(chunk, "token")}`
    }; below 1 ${second} is faster; light: within noise (${formatShare(NOISE_SHARE)})`,
    x: "KV length of each decode (tokens)",
    y: "decoding requests",
    scale: "ratio",
    legend: "ratio of times",
  });
}

/** What a summary shows. */
export interface DiffSummary {
  /** What the first bundle is about. */
  readonly a: Subject;
  /** What the second bundle is about. */
  readonly b: Subject;
  /** Tables of one degree. */
  readonly tables: readonly TableDiff[];
}

/**
 * Draws the ratios of every table and layer: the median, and the range from the 10% to the 90% quantile.
 *
 * @param input What it shows; a table with common shots at least.
 * @returns The figure.
 *
 * @example
 * ```ts
 * import { diffBundles, diffSummary } from "shotlab/view";
 * import assert from "node:assert/strict";
 * const bundle = (dir: string, timeUs: number) => ({
 *   dir, meta: { hardware: dir }, tps: [1], issues: [], skew: () => [], skewFit: () => [], estimated: () => [],
 *   table: () => [{ layer: "o_proj", key: [16], timeUs }],
 * });
 * const { tables } = diffBundles(bundle("H100", 10), bundle("H200", 8));
 * const [a, b] = ["H100", "H200"].map((hardware) => ({ hardware, model: "a/b", tp: 1, quantity: "kernel" }));
 * const { data } = diffSummary({ a: a!, b: b!, tables });
 * assert.deepEqual(new Set(data[0]!.x as number[]), new Set([0.8]));
 * ```
 */
export function diffSummary({ a, b, tables }: DiffSummary): Figure {
  const rows = tables.flatMap((table) => table.ratio === null ? [] : [{ ...table, ratio: table.ratio }])
    .sort((x, y) => y.ratio.p50 - x.ratio.p50);
  const [first, second] = bundleNames(a, b);
  const ends = rows.flatMap(({ ratio }) => [ratio.p10, ratio.p90, 1]);
  const spread = Math.log10(Math.max(...ends) / Math.min(...ends)) || 1;
  return shownFigure({
    data: [{
      type: "scatter",
      mode: "markers",
      x: rows.map(({ ratio }) => ratio.p50),
      y: rows.map(({ table, layer }) => layer ?? table),
      error_x: {
        type: "data",
        symmetric: false,
        array: rows.map(({ ratio }) => ratio.p90 - ratio.p50),
        arrayminus: rows.map(({ ratio }) => ratio.p50 - ratio.p10),
        thickness: 1.5,
        width: 4,
        color: "#595959",
      },
      customdata: rows.map(({ common, ratio }) =>
        `10% to 90%: ${ratio.p10.toFixed(2)} to ${ratio.p90.toFixed(2)}<br>${plural(common, "common shot")}`
      ),
      hovertemplate: "%{y}: median %{x:.2f}<br>%{customdata}<extra></extra>",
      marker: {
        size: 9,
        color: rows.map(({ ratio }) => isWithinNoise(ratio.p50) ? NOISY : ratio.p50 < 1 ? FASTER : SLOWER),
      },
    }],
    layout: layoutOf({
      title: verdict(first, second, rows.map(({ ratio }) => ratio.p50), "tables, by the median"),
      subtitle: `${pairText(a, b)}; point: median of the common shots, grey within noise (${
        formatShare(NOISE_SHARE)
      }); bar: 10% to 90%`,
      xaxis: axis(`time on ${second} / time on ${first}`, {
        type: "log",
        range: [Math.log10(Math.min(...ends)) - spread * 0.05, Math.log10(Math.max(...ends)) + spread * 0.05],
        ...ratioTicks(Math.min(...ends), Math.max(...ends)),
      }),
      yaxis: axis("", { type: "category", automargin: true }),
      height: Math.max(320, 170 + rows.length * 26),
      more: {
        shapes: [{
          type: "line",
          x0: 1,
          x1: 1,
          yref: "paper",
          y0: 0,
          y1: 1,
          line: { color: INK, dash: "dash" },
        }],
      },
    }),
  });
}

/** Colours of a table's point. */
const [FASTER, NOISY, SLOWER] = [lookOf(0), lookOf(6), lookOf(1)].map(({ color }) => color);

/** Who is faster where, without what is within noise. */
function verdict(first: string, second: string, ratios: readonly number[], of: string): string {
  const clear = ratios.filter((ratio) => !isWithinNoise(ratio));
  const faster = clear.filter((ratio) => ratio < 1).length;
  return `${second} is faster than ${first} in ${formatCount(faster)}, slower in ${
    formatCount(clear.length - faster)
  } and within noise in ${formatCount(ratios.length - clear.length)} of ${formatCount(ratios.length)} ${of}`;
}

/**
 * What tells two bundles apart: the hardware, or else the model, or else the degree.
 *
 * @param a What the first is about.
 * @param b What the second is about.
 * @returns Their names; `the first` and `the second` where nothing does.
 */
export function bundleNames(a: Subject, b: Subject): [first: string, second: string] {
  if (a.hardware !== b.hardware) return [a.hardware, b.hardware];
  if (a.model !== b.model) return [a.model.split("/").at(-1)!, b.model.split("/").at(-1)!];
  return a.tp !== b.tp ? [`tp ${a.tp}`, `tp ${b.tp}`] : ["the first", "the second"];
}

/** Both in words; whether they are estimates is said once. */
function pairText(a: Subject, b: Subject): string {
  const words = (subject: Subject): string => subjectText({ ...subject, quantity: "" });
  const estimates = [b, a].filter(({ quantity }) => quantity === "estimate").map(({ hardware }) => hardware);
  const word = estimates.length === 1 ? "estimate" : "estimates";
  const note = estimates.length === 0 ? "" : ` (roofline ${word}, not measured: ${estimates.join(", ")})`;
  return `${words(b)} against ${words(a)}${note}`;
}

function ratioTicks(low: number, high: number): { tickvals: number[]; ticktext: string[] } {
  const steps = high / low > 4
    ? [0.1, 0.2, 0.5, 1, 2, 5, 10]
    : [0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1, 1.1, 1.25, 1.5, 2, 3];
  const shown = steps.filter((step) => step >= low * 0.9 && step <= high * 1.1);
  return { tickvals: shown, ticktext: shown.map(String) };
}
