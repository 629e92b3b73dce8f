/**
 * The pages that are made from what was measured.
 *
 * @module
 */
import { join } from "node:path";
import { benchmarksPage } from "./benchmarks_page.ts";
import { bundlePage } from "./bundle_page.ts";
import { readEvidenceFiles } from "./evidence.ts";
import { laidOut } from "./markdown.ts";
import { readPublished } from "./published.ts";

/**
 * Makes all pages.
 *
 * @param perfDir The folder of the bundles and of the evidence.
 * @returns The pages, by their paths in the folder of the documentation.
 */
export async function makePages(perfDir: string): Promise<Map<string, string>> {
  const published = await readPublished(perfDir);
  const evidence = await readEvidenceFiles(join(perfDir, "evidence"));
  const pages: [string, string][] = [
    ["benchmarks.md", benchmarksPage(published, evidence)],
    ...published.map((one): [string, string] => [one.page, bundlePage(one)]),
  ];
  return new Map(await Promise.all(pages.map(async ([path, text]) => [path, await laidOut(text)] as const)));
}
