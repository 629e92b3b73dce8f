/**
 * `shotlab diff`.
 *
 * @module
 */
import { Argument, type Command } from "commander";
import { formatCount } from "../../count_text.ts";
import { openBundle } from "../../bundle/open.ts";
import { diffBundles } from "../../check/diff.ts";
import { diffTable } from "../../view/report/diff_sections.ts";
import { tableText } from "../../view/table.ts";
import { examples, jsonText, type Run, verboseFlag } from "../command.ts";
import type { Terminal } from "../terminal.ts";

/**
 * Declares the command.
 *
 * @param command What is declared.
 * @param run Runs its body.
 */
export function declare(command: Command, run: Run): void {
  command
    .description("Says for each table and layer how many times as long the second bundle takes.")
    .addArgument(new Argument("<first>", "A bundle's folder"))
    .addArgument(new Argument("<second>", "Another bundle's folder"))
    .option("--json", "Print the comparison as JSON")
    .addOption(verboseFlag())
    .addHelpText(
      "after",
      examples("diff perf/H100/meta-llama/Llama-3.1-8B/bf16 perf/H200/meta-llama/Llama-3.1-8B/bf16"),
    )
    .action((first: string, second: string, { json = false }: { json?: boolean }) =>
      run((terminal) => printDiff([first, second], json, terminal))
    );
}

/** Compares two bundles and prints how many times as long the second takes. */
async function printDiff(
  dirs: readonly [first: string, second: string],
  json: boolean,
  terminal: Pick<Terminal, "out">,
): Promise<number> {
  const diff = diffBundles(await openBundle(dirs[0]), await openBundle(dirs[1]));
  if (json) {
    terminal.out(jsonText(diff));
    return 0;
  }
  const facts = diff.meta.map(({ key, a, b }) => `${key}: ${a ?? "-"} | ${b ?? "-"}`);
  const tables = diff.tps.map((tp) => {
    const own = diff.tables.filter((one) => one.tp === tp);
    const rows = diffTable(own).map(({ "only 1st": _, "only 2nd": __, ...row }) => row);
    const alone = [["first", "onlyA"] as const, ["second", "onlyB"] as const]
      .flatMap(([which, only]) => aloneLine(which, own.map((one) => [one.table, one[only]])));
    const title = `tp ${tp}, time of the second / time of the first`;
    return [title, tableText(rows, { rows: Infinity }), ...alone].join("\n");
  });
  const others = diff.otherTps.length === 0 ? [] : [`Only one has tp ${diff.otherTps.join(", ")}`];
  terminal.out(`${[...(facts.length > 0 ? [facts.join("\n")] : []), ...tables, ...others].join("\n\n")}\n`);
  return 0;
}

/** Says which rows one bundle alone has, if any. */
function aloneLine(which: string, counts: readonly (readonly [table: string, count: number])[]): string[] {
  const byTable = [...Map.groupBy(counts, ([table]) => table)]
    .map(([table, own]) => ({ table, rows: own.reduce((sum, [, count]) => sum + count, 0) }))
    .filter(({ rows }) => rows > 0);
  const rows = byTable.map(({ table, rows }) => `${formatCount(rows)} of ${table}`);
  return rows.length === 0 ? [] : [`Only the ${which} has ${rows.join(", ")}`];
}
