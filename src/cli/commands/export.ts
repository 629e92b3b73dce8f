/**
 * `shotlab export`.
 *
 * @module
 */
import { Argument, type Command, InvalidArgumentError, Option } from "commander";
import { CONFIG_DIR } from "../../config_dir.ts";
import { renderIssue } from "../../bundle/issue.ts";
import { type Simulator, SIMULATORS } from "../../bundle/simulator.ts";
import { validate } from "../../check/validate.ts";
import { plural } from "../../count_text.ts";
import { UsageError } from "../../errors.ts";
import { exportBundle } from "../../run/export_bundle.ts";
import type { DeviceActivity } from "../../predict/source.ts";
import { examples, type Run, stateFlag, verboseFlag } from "../command.ts";
import { FAILED } from "../report_error.ts";
import type { Terminal } from "../terminal.ts";

/** Who reads the bundle, and what is between devices. */
type ExportFlags = {
  readonly simulator: Simulator;
  readonly state: DeviceActivity;
  readonly to: string;
  readonly configDir: string;
  readonly linkBandwidth?: number;
  readonly linkLatency?: number;
};

/**
 * Declares the command.
 *
 * @param command What is declared.
 * @param run Runs its body.
 */
export function declare(command: Command, run: Run): void {
  command
    .description(
      "Writes a folder that is copied over a checkout of the simulator: the bundle, its model and architecture in the " +
        "simulator's form, cluster files, for v1.2 hardware.yaml, and a README with the command and what was left out.",
    )
    .addArgument(new Argument("<bundle>", "The bundle's folder"))
    .addOption(
      new Option("--simulator <name>", "Who is to read it").choices(SIMULATORS).makeOptionMandatory(),
    )
    .addOption(stateFlag())
    .requiredOption("--to <folder>", "The folder, empty or not there")
    .option("--config-dir <folder>", "Where models, architectures and hardware sheets are", CONFIG_DIR)
    .option(
      "--link-bandwidth <GiB/s>",
      "Bandwidth between two devices, for cluster files of several",
      above(0),
    )
    .option("--link-latency <ns>", "Latency between two devices, beside it", above(-1))
    .addOption(verboseFlag())
    .addHelpText(
      "after",
      examples("export perf/H100/meta-llama/Llama-3.1-8B/bf16 --simulator august --to for-august"),
    )
    .action((dir: string, flags: ExportFlags) => run((terminal) => exportAndTell(dir, flags, terminal)));
}

/** Writes the folder, tells what is in it, and checks it as the simulator would. */
async function exportAndTell(
  dir: string,
  { linkBandwidth, linkLatency, ...flags }: ExportFlags,
  { out }: Pick<Terminal, "out">,
): Promise<number> {
  if ((linkBandwidth === undefined) !== (linkLatency === undefined)) {
    throw new UsageError("Cannot export: --link-bandwidth and --link-latency must be given together");
  }
  const { bundleDir, files, notes, command } = await exportBundle(dir, {
    ...flags,
    ...linkBandwidth !== undefined && { link: { bandwidthGibS: linkBandwidth, latencyNs: linkLatency! } },
  });
  out(`${flags.to}: ${plural(files.length, "file")}\n`);
  for (const note of notes) out(`- ${note}\n`);
  out(`\n${command}\n`);
  const errors = (await validate(bundleDir, { simulator: flags.simulator })).filter(({ severity }) =>
    severity === "error"
  );
  for (const issue of errors) out(`${renderIssue(issue)}\n`);
  return errors.length > 0 ? FAILED : 0;
}

function above(least: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (text.trim() !== "" && Number.isFinite(value) && value > least) return value;
    throw new InvalidArgumentError(`Expected a number above ${least}.`);
  };
}
