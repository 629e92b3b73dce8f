/** Notebooks and reports as their readers meet them: in a real browser. */
import assert from "node:assert/strict";
import type { Browser, Page } from "playwright-core";
import { profile } from "../../src/run/profile.ts";
import { bundleReport } from "../../src/view/report/report.ts";
import { findChromium, launch, openPage, PATIENCE_MS, screenshot } from "./chromium.ts";
import { labInstalled, startLab } from "./lab.ts";

const CHROMIUM = findChromium();
const LAB = labInstalled();
// deno-lint-ignore no-console
if (CHROMIUM === null) console.warn("Browser tests are skipped: install Chromium (apt-get install chromium)");
// deno-lint-ignore no-console
else if (!LAB) console.warn("Notebooks are not tested in a browser: set JupyterLab up (deno task notebook)");

const DIR = ".shotlab/browser";
/** A browser and a server have open ends of their own. */
const OPEN_ENDS = { sanitizeOps: false, sanitizeResources: false };

async function withBrowser(run: (browser: Browser) => Promise<void>): Promise<void> {
  const browser = await launch(CHROMIUM!);
  try {
    await run(browser);
  } finally {
    await browser.close();
  }
}

Deno.test({
  name: "a report opens from its file alone, draws its figures, and lets lines be hidden",
  ignore: CHROMIUM === null,
  ...OPEN_ENDS,
  async fn(): Promise<void> {
    const perfDir = await Deno.makeTempDir();
    const bundle = await profile({
      model: "Qwen/Qwen3-0.6B",
      hardware: "H100",
      preset: "quick",
      harness: "roofline:H100",
      perfDir,
    });
    const path = `${perfDir}/report.html`;
    await Deno.writeTextFile(path, await bundleReport(bundle));
    await withBrowser(async (browser) => {
      const page = await openPage(browser, 900, 1200);
      const requests: string[] = [];
      const errors: string[] = [];
      page.on("request", (request) => requests.push(request.url()));
      page.on("pageerror", (error) => errors.push(String(error)));
      await page.goto(`file://${path}`, { waitUntil: "domcontentloaded" });
      await page.waitForSelector("figure svg.main-svg");
      const figures = await page.locator("figure").count();
      for (let i = 0; i < figures; i++) {
        await page.locator("figure").nth(i).scrollIntoViewIfNeeded();
        await page.locator("figure").nth(i).locator("svg.main-svg").first().waitFor();
      }
      const lines = page.locator("figure").first().locator(".scatterlayer .trace");
      const before = await lines.count();
      await page.locator("figure").first().locator(".legendtoggle").first().click();
      await waitUntil(async () => await lines.count() === before - 1);
      await page.screenshot({ path: screenshot("report"), fullPage: true });
      assert.ok(figures >= 8);
      const download = page.waitForEvent("download");
      await page.locator("figcaption button").first().click();
      const csv = await Deno.readTextFile(await (await download).path());
      // Without a column of errors: repeating an estimate says nothing of them.
      assert.match(csv, /^series,new tokens in the batch,time of one layer \(µs\)\n/);

      const background = (): Promise<string> =>
        page.locator("figure").first().locator("svg.main-svg").first().evaluate((svg) =>
          svg.style.background
        );
      const light = await background();
      await page.emulateMedia({ colorScheme: "dark" });
      await waitUntil(async () => await background() !== light);
      await page.setViewportSize({ width: 420, height: 900 });
      await waitUntil(async () =>
        await page.locator("html").evaluate((root) => root.scrollWidth <= root.clientWidth)
      );
      const drawn = page.locator("figure").first().locator("svg.main-svg").first();
      await waitUntil(async () => ((await drawn.boundingBox())?.width ?? 1000) < 420);
      assert.ok(((await drawn.boundingBox())?.height ?? 0) >= 300, "a narrow figure keeps its height");
      await page.screenshot({ path: screenshot("report-narrow-dark") });
      const own = requests.filter((url) => !/^(data|blob):/.test(url));
      assert.deepEqual([own, errors], [[`file://${path}`], []]);
    });
    await Deno.remove(perfDir, { recursive: true });
  },
});

const CELLS = [
  `import { openBundle, profile } from "shotlab";
import { layerTimes, profileShown, show, subjectOf } from "shotlab/view";
const settings = { model: "Qwen/Qwen3-0.6B", preset: "quick", perfDir: "perf" } as const;
const bundle = await profile({ ...settings, hardware: "FAST", harness: "roofline:H100", force: true, yes: true });
await show(layerTimes({ subject: subjectOf(bundle, 1), size: "tokens", rows: bundle.table(1, "dense") }));`,
  `const slow = { ...settings, hardware: "SLOW", harness: \`replay:\${bundle.dir}?delay_ms=50\` };
await profileShown({ ...slow, force: true, yes: true });`,
  `const kept = (await openBundle("perf/SLOW/Qwen/Qwen3-0.6B/bf16")).table(1, "dense").length;
await show(\`alive with \${kept} rows\`);`,
];

Deno.test({
  name: "JupyterLab runs cells, shows a figure as wide as the cell, and survives an interrupt with rows kept",
  ignore: CHROMIUM === null || !LAB,
  ...OPEN_ENDS,
  async fn(): Promise<void> {
    await Deno.remove(DIR, { recursive: true }).catch(() => {});
    await Deno.mkdir(DIR, { recursive: true });
    await Deno.writeTextFile(`${DIR}/test.ipynb`, JSON.stringify(notebookOf(CELLS)));
    await using lab = await startLab();
    await withBrowser(async (browser) => {
      const page = await openPage(browser, 1200, 1400);
      await page.goto(lab.url(`${DIR}/test.ipynb`), { waitUntil: "domcontentloaded" });
      await page.locator(".jp-CodeCell").nth(2).waitFor();

      await runCell(page, 0);
      const figure = page.locator(".jp-CodeCell svg.main-svg").first();
      await figure.waitFor();
      const widths = async (): Promise<number[]> =>
        await Promise.all(
          [page.locator(".jp-RenderedPlotly").first(), figure].map(async (part) =>
            Math.round((await part.boundingBox())?.width ?? 0)
          ),
        );
      const wide = await widths();
      await page.screenshot({ path: screenshot("notebook-figure") });
      await page.setViewportSize({ width: 800, height: 1400 });
      await waitUntil(async () => {
        const [place = 0, drawn] = await widths();
        return place < wide[0]! && drawn === place;
      });
      assert.equal(wide[0], wide[1], "a figure is as wide as its cell");
      await page.screenshot({ path: screenshot("notebook-figure-narrow") });

      await runCell(page, 1);
      const bar = page.locator("progress[value]").first();
      await bar.waitFor();
      await waitUntil(async () => Number(await bar.getAttribute("value")) >= 5);
      await page.screenshot({ path: screenshot("notebook-progress") });
      await interrupt(page);
      await page.getByText("Interrupted: what was measured is kept").first().waitFor();

      await runCell(page, 2);
      const alive = page.getByText(/^alive with [1-9]\d* rows$/);
      await alive.waitFor();
      await page.screenshot({ path: screenshot("notebook-interrupted") });
    });
  },
});

/** Runs a cell; a page that is still settling may take the focus away, so that nothing is run. */
async function runCell(page: Page, index: number): Promise<void> {
  const cell = page.locator(".jp-CodeCell").nth(index);
  const prompt = cell.locator(".jp-InputPrompt");
  await waitUntil(async () => {
    if ((await prompt.textContent())?.includes("[ ]") !== true) return true;
    await cell.locator(".cm-content").click();
    await page.keyboard.press("Shift+Enter");
    await page.waitForTimeout(2000);
    return false;
  });
}

/** Presses the toolbar's stop button. */
async function interrupt(page: Page): Promise<void> {
  await page.locator('[data-command="notebook:interrupt-kernel"], [title^="Interrupt the kernel"]').first()
    .click();
}

async function waitUntil(condition: () => Promise<boolean>): Promise<void> {
  for (let tries = 0; !await condition(); tries++) {
    if (tries > PATIENCE_MS / 100) throw new Error("Nothing happened within ten minutes");
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

function notebookOf(cells: readonly string[]): unknown {
  return {
    cells: cells.map((source, i) => ({
      cell_type: "code",
      id: `cell-${i}`,
      metadata: {},
      execution_count: null,
      outputs: [],
      source,
    })),
    metadata: { kernelspec: { display_name: "Deno", language: "typescript", name: "deno" } },
    nbformat: 4,
    nbformat_minor: 5,
  };
}
