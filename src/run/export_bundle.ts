/**
 * A bundle with what a simulator needs beside it, in a folder that is laid over the simulator's own.
 *
 * @module
 */
import { dirname, join } from "node:path";
import { bundlePath } from "../bundle/layout.ts";
import { formatMeta, type Meta } from "../bundle/meta.ts";
import { openBundle, type WholeBundle } from "../bundle/open.ts";
import type { Simulator } from "../bundle/simulator.ts";
import { formatTable } from "../bundle/tables.ts";
import { countRows } from "../bundle/records.ts";
import { formatAttention } from "../bundle/whole_table.ts";
import { CONFIG_DIR } from "../config_dir.ts";
import { plural } from "../count_text.ts";
import { UsageError } from "../errors.ts";
import { formatJson } from "../files/json.ts";
import { readIfThere } from "../files/read.ts";
import { writeAtomic, writeError } from "../files/write.ts";
import { formatBlocks, formatSequence } from "../model/format_architecture.ts";
import { loadModel } from "../model/load_model.ts";
import type { Model } from "../model/model.ts";
import { draftLayer } from "../predict/iteration.ts";
import type { DeviceActivity } from "../predict/source.ts";
import { sustainedSource } from "../predict/sustained.ts";
import { newerVariant, variantNotices } from "../model/variant.ts";
import { loadHardware } from "../roofline/hardware.ts";
import { hostFiles, hostOf, type NetworkLink } from "./export_host.ts";

/** Options of {@linkcode exportBundle}. */
export interface ExportOptions {
  /** Who is to read it. */
  readonly simulator: Simulator;
  /** Folder that is written; it must not be there, or be empty. */
  readonly to: string;
  /** Folder of models, architectures and hardware sheets. @default {"the project's own"} */
  readonly configDir?: string;
  /**
   * Whether the tables are of a device at rest, as they were measured, or of one that is at work all the time
   * (`docs/sustained.md`), which is an estimate; meta.yaml says so.
   *
   * @default {"cool"}
   */
  readonly state?: DeviceActivity;
  /**
   * Bandwidth and latency between two devices; the network model of either simulator counts 2^30 bytes a GB.
   * @default {those of `hardware.yaml` in the hardware's folder, else fitted to `collectives.csv` there; without either,
   * no cluster of several devices is written}
   */
  readonly link?: NetworkLink;
}

/** What was written. */
export interface Exported {
  /** The bundle in the folder. */
  readonly bundleDir: string;
  /** Paths of the files in the folder. */
  readonly files: readonly string[];
  /** What was left out or is not as measured, in sentences. */
  readonly notes: readonly string[];
  /** The command that runs the simulator on the smallest degree. */
  readonly command: string;
}

/** Requests of the example. */
const REQUESTS = 10;
const PERF = "profiler/perf";
const EXAMPLE = "workloads/shotlab_example.jsonl";

/**
 * Writes a bundle for one of the simulators: laid over a checkout of it, it can be run with the command that stands in
 * its README.
 *
 * @param dir The bundle's folder.
 * @param options Who reads it, and where it goes.
 * @returns What was written, and what was left out.
 * @throws {UsageError} when the folder is in use, meta.yaml lacks a name, the model is not known, or the simulator has
 * no form for its architecture.
 *
 * @example
 * ```ts
 * import { exportBundle } from "shotlab";
 * import assert from "node:assert/strict";
 * const to = await Deno.makeTempDir();
 * const { files, command } = await exportBundle("perf/H100/meta-llama/Llama-3.1-8B/bf16", { simulator: "august", to });
 * assert.ok(files.length > 0 && command.length > 0);
 * await Deno.remove(to, { recursive: true });
 * ```
 */
export async function exportBundle(dir: string, options: ExportOptions): Promise<Exported> {
  const { simulator, to, configDir = CONFIG_DIR } = options;
  const bundle = await inState(dir, options.state ?? "cool");
  const { hardware, model: id, variant } = bundle.meta;
  if (hardware === undefined || id === undefined || variant === undefined) {
    throw new UsageError(`Cannot export ${dir}: its meta.yaml must name hardware, model and variant`);
  }
  await refuseUsed(to);
  const model = await loadModel(id, { configDir, download: false });
  const sheet = await loadHardware(hardware, configDir).catch((error: unknown) => {
    if (error instanceof UsageError) return null;
    throw error;
  });
  const notes: string[] = [];
  const host = await hostOf(bundle, sheet, notes);
  if (bundle.meta.state === "sustained") {
    notes.push(
      "The tables are an estimate for a device that is at work all the time, not as measured (state in meta.yaml)",
    );
  }
  const place = bundlePath(PERF, hardware, id, variant);
  const files = new Map<string, string | Uint8Array>([
    [`profiler/models/${model.architecture.modelType}.yaml`, architectureText(model, simulator, notes)],
    [`configs/model/${id}.json`, `${formatJson(model.config, 2)}\n`],
  ]);
  const meta = metaFor(bundle.meta, simulator, notes);
  const rows: Record<string, Record<string, number>> = {};
  for (const tp of bundle.tps) {
    const counts: Record<string, number> = rows[`tp${tp}`] = {};
    for (const [name, content] of await tablesFor(bundle, tp, simulator, notes)) {
      files.set(`${place}/tp${tp}/${name}.csv`, content);
      // A later fit has other rows.
      if (name !== "skew_fit") counts[name] = countRows(content);
    }
  }
  files.set(`${place}/meta.yaml`, formatMeta({ ...meta, rows }));
  variantNotes(model, variant, simulator, notes);
  const { clusters, others } = host === null ? { clusters: [], others: [] } : hostFiles(bundle, model, host, {
    simulator,
    link: options.link,
    hardwareDir: `${PERF}/${hardware}`,
    sheet: sheet === null ? null : {
      figures: sheet,
      from: `data sheet, ${configDir === CONFIG_DIR ? "configs" : configDir}/hardware/${hardware}.yaml`,
    },
  }, notes);
  if (host === null) {
    notes.push(
      `No sheet configs/hardware/${hardware}.yaml: cluster files${
        simulator === "v1.2" ? " and hardware.yaml" : ""
      } are left out, as nobody says how much memory the device has`,
    );
  }
  for (const { path, text } of [...clusters, ...others]) files.set(path, text);
  files.set(EXAMPLE, exampleRequests());
  const command = commandOf(bundle.meta, clusters[0]?.path ?? "configs/cluster/<yours>.json");
  files.set("README.md", readme(bundle, simulator, command, notes));
  for (const [path, content] of files) {
    const target = join(to, path);
    await Deno.mkdir(dirname(target), { recursive: true }).catch((cause) => {
      throw writeError(target, cause);
    });
    await writeAtomic(target, content);
  }
  return { bundleDir: join(to, place), files: [...files.keys()].sort(), notes, command };
}

/** The bundle, with the times of a device in some state. */
async function inState(dir: string, state: DeviceActivity): Promise<WholeBundle> {
  const bundle = await openBundle(dir);
  if (state === "cool") return bundle;
  const { table, kernels } = sustainedSource(bundle);
  return { ...bundle, meta: { ...bundle.meta, state }, table, kernels: kernels! };
}

async function refuseUsed(to: string): Promise<void> {
  try {
    for await (const { name } of Deno.readDir(to)) {
      throw new UsageError(
        `Cannot export to ${to}: the folder must be empty, but has ${name}; choose another one`,
      );
    }
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
}

function architectureText(model: Model, simulator: Simulator, notes: string[]): string {
  const { architecture } = model;
  if (simulator === "august") return formatSequence(architecture);
  return formatBlocks(withDraftLayer(model, notes), [architecture.modelType]);
}

/** The architecture with the kind of its drafter's decoder layer, which v1.2 reads from the file alone. */
function withDraftLayer(model: Model, notes: string[]): Model["architecture"] {
  const { architecture } = model;
  const { mtp } = architecture;
  if (mtp === undefined) return architecture;
  try {
    const { attn, mlp, sparse } = draftLayer(model, mtp);
    if (mlp === "none") return architecture;
    return { ...architecture, mtp: { ...mtp, decoder_block: { attn, mlp, ...sparse && { sparse } } } };
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    notes.push(`The architecture's mtp is as in our file, without a whole decoder_block: ${error.message}`);
    return architecture;
  }
}

/** August corrects by a fit that was kept; v1.2 refuses a fit of August's form that is on. */
function metaFor(meta: Meta, simulator: Simulator, notes: string[]): Meta {
  const { skew_fit: fit } = meta;
  if (fit === undefined) return meta;
  const entries = Object.values(fit.per_tp ?? {});
  const calibrated = entries.some((entry) => "schema" in entry);
  if (simulator === "august" && fit.kept !== undefined) {
    const { kept: _, ...rest } = fit;
    return { ...meta, skew_fit: { ...rest, enabled: true } };
  }
  if (simulator === "v1.2" && fit.enabled && meta.state === "sustained") {
    notes.push("skew_fit is off: its alphas were made for the times as measured");
    return { ...meta, skew_fit: { ...fit, enabled: false } };
  }
  if (simulator === "v1.2" && fit.enabled && !calibrated) {
    notes.push(
      "The alphas are August's: skew_fit is off, as v1.2 refuses them; `shotlab fit --simulator v1.2` makes its own",
    );
    return { ...meta, skew_fit: { ...fit, enabled: false } };
  }
  if (simulator === "v1.2" && !fit.enabled) {
    notes.push(
      "skew_fit is off: times of unlike histories are not corrected; `shotlab fit --simulator v1.2` makes alphas",
    );
  }
  return meta;
}

/** The tables that a simulator opens; hashes hold, as files that it takes as they are keep their bytes. */
async function tablesFor(
  bundle: WholeBundle,
  tp: number,
  simulator: Simulator,
  notes: string[],
): Promise<[name: string, content: string | Uint8Array][]> {
  const newer = simulator === "v1.2";
  const names = ["dense", "per_sequence", "attention", "moe", "skew_fit"];
  if (newer) names.push("linear_attention", "mtp", "skew");
  const files: [string, string | Uint8Array][] = [];
  for (const name of names) {
    const bytes = await readIfThere(join(bundle.dir, `tp${tp}`, `${name}.csv`));
    if (bytes === null) continue;
    const text = bundle.meta.state === "sustained"
      ? sustainedText(bundle, tp, name)
      : newer
      ? null
      : augustText(bundle, tp, name, notes);
    files.push([name, text ?? bytes]);
  }
  // No simulator opens it, but without it rows that were predicted would pass for measured.
  const estimated = await readIfThere(join(bundle.dir, `tp${tp}`, "estimated.csv"));
  if (estimated !== null) files.push(["estimated", estimated]);
  const left = await Array.fromAsync(Deno.readDir(join(bundle.dir, `tp${tp}`)), ({ name }) => name);
  const others = left.filter((name) => !files.some(([taken]) => `${taken}.csv` === name)).sort();
  if (others.length > 0) {
    notes.push(`tp${tp}: ${others.join(", ")} left out, which the simulator does not open`);
  }
  return files;
}

/** A table of a device that is at work; null of those that have no times of layers. */
function sustainedText(bundle: WholeBundle, tp: number, name: string): string | null {
  switch (name) {
    case "attention":
      return formatAttention(bundle.table(tp, name));
    case "dense":
    case "per_sequence":
    case "linear_attention":
    case "moe":
      return formatTable(name, bundle.table(tp, name));
    default:
      return null;
  }
}

/** A table without the rows that August would mix; null where it takes the file as it is. */
function augustText(bundle: WholeBundle, tp: number, name: string, notes: string[]): string | null {
  if (name !== "attention" && name !== "moe") return null;
  const kernels = bundle.kernels(tp, name);
  const rows = bundle.table(tp, name);
  const all = [...kernels.values()].flatMap((splits) => [...splits.values()]).reduce(
    (sum, own) => sum + own.length,
    0,
  );
  const inAugust = rows.every(({ key }) => Number.isInteger(key[1]));
  if (all === rows.length && (name === "moe" || inAugust) && bundle.simulator === "august") return null;
  if (all > rows.length) {
    notes.push(
      `tp${tp}/${name}.csv: ${plural(all - rows.length, "row")} left out that August has no place for (${
        name === "moe" ? "experts on several devices" : "other kernels, several new tokens a decode"
      })`,
    );
  }
  return name === "moe" ? formatTable("moe", rows) : formatAttention(rows);
}

function variantNotes(model: Model, variant: string, simulator: Simulator, notes: string[]): void {
  const { config } = model;
  if (simulator === "august") {
    notes.push(...variantNotices({ config, dtype: null, kvCacheDtype: null, variant }));
    return;
  }
  const wanted = newerVariant(config);
  if (wanted !== variant) {
    notes.push(`v1.2 looks for the variant ${wanted} of this model and will not find ${variant}`);
  }
}

/** Ten requests, one every 100 ms. */
function exampleRequests(): string {
  const lines = Array.from({ length: REQUESTS }, (_, i) =>
    JSON.stringify({
      input_toks: 128 * (1 + i % 4),
      output_toks: 32,
      arrival_time_ns: 1 + i * 100_000_000,
    }));
  return `${lines.join("\n")}\n`;
}

function commandOf(
  { engine_effective: engine, kv_block_size: block, engine_resolved: resolved }: Meta,
  cluster: string,
): string {
  const size = Object.values(resolved?.per_tp ?? {})[0]?.block_size ?? block;
  return [
    "python -m serving",
    `--cluster-config ${cluster}`,
    `--dataset ${EXAMPLE} --num-reqs ${REQUESTS}`,
    "--no-enable-prefix-caching",
    ...engine?.max_num_batched_tokens === undefined
      ? []
      : [`--max-num-batched-tokens ${engine.max_num_batched_tokens}`],
    ...engine?.max_num_seqs === undefined ? [] : [`--max-num-seqs ${engine.max_num_seqs}`],
    ...size === undefined ? [] : [`--block-size ${size}`],
  ].join(" \\\n  ");
}

function readme(
  { meta }: WholeBundle,
  simulator: Simulator,
  command: string,
  notes: readonly string[],
): string {
  const { hardware, model, variant } = meta;
  const name = simulator === "august"
    ? "LLMServingSim 2.0 of August 2026 (commit 5daddb2)"
    : "LLMServingSim v1.2";
  return `# ${model} on ${hardware}, ${variant}, for ${name}

Copy this folder over a checkout of the simulator (\`cp -r . <checkout>/\`), then run there:

\`\`\`sh
${command}
\`\`\`

The times are those of the bundle. Memory size and bandwidth are the data sheet's, unless hardware.yaml of the bundle's
hardware says otherwise; what is measured, fitted or assumed beside them:

${notes.map((note) => `- ${note}`).join("\n")}
`;
}
