/**
 * What becomes of rows that a bundle has beside a plan: they are kept and told, or moved into the archive.
 *
 * @module
 */
import { dirname, join } from "node:path";
import { formatSkew, readSkew, type SkewRow } from "../bundle/skew.ts";
import { formatRows, type Row } from "../bundle/tables.ts";
import { readWholeTable, shotRows } from "../bundle/whole_table.ts";
import { plural } from "../count_text.ts";
import type { Sweep } from "../shots/plan_sweeps.ts";
import { type Category, SKEW_KEY, type SweepCategory } from "../shots/shot.ts";
import { readIfThere, readTextIfThere } from "../files/read.ts";
import { writeError } from "../files/write.ts";
import type { ArchivedLine, RestoredLine } from "../journal/line.ts";
import { type ExtraKeys, extraKeysNotice, findExtraKeys } from "./extra_keys.ts";
import { type ShotRows, tableOf } from "./rows.ts";
import { idOf, rowText, shotText } from "../shots/shot_id.ts";
import { skewTimesOf } from "./skew_times.ts";
import type { BundleState } from "./state.ts";

/** The bundle whose rows are settled. */
export interface Reconciling {
  /** Its folder. */
  readonly dir: string;
  /** What it holds. */
  readonly state: Pick<BundleState, "rows" | "skew" | "archived">;
  /** The rows of its skew cases at a degree. */
  readonly skewRows: (tp: number) => readonly SkewRow[];
  /** Writes a whole file. */
  readonly write: (path: string, text: string) => Promise<void>;
  /** Records in the journal that a shot was archived or restored, which changes the state. */
  readonly record: (line: ArchivedLine | RestoredLine) => void;
}

/**
 * Settles what a table has beside the plan, and takes back what the plan has of the archive.
 *
 * @param sweep The planned shots.
 * @param exact Whether the table is to have the plan's rows alone.
 * @param bundle The bundle.
 * @returns What a user should know, in sentences.
 * @throws {UsageError} when the disk refuses.
 */
export async function reconcileGrid(sweep: Sweep, exact: boolean, bundle: Reconciling): Promise<string[]> {
  const { tp, category, shots } = sweep;
  const restored = await restore(sweep, bundle);
  const strays = findExtraKeys(tp, category, shots, keysOf(sweep, bundle));
  if (strays === null) return restored;
  if (!exact) return [...restored, extraKeysNotice(bundle.dir, strays)];
  const path = archivePath(bundle.dir, tp, category);
  await addToArchive(path, (before) => merged(before, path, strays, bundle), bundle.write);
  for (const key of strays.keys) bundle.record({ type: "archived", category, tp, key });
  return [
    ...restored,
    `${plural(strays.keys.length, "key")} that the plan does not have ${
      strays.keys.length === 1 ? "was" : "were"
    } moved into ${path}`,
  ];
}

/** Takes planned shots back from the archive, in place of measuring them twice. */
async function restore({ tp, category, shots }: Sweep, bundle: Reconciling): Promise<string[]> {
  const { archived } = bundle.state;
  if (archived.size === 0) return [];
  const wanted = shots.flatMap((shot) => archived.get(shotText(idOf(shot))) ?? []);
  if (wanted.length === 0) return [];
  const path = archivePath(bundle.dir, tp, category);
  const inFile = wanted.every(({ had }) => had !== null) ? new Map() : await rowsByKey(path, category);
  let count = 0;
  for (const shot of wanted) {
    const had = shot.had ?? inFile.get(shot.key.join());
    if (had === undefined) continue;
    const id = { category, tp, key: shot.key };
    archived.set(shotText(id), { ...id, had });
    bundle.record({ type: "restored", ...id });
    count++;
  }
  return count === 0 ? [] : [
    `${plural(count, "key")} that the plan has again ${count === 1 ? "was" : "were"} taken back from ${path}`,
  ];
}

/** The rows of an archived table, by key. */
async function rowsByKey(path: string, category: SweepCategory): Promise<Map<string, ShotRows>> {
  const text = await readTextIfThere(path) ?? "";
  if (category === "skew") {
    const { rows } = readSkew(text, path);
    return new Map(
      rows.map((row) => [SKEW_KEY.map((column) => row[column]).join(), { rows: [], skewRow: row }]),
    );
  }
  const byKey = Map.groupBy(
    shotRows(category, readWholeTable(category, text, path)),
    ({ key }) => key.join(),
  );
  return new Map([...byKey].map(([key, rows]) => [key, { rows }]));
}

function keysOf({ tp, category }: Sweep, { state }: Reconciling): Iterable<readonly number[]> {
  if (category !== "skew") return [...tableOf(state.rows, tp, category).values()].map(({ key }) => key);
  const { rows, skewed } = skewTimesOf(state.skew, tp);
  return [...new Set([...rows.keys(), ...skewed.keys()])].map((text) => text.split(",").map(Number));
}

/** An archived table with the strays' rows, which take the place of those of the same keys. */
function merged(
  before: string | null,
  path: string,
  { tp, category, keys }: ExtraKeys,
  bundle: Reconciling,
): string {
  const texts = new Set(keys.map((key) => key.join()));
  if (category === "skew") {
    const textOf = (row: SkewRow): string => SKEW_KEY.map((column) => row[column]).join();
    const old = before === null ? [] : readSkew(before, path).rows;
    const rows = bundle.skewRows(tp).filter((row) => texts.has(textOf(row)));
    return formatSkew(unique([...old, ...rows], textOf));
  }
  const old = before === null ? [] : shotRows(category, readWholeTable(category, before, path));
  const rows = rowsAt(bundle, tp, category).filter(({ key }) => texts.has(key.join()));
  return formatRows(category, unique([...old, ...rows], ({ layer, key }) => rowText(layer, key)));
}

function rowsAt({ state }: Reconciling, tp: number, category: Category): Row[] {
  return [...tableOf(state.rows, tp, category).values()];
}

function unique<T>(rows: readonly T[], textOf: (row: T) => string): T[] {
  return [...new Map(rows.map((row) => [textOf(row), row])).values()];
}

/**
 * The path of an archived table.
 *
 * @param dir The bundle's folder.
 * @param tp Tensor-parallel degree.
 * @param category The category.
 * @returns The path, in a folder that simulators do not look into.
 */
function archivePath(dir: string, tp: number, category: SweepCategory): string {
  return join(dir, "archive", `tp${tp}`, `${category}.csv`);
}

/**
 * Rewrites an archived table.
 *
 * @param path The table.
 * @param merged Its new text, made from the one before; that is null when there is no table.
 * @param write Writes a whole file.
 * @throws {UsageError} when the disk refuses; the table there is whole nevertheless.
 */
async function addToArchive(
  path: string,
  merged: (before: string | null) => string,
  write: (path: string, text: string) => Promise<void>,
): Promise<void> {
  const bytes = await readIfThere(path);
  await Deno.mkdir(dirname(path), { recursive: true }).catch((cause) => {
    throw writeError(path, cause);
  });
  await write(path, merged(bytes === null ? null : new TextDecoder().decode(bytes)));
}
