/**
 * `shotlab models`.
 *
 * @module
 */
import type { Command } from "commander";
import { CONFIG_DIR } from "../../config_dir.ts";
import { type CatalogueEntry, listModels } from "../../model/catalogue.ts";
import { tableText } from "../../view/table.ts";
import { examples, jsonText, type Run, verboseFlag } from "../command.ts";
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
  { out, columns = 80 }: Pick<Terminal, "out" | "columns">,
): Promise<number> {
  const models = await listModels(folders);
  if (json) {
    out(jsonText(models));
    return 0;
  }
  const rows = models.map((model) => row(model, columns >= WIDE));
  out(`${tableText(rows, { rows: Infinity, width: columns })}\n\n`);
  out("params, B: parameters in 10⁹, in brackets those that a token uses\n");
  return 0;
}

/** A space at which no line is broken. */
const NO_BREAK = "\u00a0";
/** Characters of a line that has room for architectures and variants, too. */
const WIDE = 110;

function row(
  { model, modelType, parameters, kinds, quantized, hasArchitecture, measured }: CatalogueEntry,
  wide: boolean,
): Record<string, string> {
  const devices = [...new Set(measured.map((bundle) => bundle.split("/")[0]!))];
  const { total, active } = parameters;
  return {
    model: quantized === null ? model : `${model} (${quantized})`,
    ...wide && { architecture: hasArchitecture ? modelType : `${modelType}: none yet` },
    "params, B": billions(total) + (active < 0.8 * total ? ` (${billions(active)})` : ""),
    layers: kinds.map(({ kind, layers }) => `${layers}${NO_BREAK}${kind.replaceAll("_attention", "")}`).join(
      ", ",
    ),
    measured: (wide ? measured : devices).join(", ") || "-",
  };
}

function billions(count: number): string {
  return (count / 1e9).toFixed(count < 1e10 ? 1 : 0);
}
