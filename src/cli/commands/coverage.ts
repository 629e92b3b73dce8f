/**
 * `shotlab coverage`.
 *
 * @module
 */
import { Argument, type Command } from "commander";
import { openBundle } from "../../bundle/open.ts";
import { PLACES } from "../../check/attention_coverage.ts";
import { coverage } from "../../check/coverage.ts";
import { type CoverageNeed, ownNeed } from "../../check/coverage_need.ts";
import { tableText } from "../../view/table.ts";
import { formatCount, plural } from "../../count_text.ts";
import { formatShare } from "../../view/text.ts";
import { examples, jsonText, positive, type Run, verboseFlag } from "../command.ts";
import type { Terminal } from "../terminal.ts";

type CoverageFlags = { json?: boolean } & Partial<CoverageNeed>;

/**
 * Declares the command.
 *
 * @param command What is declared.
 * @param run Runs its body.
 */
export function declare(command: Command, run: Run): void {
  command
    .description("Says which lookups of a run are interpolated, clamped, extrapolated or a neighbour's.")
    .addArgument(new Argument("<bundle>", "The bundle's folder"))
    .option("--max-num-batched-tokens <n>", "New tokens of a batch (default the bundle's own)", positive)
    .option("--max-num-seqs <n>", "Requests of a batch (default the bundle's own)", positive)
    .option("--max-kv <n>", "Longest KV length, in tokens (default the bundle's own)", positive)
    .option("--json", "Print the coverage as JSON")
    .addOption(verboseFlag())
    .addHelpText("after", examples("coverage perf/H100/meta-llama/Llama-3.1-8B/bf16 --max-num-seqs 512"))
    .action((dir: string, { json = false, maxNumBatchedTokens, maxNumSeqs, maxKv }: CoverageFlags) => {
      const need = {
        ...maxNumBatchedTokens !== undefined && { maxNumBatchedTokens },
        ...maxNumSeqs !== undefined && { maxNumSeqs },
        ...maxKv !== undefined && { maxKv },
      };
      return run((terminal) => printCoverage(dir, { json, need }, terminal));
    });
}

/** Prints what a run would find in a bundle. */
async function printCoverage(
  dir: string,
  options: { readonly json: boolean; readonly need: Partial<CoverageNeed> },
  terminal: Pick<Terminal, "out">,
): Promise<number> {
  const bundle = await openBundle(dir);
  const found = coverage(bundle, { ...ownNeed(bundle), ...options.need });
  if (options.json) {
    terminal.out(jsonText(found));
    return 0;
  }
  const { maxNumBatchedTokens, maxNumSeqs, maxKv } = found.need;
  const head =
    `A run with up to ${plural(maxNumBatchedTokens, "new token")}, ${plural(maxNumSeqs, "request")} ` +
    `and ${plural(maxKv, "KV token")}`;
  const beyond = found.layers.filter(({ place }) => place === "extrapolated").map((one) =>
    `tp ${one.tp} ${one.category}${one.layer === null ? "" : ` ${one.layer}`}: extrapolated beyond ` +
    `${formatCount(one.highest)} ${one.axis}`
  );
  const shares = found.attention.map(({ tp, kernel, shares, estimated }) => ({
    tp,
    ...kernel !== undefined && { kernel },
    ...Object.fromEntries(PLACES.map((place) => [place, formatShare(shares[place])])),
    ...estimated > 0 && { "on predicted rows": formatShare(estimated) },
  }));
  terminal.out(
    [head, ...beyond, "Attention lookups:", tableText(shares, { rows: Infinity }), ""].join("\n"),
  );
  return 0;
}
