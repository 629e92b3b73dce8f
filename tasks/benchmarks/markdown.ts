/**
 * Markdown as the pages are written in.
 *
 * @module
 */

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
  const child = new Deno.Command(Deno.execPath(), {
    args: ["fmt", "--ext", "md", "-"],
    stdin: "piped",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const writer = child.stdin.getWriter();
  await writer.write(new TextEncoder().encode(text));
  await writer.close();
  const { success, stdout, stderr } = await child.output();
  if (!success) throw new Error(new TextDecoder().decode(stderr));
  return new TextDecoder().decode(stdout);
}
