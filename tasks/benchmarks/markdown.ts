/**
 * Markdown as the pages are written in.
 *
 * @module
 */
import { execa } from "execa";

/**
 * A table.
 *
 * @param columns Titles of its columns.
 * @param rows Its cells.
 * @returns The table.
 */
export function table(columns: readonly string[], rows: readonly (readonly string[])[]): string {
  return [columns, columns.map(() => "---"), ...rows].map((cells) => `| ${cells.join(" | ")} |`).join("\n");
}

/**
 * Shares in percent, two decimals each.
 *
 * @param shares The shares, 1 for all.
 * @returns Such as `0.56 / 1.68 / 2.90`, `-` for a share that is not known.
 */
export function percents(...shares: readonly (number | undefined)[]): string {
  return shares.map((share) => share === undefined ? "-" : (100 * share).toFixed(2)).join(" / ");
}

/**
 * Lays a page out as `deno fmt` does.
 *
 * @param text The page.
 * @returns The page, laid out.
 */
export async function laidOut(text: string): Promise<string> {
  const args = ["fmt", "--ext", "md", "-"];
  const { stdout } = await execa(Deno.execPath(), args, { input: text, stripFinalNewline: false });
  return stdout;
}
