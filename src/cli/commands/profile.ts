/**
 * `shotlab profile`.
 *
 * @module
 */
import type { Command } from "commander";
import { UsageError } from "../../errors.ts";
import { measureCollectives } from "../../run/measure_collectives.ts";
import { profile } from "../../run/profile.ts";
import type { Settings } from "../../settings.ts";
import { GROUPS } from "../../settings/table.ts";
import { examples, positive, type Run, settingsOf } from "../command.ts";
import { addFlags, type Flags, PRESETS_HELP, SETTINGS_HELP } from "../flags.ts";
import { LOAD_SECONDS } from "../measure_steps.ts";
import { nextStep, runAndReport } from "../run_and_report.ts";
import { stepsOf } from "../steps_of_rows.ts";
import { tellCollectives } from "../tell_collectives.ts";
import type { Terminal } from "../terminal.ts";

/** What is measured after the rows. */
interface AfterRows {
  /** Steps of a whole engine: how long the requests of each load arrive, in seconds, or as long as `steps` has it. */
  readonly steps?: number | true;
  /** What devices take to exchange their results. */
  readonly collectives?: true;
}

/**
 * Declares the command.
 *
 * @param command What is declared.
 * @param run Runs its body.
 */
export function declare(command: Command, run: Run): void {
  addFlags(command, GROUPS)
    .description(
      "Measures a model's layers on this hardware into a bundle; resumes from what the bundle has.",
    )
    .optionsGroup("After the rows:")
    .option(
      "--steps [seconds]",
      `Serve steps on the whole engine, as the command steps does; how long the requests of each load arrive (default: ${LOAD_SECONDS})`,
      positive,
    )
    .option(
      "--collectives",
      "Measure what --devices take to exchange results, as the command collectives does",
    )
    .addHelpText("after", PRESETS_HELP)
    .addHelpText("after", SETTINGS_HELP)
    .addHelpText(
      "after",
      examples(
        "profile --model meta-llama/Llama-3.1-8B --hardware H100 --tp-degrees 1,2,4",
        "profile --model meta-llama/Llama-3.1-8B --hardware H100 --grid both --adaptive 3% --steps",
        "profile --model Qwen/Qwen3-0.6B --hardware MY-ESTIMATE --harness roofline:H100 --preset quick",
      ),
    )
    .action(({ steps, collectives, ...flags }: Flags & AfterRows) =>
      run((terminal) => {
        const settings = settingsOf(flags, terminal);
        const after: AfterRows = { ...steps !== undefined && { steps }, ...collectives && { collectives } };
        if (collectives && settings.devices.length < 2) {
          throw new UsageError(
            `Cannot measure collectives between ${
              settings.devices.length === 1 ? "1 device" : "unnamed devices"
            }: name two or more with --devices`,
          );
        }
        return measure(settings, after, terminal);
      })
    );
}

async function measure(
  settings: Settings,
  { steps, collectives }: AfterRows,
  terminal: Terminal,
): Promise<number> {
  await using serving = steps === undefined ? null : await stepsOf(settings, steps, terminal);
  return await runAndReport(
    (options) => profile(settings, { ...options, ...serving?.loan && { loan: serving.loan } }),
    settings.verbosity,
    terminal,
    async (bundle) => {
      const statuses: number[] = [];
      if (serving !== null) statuses.push(await serving.finish());
      if (collectives) statuses.push(await exchange(settings, terminal));
      return Math.max(...statuses, await nextStep(bundle, settings.verbosity, terminal));
    },
  );
}

async function exchange(settings: Settings, terminal: Terminal): Promise<number> {
  const { hardware, perfDir, harness, transport, devices, configDir, verbosity } = settings;
  const found = await measureCollectives({
    ...{ hardware, perfDir, harness, transport, devices, signal: terminal.signal },
    ...verbosity !== "silent" && { onLog: (line: string): void => terminal.err(`${line}\n`) },
  });
  return await tellCollectives(found, configDir, terminal);
}
