/**
 * The bundles that are published: those of a folder whose journals are packed. A bundle that somebody is still working
 * on has a plain one.
 *
 * @module
 */
import { join } from "node:path";
import { type Bundle, openBundle } from "../../src/bundle/open.ts";
import type { Issue } from "../../src/bundle/issue.ts";
import { validate } from "../../src/check/validate.ts";
import { JOURNAL_FILE, readLines } from "../../src/journal/file.ts";
import type { JournalLine } from "../../src/journal/line.ts";
import { packedPath, readPlainOrPacked } from "../../src/journal/packed.ts";
import { type RooflineError, rooflineErrors } from "./roofline.ts";
import { type Tally, tally } from "./tally.ts";

/** A published bundle and what is told of it. */
export interface Published {
  /** The bundle. */
  readonly bundle: Bundle;
  /** Its hardware's name. */
  readonly hardware: string;
  /** Its model's name, without the organisation. */
  readonly model: string;
  /** Its page in the documentation, from the folder of the pages. */
  readonly page: string;
  /** What its journal tells. */
  readonly run: Tally;
  /** What `validate` finds. */
  readonly issues: readonly Issue[];
  /** How far the roofline estimate is from it. */
  readonly roofline: readonly RooflineError[];
}

/**
 * Reads the published bundles.
 *
 * @param perfDir The folder of the bundles.
 * @returns The bundles by hardware and model.
 */
export async function readPublished(perfDir: string): Promise<Published[]> {
  const found: Published[] = [];
  for (const dir of await packedBundles(perfDir)) found.push(await published(dir));
  return found;
}

async function published(dir: string): Promise<Published> {
  const bundle = await openBundle(dir);
  const [variant, model, _org, hardware] = dir.split("/").reverse() as [string, string, string, string];
  const lines: JournalLine[] = [];
  // Read without a check of every number: they are published, and there are many.
  const parse = (text: string): JournalLine => JSON.parse(text);
  const path = join(dir, JOURNAL_FILE);
  readLines(path, await readPlainOrPacked(path), (line) => void lines.push(line), parse);
  return {
    bundle,
    hardware,
    model,
    page: `bundles/${[hardware, model, variant].join("-")}.md`,
    run: tally(lines, bundle.meta.profiled_at!),
    issues: await validate(dir),
    roofline: await rooflineErrors(bundle),
  };
}

async function packedBundles(dir: string): Promise<string[]> {
  const found: string[] = [];
  for await (const { name, isDirectory } of Deno.readDir(dir)) {
    if (isDirectory) found.push(...await packedBundles(join(dir, name)));
    else if (name === packedPath(JOURNAL_FILE)) found.push(dir);
  }
  return found.sort();
}
