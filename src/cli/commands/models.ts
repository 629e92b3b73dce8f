/**
 * `shotlab models`.
 *
 * @module
 */
import type { Command } from "commander";
import { CONFIG_DIR } from "../../config_dir.ts";
import { type CatalogueEntry, listModels } from "../../model/catalogue.ts";
import { tableText } from "../../view/table.ts";
import { examples, type Run, verboseFlag } from "../command.ts";
import type { Terminal } from "../terminal.ts";

interface ModelsFlags {
  readonly json?: boolean;
  readonly configDir: string;
  readonly perfDir: string;
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
      "Lists the models that have a configuration here: parameters, kinds of decoder layers, and where each was " +
        "measured. Any other model of the hub is downloaded when it is named.",
    )
    .option("--config-dir <path>", "Folder of the model and architecture files", CONFIG_DIR)
    .option("--perf-dir <path>", "Folder of the bundles", "perf")
    .option("--json", "Print the models as JSON")
    .addOption(verboseFlag())
    .addHelpText("after", examples("models --json"))
    .action((flags: ModelsFlags) => run((terminal) => printModels(flags, terminal)));
}

/** Prints the catalogue. */
async function printModels(
  { json = false, ...folders }: ModelsFlags,
  terminal: Pick<Terminal, "out">,
): Promise<number> {
  const models = await listModels(folders);
  terminal.out(
    json ? `${JSON.stringify(models, null, 2)}\n` : `${tableText(models.map(row), { rows: Infinity })}\n`,
  );
  return 0;
}

function row(
  { model, modelType, parameters, kinds, quantized, hasArchitecture, measured }: CatalogueEntry,
): Record<string, string> {
  const { total, active } = parameters;
  return {
    model: quantized === null ? model : `${model} (${quantized})`,
    architecture: hasArchitecture ? modelType : `${modelType}: none yet`,
    "parameters, 10⁹": billions(total) + (active < 0.8 * total ? `, ${billions(active)} active` : ""),
    layers: kinds.map(({ kind, layers }) => `${layers} ${kind.replaceAll("_attention", "")}`).join(", "),
    measured: measured.join(", ") || "-",
  };
}

function billions(count: number): string {
  return (count / 1e9).toFixed(count < 1e10 ? 1 : 0);
}
