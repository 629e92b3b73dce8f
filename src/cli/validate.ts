/**
 * `shotlab validate`.
 *
 * @module
 */
import { type Issue, renderIssue } from "../bundle/issue.ts";
import { validate } from "../check/validate.ts";
import { FAILED } from "./report_error.ts";
import type { Terminal } from "./terminal.ts";

/**
 * Checks a bundle and prints what was found.
 *
 * @param dir The bundle's folder.
 * @param options `json`: whether programs read it.
 * @param terminal Where it is printed.
 * @returns The exit status: 1 when there are errors, 0 with warnings alone.
 * @throws {UsageError} when there is no such folder.
 */
export async function validateCommand(
  dir: string,
  { json }: { readonly json: boolean },
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
