/**
 * A page over many bundles.
 *
 * @module
 */
import { relative } from "node:path";
import type { Bundle } from "../../bundle/open.ts";
import { formatCount, plural } from "../../count_text.ts";
import { pageHtml } from "./page.ts";

/** A bundle and its report. */
export interface IndexEntry {
  /** The bundle. */
  readonly bundle: Bundle;
  /** File of its report. */
  readonly report: string;
}

/**
 * Writes the page that lists bundles, with links to their reports.
 *
 * @param folder The folder that the bundles are in; links are relative to it.
 * @param entries The bundles, at least one.
 * @returns The HTML file's text.
 */
export async function indexPage(folder: string, entries: readonly IndexEntry[]): Promise<string> {
  const rows = entries.map(({ bundle: { meta, tps }, report }) => ({
    hardware: meta.hardware ?? "?",
    model: { text: meta.model ?? "?", href: linkTo(relative(folder, report)) },
    variant: meta.variant ?? "",
    degrees: tps.join(", "),
    quantity: meta.quantity ?? "",
    engine: `${meta.engine ?? ""} ${meta.engine_version ?? ""}`.trim(),
    "in doubt": formatCount(meta.noise?.in_doubt ?? 0),
    measured: String(meta.profiled_at ?? "").slice(0, 10),
  }));
  const hardware = [...new Set(entries.map(({ bundle }) => bundle.meta.hardware ?? "?"))];
  return await pageHtml({
    title: `Bundles of ${hardware.join(", ")}`,
    banner: null,
    sections: [{ heading: plural(rows.length, "bundle"), tables: [rows] }],
  });
}

/** A path as a link: no name in it is taken for a scheme, a query or a place in the page. */
function linkTo(path: string): string {
  return path.split("/").map(encodeURIComponent).join("/");
}
