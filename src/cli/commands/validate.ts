/**
 * `shotlab validate`.
 *
 * @module
 */
import { Argument, type Command } from "commander";
import { type Issue, renderIssue } from "../../bundle/issue.ts";
import { validate } from "../../check/validate.ts";
import { type Run, verboseFlag } from "../command.ts";
import { FAILED } from "../report_error.ts";
import type { Terminal } from "../terminal.ts";

/**
 * Declares the command.
 *
 * @param command What is declared.
 * @param run Runs its body.
 */
export function declare(command: Command, run: Run): void {
  command
    .description("Checks that simulators can read a bundle; exits with 1 when they cannot.")
    .addArgument(new Argument("<bundle>", "The bundle's folder"))
    .option("--json", "Print the findings as a JSON array")
    .addOption(verboseFlag())
    .action((dir: string, { json = false }: { json?: boolean }) =>
      run((terminal) => printIssues(dir, json, terminal))
    );
}

/**
 * Checks a bundle and prints what was found, and last the counts.
 *
 * @param dir The bundle's folder.
 * @param json Whether programs read it.
 * @param terminal Where it is printed.
 * @returns The exit status: 1 when there are errors, 0 with warnings alone.
 * @throws {UsageError} when there is no such folder.
 */
export async function printIssues(
  dir: string,
  json: boolean,
  terminal: Pick<Terminal, "out">,
): Promise<number> {
  const issues = await validate(dir);
  terminal.out(json ? `${JSON.stringify(issues, null, 2)}\n` : render(dir, issues));
  return issues.some((issue) => issue.severity === "error") ? FAILED : 0;
}

function render(dir: string, issues: readonly Issue[]): string {
  const count = (severity: Issue["severity"]): string => {
    const number = issues.filter((issue) => issue.severity === severity).length;
    return `${number} ${severity}${number === 1 ? "" : "s"}`;
  };
  return [...issues.map(renderIssue), `${dir}: ${count("error")}, ${count("warning")}`, ""].join("\n");
}
