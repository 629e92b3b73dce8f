/**
 * `shotlab profile-all`.
 *
 * @module
 */
import type { Command } from "commander";
import { requireConfigDir } from "../../config_dir.ts";
import { readText } from "../../files/read.ts";
import { formatDuration } from "../../progress/duration.ts";
import { DEFAULT_MODELS, measuredBefore, type ModelOutcome, profileOne } from "../../run/profile_all.ts";
import { parseModelsFile, resolveModels } from "../../settings/models_file.ts";
import { GROUPS } from "../../settings/table.ts";
import { keepHarnesses } from "../../workers/harness_keeper.ts";
import { examples, type Run } from "../command.ts";
import { addFlags, type Flags, PRESETS_HELP, SETTINGS_HELP, settingsAmong } from "../flags.ts";
import { showProgress } from "../progress.ts";
import { FAILED } from "../report_error.ts";
import { doubtText } from "../run_and_report.ts";
import type { Terminal } from "../terminal.ts";

/** What the command takes beside settings. */
interface ProfileAllFlags {
  /** YAML file of models and settings. */
  readonly file?: string;
  /** `<org>/<name>` of the models, joined by commas. */
  readonly models?: string;
}

/**
 * Declares the command.
 *
 * @param command What is declared.
 * @param run Runs its body.
 */
export function declare(command: Command, run: Run): void {
  command
    .description(
      "Measures several models one after the other; one that fails does not stop the others. " +
        "Called again, it resumes from what the bundles have. With --adaptive or --budget each model leans on those " +
        "before it.",
    )
    .optionsGroup("Models:")
    .option(
      "--models <list>",
      "Names <org>/<name>, joined by commas (default: those of the file, or the reference's)",
    )
    .option("--file <file>", "Models and settings, YAML; flags win over it");
  addFlags(command, GROUPS, ["model"])
    .addHelpText("after", PRESETS_HELP)
    .addHelpText("after", SETTINGS_HELP)
    .addHelpText(
      "after",
      examples("profile-all --models meta-llama/Llama-3.1-8B,Qwen/Qwen3-32B --hardware H100"),
    )
    .action((flags: Flags & ProfileAllFlags) => run((terminal) => profileModels(flags, terminal)));
}

/** Profiles several models one after the other and prints what became of each. */
async function profileModels(
  { file: path, models: named, ...flags }: Flags & ProfileAllFlags,
  terminal: Terminal,
): Promise<number> {
  const file = path === undefined
    ? { common: {}, models: null }
    : parseModelsFile(await readText(path), path);
  const models = named?.split(",") ?? file.models?.map(({ model }) => model) ?? DEFAULT_MODELS;
  const all = resolveModels(file, models, settingsAmong(flags), terminal.env);
  for (const { configDir } of all) await requireConfigDir(configDir);
  const outcomes: ModelOutcome[] = [];
  await using harnesses = keepHarnesses();
  try {
    for (const [index, settings] of all.entries()) {
      const view = showProgress(terminal, settings.verbosity);
      if (settings.verbosity !== "silent") view.line(`${settings.model} (${index + 1} of ${all.length})`);
      const onLog = settings.verbosity === "verbose" ? { onLog: view.line } : {};
      try {
        outcomes.push(
          await profileOne(settings, {
            ...{ signal: terminal.signal, onEvent: view.event, earlier: measuredBefore(outcomes, settings) },
            ...terminal.confirm && { confirm: terminal.confirm },
            ...onLog,
          }, harnesses),
        );
      } finally {
        view.close();
      }
      const { error, inDoubt } = outcomes.at(-1)!;
      if (error !== null) terminal.err(`error: ${error.message}\n`);
      if (inDoubt > 0) terminal.err(doubtText(inDoubt));
    }
  } finally {
    if (outcomes.length > 0) terminal.out(`\n${formatOutcomes(outcomes)}`);
  }
  const isGood = ({ error, failed, inDoubt }: ModelOutcome): boolean =>
    error === null && failed === 0 && inDoubt === 0;
  return outcomes.every(isGood) ? 0 : FAILED;
}

/**
 * Writes what became of models as a table.
 *
 * @param outcomes The models.
 * @returns A line for each below a line of headings.
 */
export function formatOutcomes(outcomes: readonly ModelOutcome[]): string {
  const cells = [
    ["model", "tp", "measured", "failed", "time", "bundle"],
    ...outcomes.map(({ model, bundle, error, measured, failed, seconds }) => [
      model,
      bundle?.tps.join() ?? "-",
      String(measured),
      String(failed),
      formatDuration(seconds),
      bundle?.dir ?? shorten(`none: ${error?.message}`),
    ]),
  ];
  const widths = cells[0]!.map((_, column) => Math.max(...cells.map((row) => row[column]!.length)));
  const numeric = [2, 3, 4];
  return cells.map((row) =>
    row.map((cell, column) => {
      if (column === row.length - 1) return cell;
      return numeric.includes(column) ? cell.padStart(widths[column]!) : cell.padEnd(widths[column]!);
    }).join("  ") + "\n"
  ).join("");
}

function shorten(text: string): string {
  return text.length > 80 ? `${text.slice(0, 79)}…` : text;
}
