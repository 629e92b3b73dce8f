/**
 * `shotlab hardware`.
 *
 * @module
 */
import type { Command } from "commander";
import { CONFIG_DIR } from "../../config_dir.ts";
import { loadHardware, sheetNames } from "../../roofline/hardware.ts";
import { tableText } from "../../view/table.ts";
import { significant } from "../../view/text.ts";
import { examples, jsonText, type Run, verboseFlag } from "../command.ts";
import type { Terminal } from "../terminal.ts";

interface HardwareFlags {
  readonly json?: boolean;
  readonly configDir: string;
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
      "Lists the devices that have a data sheet here, for estimates, limits and what fits. Another one is a YAML file " +
        "in the folder hardware of the configurations.",
    )
    .option("--config-dir <path>", "Folder of the model, architecture and hardware files", CONFIG_DIR)
    .option("--json", "Print the sheets as JSON")
    .addOption(verboseFlag())
    .addHelpText("after", examples("hardware --json"))
    .action((flags: HardwareFlags) => run((terminal) => printSheets(flags, terminal)));
}

/** Prints the sheets. */
async function printSheets(
  { json = false, configDir }: HardwareFlags,
  terminal: Pick<Terminal, "out">,
): Promise<number> {
  const names = await sheetNames(`${configDir}/hardware`);
  const sheets = await Promise.all(
    names.map(async (name) => ({ name, ...await loadHardware(name, configDir) })),
  );
  const rows = sheets.map(({ name, memory_gib, bandwidth_gb_s, peak_tflops, l2_mib }) => ({
    hardware: name,
    "memory, GiB": memory_gib,
    "TB/s": bandwidth_gb_s / 1000,
    "bf16 TFLOP/s": rate(peak_tflops["bfloat16"]),
    "fp8 TFLOP/s": rate(peak_tflops["fp8"]),
    "cache, MiB": l2_mib,
  }));
  terminal.out(
    json ? jsonText(sheets) : `${tableText(rows, { rows: Infinity })}\n`,
  );
  return 0;
}

function rate(tflops: number | undefined): string {
  return tflops === undefined ? "" : significant(tflops);
}
