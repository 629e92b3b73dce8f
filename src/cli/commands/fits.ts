/**
 * `shotlab fits`.
 *
 * @module
 */
import type { Command } from "commander";
import { CONFIG_DIR } from "../../config_dir.ts";
import { UsageError } from "../../errors.ts";
import { loadModel } from "../../model/load_model.ts";
import { loadHardware } from "../../roofline/hardware.ts";
import { type Capacity, fits } from "../../serving/capacity.ts";
import { tableText } from "../../view/table.ts";
import { formatCount, plural } from "../../count_text.ts";
import { examples, jsonText, positive, type Run, verboseFlag } from "../command.ts";
import { degrees } from "../load_flags.ts";
import { FAILED } from "../report_error.ts";
import { addEngineFlags } from "../serve_flags.ts";
import type { Terminal } from "../terminal.ts";

interface FitsFlags {
  readonly model: string;
  readonly hardware: string;
  readonly tpDegrees: readonly number[];
  readonly dtype?: string;
  readonly kvCacheDtype?: string;
  readonly maxNumBatchedTokens: number;
  readonly maxNumSeqs: number;
  readonly maxModelLen?: number;
  readonly blockSize: number;
  readonly gpuMemoryUtilization: number;
  readonly eager?: boolean;
  readonly configDir: string;
  readonly json?: boolean;
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
      "Says whether a model fits devices, what their memory goes to, and how many KV blocks are left (vLLM's " +
        "num_gpu_blocks); exits with 1 when it fits at no degree.",
    )
    .requiredOption("--model <org>/<name>", "The model")
    .requiredOption("--hardware <names>", "Data sheets of configs/hardware, joined by commas")
    .option("--tp-degrees <list>", "Tensor-parallel degrees", degrees, [1])
    .option("--dtype <type>", "Type of the weights (default the model's own)")
    .option("--kv-cache-dtype <type>", "Type of the KV cache (default that of the computation)")
    .option("--max-model-len <n>", "Longest request, in tokens (default the model's own)", positive)
    .option("--block-size <n>", "Tokens of a KV block", positive, 16);
  addEngineFlags(command)
    .option("--config-dir <folder>", "Where models and data sheets are", CONFIG_DIR)
    .option("--json", "Print the bytes as JSON")
    .addOption(verboseFlag())
    .addHelpText(
      "after",
      examples(
        "fits --model meta-llama/Llama-3.1-70B --hardware H100,H200 --tp-degrees 1,2,4 --max-model-len 16384",
      ),
    )
    .action((flags: FitsFlags) => run((terminal) => printFits(flags, terminal)));
}

async function printFits(flags: FitsFlags, terminal: Pick<Terminal, "out">): Promise<number> {
  const { configDir, tpDegrees, dtype = null, kvCacheDtype = null, gpuMemoryUtilization, ...rest } = flags;
  const model = await loadModel(flags.model, { configDir });
  const names = flags.hardware.split(",").filter((name) => name !== "");
  if (names.length === 0) {
    throw new UsageError("Cannot say whether the model fits: name a data sheet with --hardware");
  }
  const found: { hardware: string; tp: number; capacity: Capacity }[] = [];
  for (const hardware of names) {
    const sheet = await loadHardware(hardware, configDir);
    for (const tp of tpDegrees) {
      const { maxNumBatchedTokens, maxNumSeqs, blockSize, maxModelLen, eager = false } = rest;
      const options = {
        ...{ tp, dtype, kvDtype: kvCacheDtype, maxNumBatchedTokens, maxNumSeqs, blockSize, eager },
        ...maxModelLen !== undefined && { maxModelLen },
        memoryUtilization: gpuMemoryUtilization,
      };
      found.push({ hardware, tp, capacity: fits(model, sheet, options) });
    }
  }
  terminal.out(flags.json === true ? jsonText(found) : fitsText(flags.model, found));
  return found.some(({ capacity }) => capacity.fits) ? 0 : FAILED;
}

function fitsText(
  id: string,
  found: readonly { readonly hardware: string; readonly tp: number; readonly capacity: Capacity }[],
): string {
  const gib = (bytes: number): string => (bytes / 2 ** 30).toFixed(1);
  const rows = found.map(({ hardware, tp, capacity: { fits: yes, bytes, blocks, tokens } }) => ({
    hardware,
    tp,
    fits: yes ? "yes" : "no",
    usable: gib(bytes.usable),
    weights: gib(bytes.weights),
    activ: gib(bytes.activations),
    graphs: gib(bytes.graphs),
    KV: gib(bytes.kv),
    blocks: formatCount(blocks),
    tokens: formatCount(tokens),
  }));
  const { maxModelLen, blockSize, notices } = found[0]!.capacity;
  return [
    `${id}, a request of ${plural(maxModelLen, "token")}, blocks of ${blockSize}; estimated, a GPU each`,
    "GiB of each GPU's memory (activ: activations, KV: KV cache):",
    tableText(rows, { rows: Infinity }),
    ...notices,
    "",
  ].join("\n");
}
