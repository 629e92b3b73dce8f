/**
 * A bundle's times at a glance.
 *
 * @module
 */
import type { Bundle } from "../bundle/open.ts";
import type { SkewRow } from "../bundle/skew.ts";
import type { Row } from "../bundle/tables.ts";
import { plural } from "../count_text.ts";
import { distinct } from "../stats.ts";

/** What is said of alphas that were fitted and are off. */
const KEPT = "No simulator corrects by the alphas yet: shotlab fit --simulator august or v1.2 turns them on";

/** One line of a table: times in microseconds by size. */
interface Line {
  readonly name: string;
  readonly times: ReadonlyMap<number, number>;
}

/**
 * The times of a bundle's lowest tensor-parallel degree as text: layers by tokens, then by sequences.
 *
 * @param bundle The bundle.
 * @returns A table in microseconds for each of the two sizes that has rows, at a few of the measured ones, and the
 * alphas of the skew cases.
 */
export function summarize(bundle: Pick<Bundle, "meta" | "tps" | "table" | "skew">): string {
  const tp = bundle.tps[0];
  if (tp === undefined) return "It has no tables.\n";
  const attention = bundle.table(tp, "attention");
  const longest = attention.reduce((kv, { key }) => key[0] === 0 ? Math.max(kv, key[3]!) : kv, 0);
  const tables = [
    ["tokens", [
      ...layers(bundle.table(tp, "dense")),
      line("attention, prefill alone", attention, ([chunk, kv, n]) => kv === 0 && n === 0 ? chunk! : null),
      ...states(
        bundle.table(tp, "linear_attention"),
        "prefill alone",
        ([tokens, n]) => n === 0 ? tokens! : null,
      ),
      ...moe(bundle.table(1, "moe")),
    ]],
    ["sequences", [
      ...layers(bundle.table(tp, "per_sequence")),
      line(
        `attention, kv ${longest}`,
        attention,
        ([chunk, , n, kv]) => chunk === 0 && kv === longest ? n! : null,
      ),
      ...states(
        bundle.table(tp, "linear_attention"),
        "decodes alone",
        ([tokens, n]) => tokens === 0 ? n! : null,
      ),
    ]],
  ] as const;
  const degrees = bundle.tps.length > 1 ? ` (of ${bundle.tps.join(", ")})` : "";
  const { model = "?", hardware = "?", quantity = "?" } = bundle.meta;
  const title = `${model} on ${hardware}, tp ${tp}${degrees}, microseconds (quantity ${quantity})`;
  const texts = tables.map(([size, lines]) => formatLines(size, lines.filter(({ times }) => times.size > 0)));
  const isKept = bundle.meta.skew_fit?.kept !== undefined;
  return [title, ...texts, skewLines(bundle.skew(tp), isKept)].filter((text) => text !== "").join("\n\n") +
    "\n";
}

function skewLines(cases: readonly Pick<SkewRow, "alpha">[], isKept: boolean): string {
  const alphas = cases.flatMap(({ alpha }) => alpha ?? []).sort((a, b) => a - b);
  const [low, half, high] = [0.1, 0.5, 0.9].map((q) => alphas[Math.floor(q * alphas.length)]?.toFixed(2));
  if (half === undefined) return "";
  const line = `skew: ${
    plural(cases.length, "case")
  }, alpha ${low} / ${half} / ${high} (10%, half, 90% of them below)`;
  return isKept ? `${line}\n${KEPT}` : line;
}

function layers(rows: readonly Row[]): Line[] {
  const names = [...new Set(rows.map((row) => row.layer!))];
  return names.map((name) => line(name, rows.filter((row) => row.layer === name), ([size]) => size!));
}

/** Layers with a recurrent state in one of their regimes. */
function states(
  rows: readonly Row[],
  regime: string,
  size: (key: readonly number[]) => number | null,
): Line[] {
  return [...Map.groupBy(rows, ({ layer }) => layer)].map(([layer, own]) =>
    line(`${layer}, ${regime}`, own, size)
  );
}

function moe(rows: readonly Row[]): Line[] {
  const most = rows.reduce((experts, { key }) => Math.max(experts, key[1]!), 0);
  return [
    line(`moe, ${plural(most, "expert")}`, rows, ([tokens, experts]) => experts === most ? tokens! : null),
  ];
}

/** The rows that `size` gives a size for. */
function line(name: string, rows: readonly Row[], size: (key: readonly number[]) => number | null): Line {
  const times = new Map<number, number>();
  for (const { key, timeUs } of rows) {
    const at = size(key);
    if (at !== null) times.set(at, timeUs);
  }
  return { name, times };
}

function formatLines(size: string, lines: readonly Line[]): string {
  if (lines.length === 0) return "";
  const sizes = pick(lines);
  const cells = [
    [size, ...sizes.map(String)],
    ...lines.map(({ name, times }) => [name, ...sizes.map((at) => formatUs(times.get(at)))]),
  ];
  const widths = cells[0]!.map((_, column) => Math.max(...cells.map((row) => row[column]!.length)));
  return cells.map((row) =>
    row.map((cell, column) => column === 0 ? cell.padEnd(widths[0]!) : cell.padStart(widths[column]! + 2))
      .join("")
  ).join("\n");
}

/** The measured powers of four, which every axis by default passes through, and the largest size. */
function pick(lines: readonly Line[]): number[] {
  const sizes = distinct(lines.flatMap(({ times }) => [...times.keys()]));
  return sizes.filter((size) => Number.isInteger(Math.log2(size) / 2) || size === sizes.at(-1));
}

function formatUs(timeUs: number | undefined): string {
  if (timeUs === undefined) return "-";
  return timeUs >= 99.95 ? String(Math.round(timeUs)) : timeUs.toPrecision(3);
}
