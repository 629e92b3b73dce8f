/**
 * Measured collectives on the terminal.
 *
 * @module
 */
import { COLLECTIVES, type Collectives, type CollectiveSample, WAYS } from "../bundle/collectives_file.ts";
import { usageErrorOf } from "../errors.ts";
import { fitLink } from "../fit/link_fit.ts";
import { preferred } from "../predict/communication.ts";
import { sheetOf } from "../roofline/hardware.ts";
import type { MeasuredCollectives } from "../run/measure_collectives.ts";
import { median } from "../stats.ts";
import { tableText } from "../view/table.ts";
import { formatCount, plural } from "../count_text.ts";
import { formatShare, formatUs, significant } from "../view/text.ts";
import { FAILED } from "./report_error.ts";
import type { Terminal } from "./terminal.ts";

/**
 * Tells what was measured: tables of times by size, and the link that they make.
 *
 * @param found What was measured, and what failed.
 * @param configDir Folder of the data sheets.
 * @param terminal Where it is told.
 * @returns The exit status: 1 when a group failed.
 */
export async function tellCollectives(
  { collectives, path, failed }: MeasuredCollectives,
  configDir: string,
  { out, err }: Pick<Terminal, "out" | "err">,
): Promise<number> {
  if (collectives.samples.length > 0) {
    const sheet = await sheetOf(collectives.head.device, configDir);
    out(collectivesText(collectives, sheet?.bandwidth_gb_s ?? Infinity));
    out(`Written: ${path}\n`);
  }
  for (const { name, message } of failed) err(`${name}: ${message}\n`);
  return failed.length === 0 ? 0 : FAILED;
}

function collectivesText({ head, samples }: Collectives, memoryGbS: number): string {
  const how = head.graphs ? "in CUDA graphs" : "called one after the other";
  const lines = [`${head.device}, ${head.runtime}, ${head.dtype}, ${how}; median time of a call`];
  for (const [ranks, of] of Map.groupBy(samples, (one) => one.ranks)) {
    const sizes = [...new Set(of.map(({ bytes }) => bytes))].sort((a, b) => a - b);
    const columns = COLLECTIVES.flatMap((collective) => WAYS.map((way) => ({ collective, way })))
      .filter((column) => of.some((one) => inColumn(one, column)));
    const rows = sizes.map((bytes) => ({
      [`${plural(ranks, "rank")}, bytes`]: formatCount(bytes),
      ...Object.fromEntries(columns.map((column) => {
        const sample = of.find((one) => one.bytes === bytes && inColumn(one, column));
        return [`${column.collective} ${column.way}`, sample === undefined ? "-" : formatUs(sample.us)];
      })),
    }));
    lines.push("", tableText(rows, { rows: Infinity }), linkText(of, memoryGbS), spreadText(of));
  }
  return `${lines.join("\n")}\n`;
}

function inColumn(
  { collective, way }: CollectiveSample,
  column: { readonly collective: string; readonly way: string },
): boolean {
  return collective === column.collective && way === column.way;
}

/** The link as v1.2's network has it, or why there is none. */
function linkText(samples: readonly CollectiveSample[], memoryGbS: number): string {
  try {
    const { latencyNs, bandwidthGibS, error, worstError } = fitLink(
      COLLECTIVES.flatMap((collective) => preferred(samples.filter((one) => one.collective === collective))),
      { memoryGbS },
    );
    return `As a link: ${formatUs(latencyNs / 1000)} and ${significant(bandwidthGibS)} GiB/s; ` +
      `off by ${formatShare(error)} on average, ${formatShare(worstError)} at most`;
  } catch (error) {
    return usageErrorOf(error).message;
  }
}

function spreadText(samples: readonly CollectiveSample[]): string {
  const spread = median(samples.map(({ us, minUs, maxUs }) => (maxUs - minUs) / us));
  return `Trials of a size are ${formatShare(spread)} apart at the median`;
}
