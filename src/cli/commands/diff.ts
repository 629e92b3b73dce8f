/**
 * `shotlab diff`.
 *
 * @module
 */
import { Argument, type Command } from "commander";
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
    const table = tableText(diffTable(diff.tables.filter((one) => one.tp === tp)), { rows: Infinity });
    return `tp ${tp}, time of the second / time of the first\n${table}`;
  });
  const others = diff.otherTps.length === 0 ? [] : [`Only one has tp ${diff.otherTps.join(", ")}`];
  terminal.out(`${[...(facts.length > 0 ? [facts.join("\n")] : []), ...tables, ...others].join("\n\n")}\n`);
  return 0;
}
