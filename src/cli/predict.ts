/**
 * `shotlab predict`.
 *
 * @module
 */
import { openBundle } from "../bundle/open.ts";
import { UsageError } from "../errors.ts";
import { loadArchitecture } from "../model/architecture.ts";
import { listFiles } from "../model/list_files.ts";
import type { Architecture } from "../model/model.ts";
import { LookupError } from "../predict/lookup_error.ts";
import { predictor } from "../predict/predictor.ts";
import { answer } from "./queries.ts";
import type { Terminal } from "./terminal.ts";

/**
 * Answers the queries of a file, one line of JSON each.
 *
 * @param dir The bundle's folder.
 * @param options `queries`: the file; `configDir`: where the architecture files are.
 * @param terminal Where the answers go.
 * @returns The exit status, 0: a query that cannot be answered says so on its line.
 * @throws {UsageError} when the bundle or the file cannot be read.
 */
export async function predictCommand(
  dir: string,
  { queries, configDir }: { readonly queries: string; readonly configDir: string },
  terminal: Pick<Terminal, "out">,
): Promise<number> {
  const bundle = await openBundle(dir);
  const architecture = await architectureOf(bundle.meta.architecture, configDir);
  const source = predictor(bundle, { ...architecture && { architecture } });
  for (const line of (await read(queries)).split("\n")) {
    if (line.trim() === "") continue;
    terminal.out(`${JSON.stringify(answerOf(line))}\n`);
  }
  return 0;

  function answerOf(line: string): Record<string, unknown> {
    try {
      return answer(source, line);
    } catch (error) {
      if (!(error instanceof LookupError || error instanceof UsageError)) throw error;
      return { error: error.message };
    }
  }
}

/** A bundle of an architecture without a file is read as it is: its folders have copies of what no degree changes. */
async function architectureOf(name: string | undefined, configDir: string): Promise<Architecture | null> {
  if (name === undefined) return null;
  const known = await listFiles(`${configDir}/architecture`, ".yaml");
  return known.includes(name) ? await loadArchitecture(name, configDir) : null;
}

async function read(path: string): Promise<string> {
  try {
    return await Deno.readTextFile(path);
  } catch (cause) {
    throw new UsageError(`Cannot read ${path}: ${(cause as Error).message}`, { cause });
  }
}
