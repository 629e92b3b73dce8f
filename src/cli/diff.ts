/**
 * `shotlab diff`.
 *
 * @module
 */
import { diffBundles } from "../check/diff.ts";
import { openBundle } from "../bundle/open.ts";
import { diffTable } from "../view/report/diff_sections.ts";
import { tableText } from "../view/table.ts";
import type { Terminal } from "./terminal.ts";

/**
 * Compares two bundles and prints how many times as long the second takes.
 *
 * @param dirs The bundles' folders.
 * @param options `json`: whether programs read it.
 * @param terminal Where it is printed.
 * @returns The exit status, 0.
 * @throws {UsageError} when there is no such folder.
 */
export async function diffCommand(
  dirs: readonly [first: string, second: string],
  { json }: { readonly json: boolean },
  terminal: Pick<Terminal, "out">,
): Promise<number> {
  const diff = diffBundles(await openBundle(dirs[0]), await openBundle(dirs[1]));
  if (json) {
    terminal.out(`${JSON.stringify(diff, null, 2)}\n`);
    return 0;
  }
  const facts = diff.meta.map(({ key, a, b }) => `${key}: ${a ?? "-"} | ${b ?? "-"}`);
  const tables = diff.tps.map((tp) => {
    const table = tableText(diffTable(diff.tables.filter((one) => one.tp === tp)), { rows: Infinity });
    return `tp ${tp}, time of the second / time of the first\n${table}`;
  });
  const others = diff.otherTps.length === 0 ? [] : [`Only one has tp ${diff.otherTps.join(", ")}`];
  terminal.out(`${[...(facts.length > 0 ? [facts.join("\n")] : []), ...tables, ...others].join("\n\n")}\n`);
  return 0;
}
