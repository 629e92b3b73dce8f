/** A real browser, where there is one. */
import { type Browser, chromium, type Page } from "playwright-core";

/** What a browser may take for one thing, in milliseconds: no busy host is that slow, yet a hang is told. */
export const PATIENCE_MS = 600_000;

const PROGRAMS = [
  "/usr/bin/chromium",
  "/usr/bin/chromium-browser",
  "/usr/bin/google-chrome",
  "/usr/bin/google-chrome-stable",
];
const QUIET = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
  "--no-first-run",
  "--disable-quic",
];

/**
 * Finds a Chromium.
 *
 * @returns Its program, null when none is installed.
 */
export function findChromium(): string | null {
  return PROGRAMS.find((program) => isThere(program)) ?? null;
}

/**
 * Starts a Chromium.
 *
 * @param program Its program.
 * @returns The browser.
 */
export async function launch(program: string): Promise<Browser> {
  return await chromium.launch({ executablePath: program, args: QUIET, timeout: PATIENCE_MS });
}

/**
 * Opens a page.
 *
 * @param browser The browser.
 * @param width Its width in pixels.
 * @param height Its height in pixels.
 * @returns The page.
 */
export async function openPage(browser: Browser, width: number, height: number): Promise<Page> {
  const page = await browser.newPage({ viewport: { width, height } });
  page.setDefaultTimeout(PATIENCE_MS);
  return page;
}

/**
 * Where a screenshot is kept for people to look at; the folder is not in git.
 *
 * @param name The picture's name.
 * @returns The file.
 */
export function screenshot(name: string): string {
  Deno.mkdirSync(".shotlab/screenshots", { recursive: true });
  return `.shotlab/screenshots/${name}.png`;
}

function isThere(path: string): boolean {
  try {
    return Deno.statSync(path).isFile;
  } catch {
    return false;
  }
}
