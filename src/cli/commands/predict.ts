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
import { bundleExpertKernel } from "../../predict/expert_tiles.ts";
import { LookupError } from "../../predict/lookup_error.ts";
import { predictor } from "../../predict/predictor.ts";
import type { DeviceActivity } from "../../predict/source.ts";
import { formatCount } from "../../count_text.ts";
import { examples, type Run, simulatorFlag, stateFlag, verboseFlag } from "../command.ts";
import { answer, parseQuery } from "../queries.ts";
import type { Terminal } from "../terminal.ts";

/** The file of queries, where architectures and models are, and whose answers are wanted. */
type PredictFlags = {
  readonly queries: string;
  readonly configDir: string;
  readonly simulator?: Simulator;
  readonly state: DeviceActivity;
};

const QUERIES = `

Queries, JSON Lines; decodes are [KV length, count], prefills [chunk, history]:
  {"kind":"iteration","tp":1,"model":"a/b","prefills":[],"decodes":[[4096,32]]}
  {"kind":"batch","tp":1,"prefills":[[512,0]],"decodes":[[4096,32]]}
  {"kind":"dense","tp":1,"layer":"qkv_proj","tokens":512}
  {"kind":"per_sequence","tp":1,"layer":"lm_head","sequences":32}
  {"kind":"moe","tokens":64,"activated_experts":32}
and attention: tp, prefill_chunk, kv_prefill (v1.2: prefill_key), n_decode,
kv_decode; linear_attention: tp, layer, prefill_tokens, n_decode; mtp: tp,
layer, sequences.`;

/**
 * Declares the command.
 *
 * @param command What is declared.
 * @param run Runs its body.
 */
export function declare(command: Command, run: Run): void {
  command
    .description(
      "Answers each query of a file with a line of JSON; one that cannot be answered says why. Exits with 1 when none " +
        "could be answered.",
    )
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
    .addHelpText(
      "after",
      examples("predict perf/H100/meta-llama/Llama-3.1-8B/bf16 --queries queries.jsonl") + QUERIES,
    )
    .action((dir: string, flags: PredictFlags) => run((terminal) => answerAll(dir, flags, terminal)));
}

/** Answers the queries of a file, one line of JSON each; exits with 1 when none could be answered. */
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
  const expertKernel = await bundleExpertKernel(bundle, configDir);
  const models = new Map<string, Promise<Model>>();
  let [asked, failed] = [0, 0];
  for (const line of (await readText(queries)).split("\n")) {
    if (line.trim() === "") continue;
    const answered = await answerOf(line);
    asked++;
    if (answered["error"] !== undefined) failed++;
    terminal.out(`${JSON.stringify(answered)}\n`);
  }
  if (asked === 0 || failed < asked) return 0;
  terminal.err(
    `error: Cannot answer ${asked === 1 ? "the query" : `any of ${formatCount(asked)} queries`}\n`,
  );
  return 1;

  function modelOf(id: string): Promise<Model> {
    let model = models.get(id);
    if (model === undefined) models.set(id, model = loadModel(id, { configDir, download: false }));
    return model;
  }

  async function answerOf(line: string): Promise<Record<string, unknown>> {
    try {
      const query = parseQuery(line);
      return query.kind === "iteration"
        ? answer(source, line, await modelOf(query.model), expertKernel)
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
