/**
 * `shotlab predict`.
 *
 * @module
 */
import { Argument, type Command } from "commander";
import { openBundle } from "../../bundle/open.ts";
import { UsageError } from "../../errors.ts";
import { readText } from "../../files/read_text.ts";
import { loadArchitecture } from "../../model/architecture.ts";
import { listFiles } from "../../model/list_files.ts";
import type { Architecture } from "../../model/model.ts";
import { LookupError } from "../../predict/lookup_error.ts";
import { predictor } from "../../predict/predictor.ts";
import { type Run, verboseFlag } from "../command.ts";
import { answer } from "../queries.ts";
import type { Terminal } from "../terminal.ts";

/** The file of queries, and where the architecture files are. */
type PredictFlags = { readonly queries: string; readonly configDir: string };

/**
 * Declares the command.
 *
 * @param command What is declared.
 * @param run Runs its body.
 */
export function declare(command: Command, run: Run): void {
  command
    .description("Answers each query of a file with a line of JSON; one that cannot be answered says why.")
    .addArgument(new Argument("<bundle>", "The bundle's folder"))
    .requiredOption("--queries <file>", "The queries, JSON Lines")
    .option(
      "--config-dir <folder>",
      "Where architecture files are, for layers that no degree changes",
      "configs",
    )
    .addOption(verboseFlag())
    .action((dir: string, flags: PredictFlags) => run((terminal) => answerAll(dir, flags, terminal)));
}

/** Answers the queries of a file, one line of JSON each. */
async function answerAll(
  dir: string,
  { queries, configDir }: PredictFlags,
  terminal: Pick<Terminal, "out">,
): Promise<number> {
  const bundle = await openBundle(dir);
  const architecture = await architectureOf(bundle.meta.architecture, configDir);
  const source = predictor(bundle, { ...architecture && { architecture } });
  for (const line of (await readText(queries)).split("\n")) {
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
