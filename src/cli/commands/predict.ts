/**
 * `shotlab predict`.
 *
 * @module
 */
import { Argument, type Command } from "commander";
import { CONFIG_DIR } from "../../config_dir.ts";
import { openBundle } from "../../bundle/open.ts";
import type { Simulator } from "../../bundle/simulator.ts";
import { UsageError } from "../../errors.ts";
import { readText } from "../../files/read.ts";
import { loadArchitecture } from "../../model/architecture.ts";
import { listFiles } from "../../model/list_files.ts";
import { loadModel } from "../../model/load_model.ts";
import type { Architecture, Model } from "../../model/model.ts";
import { LookupError } from "../../predict/lookup_error.ts";
import { predictor } from "../../predict/predictor.ts";
import type { DeviceActivity } from "../../predict/source.ts";
import { type Run, simulatorFlag, stateFlag, verboseFlag } from "../command.ts";
import { answer, parseQuery } from "../queries.ts";
import type { Terminal } from "../terminal.ts";

/** The file of queries, where architectures and models are, and whose answers are wanted. */
type PredictFlags = {
  readonly queries: string;
  readonly configDir: string;
  readonly simulator?: Simulator;
  readonly state: DeviceActivity;
};

const EXAMPLES = `
Examples of queries:
  {"kind":"batch","tp":1,"prefills":[[512,0]],"decodes":[[4096,32]]}
  {"kind":"iteration","tp":1,"ep":1,"model":"org/name","prefills":[[512,0]],"decodes":[[4096,32]]}
  {"kind":"attention","tp":1,"prefill_chunk":512,"prefill_key":768,"n_decode":4,"kv_decode":128}
`;

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
      "Where architectures and models are, for layers that no degree changes and for iterations",
      CONFIG_DIR,
    )
    .addOption(simulatorFlag("Whose answers; without it those of the simulator that the bundle is for"))
    .addOption(stateFlag())
    .addOption(verboseFlag())
    .addHelpText("after", EXAMPLES)
    .action((dir: string, flags: PredictFlags) => run((terminal) => answerAll(dir, flags, terminal)));
}

/** Answers the queries of a file, one line of JSON each. */
async function answerAll(
  dir: string,
  { queries, configDir, simulator, state }: PredictFlags,
  terminal: Pick<Terminal, "out" | "err">,
): Promise<number> {
  const bundle = await openBundle(dir);
  const architecture = await architectureOf(bundle.meta.architecture, configDir);
  const source = predictor(bundle, {
    ...architecture && { architecture },
    ...simulator && { simulator },
    state,
    notice: (sentence) => terminal.err(`${sentence}\n`),
  });
  const models = new Map<string, Promise<Model>>();
  for (const line of (await readText(queries)).split("\n")) {
    if (line.trim() === "") continue;
    terminal.out(`${JSON.stringify(await answerOf(line))}\n`);
  }
  return 0;

  function modelOf(id: string): Promise<Model> {
    let model = models.get(id);
    if (model === undefined) models.set(id, model = loadModel(id, { configDir, download: false }));
    return model;
  }

  async function answerOf(line: string): Promise<Record<string, unknown>> {
    try {
      const query = parseQuery(line);
      return query.kind === "iteration"
        ? answer(source, line, await modelOf(query.model))
        : answer(source, line);
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
