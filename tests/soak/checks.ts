/** What has to hold of a bundle after a soak. */
import { tablePath } from "../../src/bundle/layout.ts";
import { openBundle } from "../../src/bundle/open.ts";
import { validate } from "../../src/check/validate.ts";
import { JOURNAL_FILE, readJournal } from "../../src/journal/file.ts";
import { shotText } from "../../src/shots/shot_id.ts";

/** What the journal of a soaked bundle has. */
export interface Counted {
  /** Shots that were measured, and how many of them more than once. */
  readonly shots: number;
  readonly repeated: number;
  /** Shots that failed, and how many of them were never measured. */
  readonly failures: number;
  readonly unmeasured: number;
  /** Writers that recorded something, and sentinels. */
  readonly sessions: number;
  readonly sentinels: number;
}

/** Counts the lines of a bundle's journal. */
export async function countJournal(bundle: string): Promise<Counted> {
  const measured = new Map<string, number>();
  const failed = new Map<string, number>();
  const add = (counts: Map<string, number>, text: string): void =>
    void counts.set(text, (counts.get(text) ?? 0) + 1);
  let sessions = 0;
  let sentinels = 0;
  await readJournal(`${bundle}/${JOURNAL_FILE}`, (line) => {
    if (line.type === "session") sessions++;
    if (line.type === "sentinel") sentinels++;
    if (line.type === "shot") add(measured, shotText(line));
    if (line.type === "failed") add(failed, shotText(line));
  });
  return {
    shots: measured.size,
    repeated: [...measured.values()].filter((count) => count > 1).length,
    failures: [...failed.values()].reduce((sum, count) => sum + count, 0),
    unmeasured: [...failed.keys()].filter((text) => !measured.has(text)).length,
    sessions,
    sentinels,
  };
}

/**
 * Compares a soaked bundle with that of the same run without kills: the same tables to the byte, files that are valid,
 * and nothing else in its folder.
 *
 * @param bundle The soaked bundle's folder.
 * @param undisturbed The other's.
 * @returns What does not hold, in sentences.
 */
export async function faultsOf(bundle: string, undisturbed: string): Promise<string[]> {
  const faults: string[] = [];
  const { tps } = await openBundle(undisturbed);
  for (const tp of tps) {
    for (const table of ["dense", "per_sequence", "attention", "skew", "skew_fit"] as const) {
      const [was, is] = [tablePath(undisturbed, tp, table), tablePath(bundle, tp, table)];
      if (await textOf(was) !== await textOf(is)) faults.push(`${is} has other rows than ${was}`);
    }
  }
  const errors = (await validate(bundle)).filter(({ severity }) => severity === "error");
  faults.push(...errors.map(({ path, message }) => `${path}: ${message}`));
  const known = new Set(await filesOf(undisturbed));
  faults.push(
    ...(await filesOf(bundle)).filter((file) => !known.has(file)).map((file) => `${file} was left`),
  );
  return faults;
}

async function textOf(path: string): Promise<string> {
  return await Deno.readTextFile(path).catch(() => "");
}

async function filesOf(dir: string): Promise<string[]> {
  const names: string[] = [];
  for await (const { name, isDirectory } of Deno.readDir(dir)) {
    if (isDirectory) names.push(...(await filesOf(`${dir}/${name}`)).map((inner) => `${name}/${inner}`));
    else names.push(name);
  }
  return names;
}
