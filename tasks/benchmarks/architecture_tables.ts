/**
 * The tables of `docs/architectures.md`, made from what was recorded of each family.
 *
 * @module
 */
import { join } from "node:path";
import { formatCount, plural } from "../../src/count_text.ts";
import { readText } from "../../src/files/read.ts";
import { median } from "../../src/stats.ts";
import { table } from "./markdown.ts";

type Outcome<T> = T | { readonly refused: string };

/** The engine's method and kernel by layer. */
type Methods = Readonly<Record<string, string>>;

/** What is read of a quantized tiny model. */
interface QuantizedOutcome {
  readonly engine: string;
  readonly methods?: Methods;
  readonly rows?: Readonly<Record<string, number>>;
  readonly refused?: string;
}

/** What is read of a model that was measured on a device. */
interface DeviceOutcome {
  readonly device?: string;
  readonly engine?: string;
  readonly conditions?: { readonly methods?: Methods };
  readonly kinds: readonly string[];
  readonly coverage: readonly { readonly uncovered: number }[];
  readonly medianError?: number;
  readonly worstError?: number;
  readonly error?: string;
  readonly forwards: readonly {
    readonly forwardUs: number;
    readonly comparedUs: number;
    readonly faults: readonly string[];
  }[];
}

/** What is read of a tiny model. */
interface TinyOutcome {
  readonly engine: string;
  readonly kinds: readonly string[];
  readonly draft: Outcome<{ readonly uncovered: number; readonly asFile: boolean }>;
  readonly file: Outcome<{ readonly uncovered: number }>;
  readonly measured: Readonly<Record<string, Outcome<{ readonly rows: number; readonly failed: number }>>>;
  readonly predicted: Outcome<{ readonly layers: number; readonly skipped: readonly string[] }>;
}

/** What is read of a bundle that was judged by the forwards of its model. */
interface JudgedBundle {
  readonly bundle: string;
  readonly tp: number;
  readonly rows: number;
  readonly forwards: readonly { readonly forwardUs: number; readonly predictedUs: number }[];
}

/**
 * Puts the tables into the page, in place of those that begin with the same column.
 *
 * @param page The page as it is.
 * @param evidenceDir The folder of `families.json`, `bundles.json`, `tiny.json` and `quantized.json`.
 * @returns The page with the tables as they are recorded.
 */
export async function withArchitectureTables(page: string, evidenceDir: string): Promise<string> {
  const read = async <T>(name: string): Promise<Record<string, T>> =>
    JSON.parse(await readText(join(evidenceDir, name)));
  const device = Object.entries(await read<DeviceOutcome>("families.json"));
  const tiny = Object.entries(await read<TinyOutcome>("tiny.json"));
  const quantized = Object.entries(await read<QuantizedOutcome>("quantized.json"));
  const bundles = Object.values(await read<JudgedBundle>("bundles.json"));
  return [
    [DEVICE_COLUMNS, device.map(([name, outcome]) => deviceRow(name, outcome))] as const,
    [BUNDLE_COLUMNS, bundles.map(bundleRow)] as const,
    [TINY_COLUMNS, tiny.map(([name, outcome]) => tinyRow(name, outcome))] as const,
    [QUANTIZED_COLUMNS, [
      ...device.flatMap(([name, outcome]) => quantizedOnDevice(name, outcome)),
      ...quantized.map(([name, outcome]) => quantizedRow(name, outcome)),
    ]] as const,
  ].reduce(replaced, page);
}

const DEVICE_COLUMNS = [
  "measured model",
  "kinds of decoder layers",
  "in layers",
  "rows, median",
  "worst",
  "status",
];
const BUNDLE_COLUMNS = ["bundle", "tp", "rows", "forwards, median", "worst"];
const TINY_COLUMNS = [
  "model_type",
  "kinds of decoder layers",
  "draft, in layers",
  "file, in layers",
  "order",
  "rows at tp 1, 2",
  "status",
];

const QUANTIZED_COLUMNS = ["checkpoint", "engine", "method and kernel", "status"];

/** The row of a bundle by what is predicted from it of the forwards of its model. */
function bundleRow({ bundle, tp, rows, forwards }: JudgedBundle): string[] {
  const errors = forwards.map(({ forwardUs, predictedUs }) => Math.abs(predictedUs / forwardUs - 1));
  return [
    bundle,
    String(tp),
    formatCount(rows),
    percent(median(errors)),
    percent(Math.max(...errors)),
  ].map(cell);
}

/** The row of a model with quantized weights; none of others, or of one that did not boot. */
function quantizedOnDevice(name: string, outcome: DeviceOutcome): string[][] {
  const { engine = "", device = "", conditions: { methods } = {}, medianError } = outcome;
  if (methods === undefined || medianError === undefined) return [];
  const status = `rows of a forward ${percent(medianError)} off at the median`;
  return [[name, `${engine}, ${device}`, methodsText(methods), status].map(cell)];
}

function quantizedRow(
  name: string,
  { engine, methods = {}, rows = {}, refused }: QuantizedOutcome,
): string[] {
  const counts = Object.entries(rows).map(([tp, count]) => `${count} at tp ${tp}`);
  return [
    name,
    engine,
    methodsText(methods),
    refused?.replace(/^cannot boot tp \d+: /, "") ?? `rows: ${counts.join(", ")}`,
  ].map(cell);
}

/** Each method once, with the layers that have it where there are several. */
function methodsText(methods: Methods): string {
  const layers = Map.groupBy(Object.keys(methods), (layer) => methods[layer]!);
  if (layers.size === 0) return "-";
  return [...layers].map(([method, names]) => layers.size === 1 ? method : `${method} (${names.join(", ")})`)
    .join("; ");
}

function deviceRow(name: string, outcome: DeviceOutcome): string[] {
  const { kinds, coverage, medianError, worstError, forwards, error } = outcome;
  const covered = coverage.length === 0
    ? "-"
    : inLayers(Math.max(...coverage.map(({ uncovered }) => uncovered)));
  return [
    name,
    kindsText(kinds),
    covered,
    medianError === undefined ? "-" : percent(medianError),
    worstError === undefined ? "-" : percent(worstError),
    [
      ...forwards.length > 0 ? [sharesText(forwards)] : [],
      ...error === undefined ? [] : [error.replace(/^Fault: /, "")],
    ].join("; "),
  ].map(cell);
}

/** What of a forward the rows could be compared with. */
function sharesText(forwards: DeviceOutcome["forwards"]): string {
  const shares = forwards.map(({ comparedUs, forwardUs }) => comparedUs / forwardUs);
  const faults = [...new Set(forwards.flatMap((forward) => forward.faults))];
  if (faults.length === 0) {
    return forwards.length === 6 ? "measured" : `${forwards.length} of 6 forwards measured`;
  }
  const range = `${percent(Math.min(...shares), 0)} to ${
    percent(Math.max(...shares), 0)
  } of a forward compared`;
  return `${range}; ${faults.join("; ")}`;
}

function tinyRow(name: string, { kinds, draft, file, measured, predicted, engine }: TinyOutcome): string[] {
  const refusals = [draft, file, ...Object.values(measured), predicted]
    .flatMap((outcome) => "refused" in outcome ? [outcome.refused] : []);
  const rows = Object.values(measured).map((outcome) => "refused" in outcome ? "-" : String(outcome.rows));
  const failed = Object.values(measured).reduce(
    (sum, outcome) => sum + ("refused" in outcome ? 0 : outcome.failed),
    0,
  );
  const skipped = "refused" in predicted ? [] : predicted.skipped;
  const faults = [
    ...new Set(refusals.filter((reason) => reason !== "nothing was measured")),
    ...failed > 0 ? [`${plural(failed, "shot")} failed`] : [],
    ...skipped.length > 0 ? [`no times of ${skipped.join(", ")}`] : [],
  ];
  return [
    name,
    kindsText(kinds),
    "refused" in draft ? "-" : inLayers(draft.uncovered),
    "refused" in file ? "-" : inLayers(file.uncovered),
    "refused" in draft ? "-" : draft.asFile ? "the file's" : "another",
    rows.join(", "),
    faults.length === 0 ? `measured and predicted, ${engine}` : faults.join("; "),
  ].map(cell);
}

function kindsText(kinds: readonly string[]): string {
  const short = kinds.map((kind) => kind.replace(/\/plain$/, "").replace(/_attention\b/, ""));
  return [...new Set(short)].join(", ");
}

/** The share that belongs to layers; a hair less than all is told as such. */
function inLayers(uncovered: number): string {
  return percent(Math.floor((1 - uncovered) * 1e4) / 1e4, 2);
}

function percent(share: number, decimals = 1): string {
  return `${(100 * share).toFixed(decimals)}%`;
}

/** A text that cannot end its cell. */
function cell(text: string): string {
  return text.replaceAll("|", "\\|");
}

/** Replaces the table that has the same first column. */
function replaced(
  page: string,
  [columns, rows]: readonly [columns: readonly string[], rows: readonly (readonly string[])[]],
): string {
  const lines = page.split("\n");
  const start = lines.findIndex((line) => line.startsWith(`| ${columns[0]} `));
  if (start < 0) throw new RangeError(`The page has no table whose first column is '${columns[0]}'`);
  const length = lines.slice(start).findIndex((line) => !line.startsWith("|"));
  return lines.toSpliced(
    start,
    length < 0 ? lines.length - start : length,
    ...table(columns, rows).split("\n"),
  )
    .join("\n");
}
