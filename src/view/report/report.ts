/**
 * Reports: everything that there is to see of a bundle, or of two, in one HTML file.
 *
 * @module
 */
import type { Bundle } from "../../bundle/open.ts";
import type { Model } from "../../model/model.ts";
import { type BundleReportOptions, bundleSections } from "./bundle_sections.ts";
import { diffSections } from "./diff_sections.ts";
import { pageHtml } from "./page.ts";

/**
 * Writes the report of a bundle.
 *
 * @param bundle The bundle.
 * @param options What else is known.
 * @returns The HTML file's text; it needs no other file and no network.
 *
 * @example
 * ```ts
 * import { profile } from "shotlab";
 * import { bundleReport } from "shotlab/view";
 * import assert from "node:assert/strict";
 * const perfDir = await Deno.makeTempDir();
 * const bundle = await profile({
 *   model: "Qwen/Qwen3-0.6B", hardware: "H100", harness: "roofline:H100", preset: "quick", perfDir,
 * });
 * assert.match(await bundleReport(bundle), /<h2 id="s\d+">Attention<\/h2>/);
 * await Deno.remove(perfDir, { recursive: true });
 * ```
 */
export async function bundleReport(bundle: Bundle, options: BundleReportOptions = {}): Promise<string> {
  const { model = "a bundle", hardware = "?" } = bundle.meta;
  return await pageHtml({
    title: `${model} on ${hardware}`,
    banner: estimateBanner([bundle]),
    sections: await bundleSections(bundle, options),
  });
}

/**
 * Writes the report of two bundles side by side.
 *
 * @param a The first bundle.
 * @param b The second bundle.
 * @param models The models of both, for whole iterations. @default none
 * @returns The HTML file's text.
 *
 * @example
 * ```ts
 * import { openBundle } from "shotlab";
 * import { comparisonReport } from "shotlab/view";
 * import assert from "node:assert/strict";
 * const [a, b] = await Promise.all(
 *   ["H100", "H200"].map((name) => openBundle(`perf/${name}/meta-llama/Llama-3.1-8B/bf16`)),
 * );
 * assert.match(await comparisonReport(a!, b!), /^<!DOCTYPE html>/i);
 * ```
 */
export async function comparisonReport(
  a: Bundle,
  b: Bundle,
  models?: readonly [Model, Model],
): Promise<string> {
  const name = ({ meta }: Bundle): string => `${meta.model ?? "a bundle"} on ${meta.hardware ?? "?"}`;
  return await pageHtml({
    title: `${name(b)} against ${name(a)}`,
    banner: estimateBanner([a, b]),
    sections: await diffSections(a, b, models),
  });
}

function estimateBanner(bundles: readonly Bundle[]): string | null {
  const estimates = bundles.filter(({ meta }) => meta.quantity === "estimate");
  if (estimates.length === 0) return null;
  const all = estimates.length === bundles.length;
  const names = estimates.map(({ meta }) => meta.hardware ?? "?").join(" and ");
  return `${all ? "Nothing here was measured: the" : "The"} times of ${names} are a roofline's estimate.`;
}
