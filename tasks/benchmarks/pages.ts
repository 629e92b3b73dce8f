/**
 * The pages that are made from what was measured.
 *
 * @module
 */
import { join } from "node:path";
import { readText } from "../../src/files/read.ts";
import { withArchitectureTables } from "./architecture_tables.ts";
import { benchmarksPage } from "./benchmarks_page.ts";
import { type Figure, subjectOf } from "../../src/view/figure.ts";
import { layerTimes } from "../../src/view/figures/layer_times.ts";
import { bundlePage, pictureOf } from "./bundle_page.ts";
import { about, readEvidenceFiles } from "./evidence.ts";
import { laidOut } from "./markdown.ts";
import { readPublished } from "./published.ts";
import { shotTimeFigure } from "./shot_time_figure.ts";

/**
 * Makes the pictures of the bundles' pages.
 *
 * @param perfDir The folder of the bundles.
 * @returns The times of each bundle's layers at its smallest degree, and where a shot's time goes, by the picture's path.
 */
export async function makePictures(perfDir: string): Promise<Map<string, Figure>> {
  const published = await readPublished(perfDir);
  const shotTimes = about(await readEvidenceFiles(join(perfDir, "evidence")), "shot-time");
  return new Map([
    ...published.map(({ bundle, page }): [string, Figure] => {
      const [tp = 1] = bundle.tps;
      const rows = bundle.table(tp, "dense");
      return [pictureOf(page), layerTimes({ subject: subjectOf(bundle, tp), size: "tokens", rows })];
    }),
    ...shotTimes.slice(0, 1).map((file): [string, Figure] => [
      "shot-time.png",
      shotTimeFigure(file, ["usual", "direct"]),
    ]),
  ]);
}

/**
 * Makes all pages.
 *
 * @param perfDir The folder of the bundles and of the evidence.
 * @param docsDir The folder of the documentation: of a page that has words beside its tables the words are kept.
 * @returns The pages, by their paths in the folder of the documentation.
 */
export async function makePages(perfDir: string, docsDir: string): Promise<Map<string, string>> {
  const published = await readPublished(perfDir);
  const evidence = await readEvidenceFiles(join(perfDir, "evidence"));
  const pages: [string, string][] = [
    ["benchmarks.md", benchmarksPage(published, evidence)],
    ["architectures.md", await architecturesPage(perfDir, docsDir)],
    ...published.map((one): [string, string] => [one.page, bundlePage(one)]),
  ];
  return new Map(await Promise.all(pages.map(async ([path, text]) => [path, await laidOut(text)] as const)));
}

async function architecturesPage(perfDir: string, docsDir: string): Promise<string> {
  const page = await readText(join(docsDir, "architectures.md"));
  return await withArchitectureTables(page, join(perfDir, "evidence", "architectures"));
}
