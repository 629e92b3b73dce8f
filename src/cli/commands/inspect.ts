/**
 * `shotlab inspect`.
 *
 * @module
 */
import type { Command } from "commander";
import { writeAtomic } from "../../files/write.ts";
import type { WalkCoverage } from "../../inspect/coverage.ts";
import { architectureCoverage, inspectModel, type InspectOptions } from "../../inspect/inspect_model.ts";
import { openHarness } from "../../harness/open.ts";
import { loadConfig, loadModel } from "../../model/load_model.ts";
import { resolveFlags } from "../../settings.ts";
import { tableText } from "../../view/table.ts";
import { formatShare } from "../../view/text.ts";
import { examples, type Run } from "../command.ts";
import { addFlags, type Flags, settingsAmong } from "../flags.ts";
import type { Terminal } from "../terminal.ts";

type InspectFlags = Flags & { readonly out?: string; readonly coverage?: boolean };

/**
 * Declares the command.
 *
 * @param command What is declared.
 * @param run Runs its body.
 */
export function declare(command: Command, run: Run): void {
  command
    .description(
      "Drafts the architecture file of a model that none describes yet: boots a layer of each kind, walks a prefill, " +
        "a decode and a batch of both, and names what runs; exits with 1 when the engine cannot boot the model, or " +
        "layers cover too little of it.",
    )
    .optionsGroup("Files to read and write:")
    .option("--out <file>", "Write the architecture here (default: print it)")
    .option("--coverage", "Say what the model's own architecture file covers, and draft nothing");
  addFlags(command, ["What to measure", "Engine", "Files", "Run"], [
    "hardware",
    "tpDegrees",
    "variant",
    "shotTimeoutS",
    "perfDir",
    "seed",
    "force",
    "yes",
    "exactGrid",
    "retryFailed",
    "allowMixed",
  ])
    .addHelpText(
      "after",
      examples("inspect --model google/gemma-3-27b-it --out configs/architecture/gemma3_text.yaml"),
    )
    .action((flags: InspectFlags) => run((terminal) => inspect(flags, terminal)));
}

/** Drafts an architecture, or says what one covers. */
async function inspect(
  { out, coverage = false, ...flags }: InspectFlags,
  terminal: Terminal,
): Promise<number> {
  const settings = resolveFlags({ hardware: "any", ...settingsAmong(flags) }, terminal.env);
  const { signal } = terminal;
  const silent = settings.verbosity === "silent";
  const say = (step: string): void => silent ? undefined : terminal.err(`${step}\n`);
  const model = coverage
    ? await loadModel(settings.model, { ...settings, signal, onDownload: say })
    : await loadConfig(settings.model, { ...settings, signal, onDownload: say });
  await using harness = await openHarness(settings.harness, {
    ...settings,
    signal,
    ...settings.verbosity === "verbose" && { onLog: (line: string) => terminal.err(`${line}\n`) },
  });
  const options: InspectOptions = {
    harness,
    dtype: settings.dtype ?? "auto",
    kvCacheDtype: settings.kvCacheDtype,
    signal,
    onStep: say,
  };
  if ("architecture" in model) {
    terminal.out(coverageText((await architectureCoverage(model, options)).coverage));
    return 0;
  }
  const found = await inspectModel(model, options);
  if (out === undefined) terminal.out(found.text);
  else await writeAtomic(out, found.text);
  if (!silent) terminal.err(coverageText(found.coverage));
  return 0;
}

function coverageText(coverage: readonly WalkCoverage[]): string {
  const rows = coverage.map(({ batch, uncovered, modules, totalUs, outsideUs }) => ({
    batch,
    covered: formatShare(1 - uncovered),
    "not covered, most": modules.length === 0
      ? "-"
      : `${modules[0]!.module} ${formatShare(modules[0]!.share)}`,
    "model, µs": Math.round(totalUs),
    "around it, µs": Math.round(outsideUs),
  }));
  return `${tableText(rows, { rows: Infinity })}\n`;
}
