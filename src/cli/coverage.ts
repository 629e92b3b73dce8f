/**
 * `shotlab coverage`.
 *
 * @module
 */
import { PLACES } from "../check/attention_coverage.ts";
import { coverage } from "../check/coverage.ts";
import { type CoverageNeed, ownNeed } from "../check/coverage_need.ts";
import { openBundle } from "../bundle/open.ts";
import { formatCount, formatShare } from "../view/text.ts";
import { tableText } from "../view/table.ts";
import type { Terminal } from "./terminal.ts";

/**
 * Prints what a run would find in a bundle.
 *
 * @param dir The bundle's folder.
 * @param options `json`: whether programs read it; `need`: how far the run reaches, the bundle's own where left out.
 * @param terminal Where it is printed.
 * @returns The exit status, 0.
 * @throws {UsageError} when there is no such folder.
 */
export async function coverageCommand(
  dir: string,
  options: { readonly json: boolean; readonly need: Partial<CoverageNeed> },
  terminal: Pick<Terminal, "out">,
): Promise<number> {
  const bundle = await openBundle(dir);
  const found = coverage(bundle, { ...ownNeed(bundle), ...options.need });
  if (options.json) {
    terminal.out(`${JSON.stringify(found, null, 2)}\n`);
    return 0;
  }
  const { maxNumBatchedTokens, maxNumSeqs, maxKv } = found.need;
  const head =
    `A run with up to ${formatCount(maxNumBatchedTokens)} new tokens, ${formatCount(maxNumSeqs)} ` +
    `requests and ${formatCount(maxKv)} tokens of history`;
  const beyond = found.layers.filter(({ place }) => place === "extrapolated").map((one) =>
    `tp ${one.tp} ${one.category}${one.layer === null ? "" : ` ${one.layer}`}: extrapolated beyond ` +
    `${formatCount(one.highest)} ${one.axis}`
  );
  const shares = found.attention.map(({ tp, shares, estimated }) => ({
    tp,
    ...Object.fromEntries(PLACES.map((place) => [place, formatShare(shares[place])])),
    ...estimated > 0 && { "on predicted rows": formatShare(estimated) },
  }));
  terminal.out(
    [head, ...beyond, "Attention lookups:", tableText(shares, { rows: Infinity }), ""].join("\n"),
  );
  return 0;
}
