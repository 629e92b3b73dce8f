/**
 * `shotlab validate`.
 *
 * @module
 */
import { Argument, type Command } from "commander";
import { relative } from "node:path";
import { CONFIG_DIR } from "../../config_dir.ts";
import { type Issue, renderFinding } from "../../bundle/issue.ts";
import { openBundle } from "../../bundle/open.ts";
import type { Simulator } from "../../bundle/simulator.ts";
import { validate, type ValidateOptions } from "../../check/validate.ts";
import { unlessMisused } from "../../errors.ts";
import { loadModel } from "../../model/load_model.ts";
import { examples, jsonText, type Run, simulatorFlag, verboseFlag } from "../command.ts";
import { FAILED } from "../report_error.ts";
import { colored, type Terminal } from "../terminal.ts";

type ValidateFlags = { readonly json?: boolean; readonly simulator?: Simulator; readonly configDir: string };

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
    .addOption(simulatorFlag("Who is to read it; without it the simulator that the bundle is for"))
    .option("--config-dir <folder>", "Where architectures and models are, for v1.2", CONFIG_DIR)
    .addOption(verboseFlag())
    .addHelpText("after", examples("validate perf/H100/meta-llama/Llama-3.1-8B/bf16"))
    .action((dir: string, { json = false, simulator, configDir }: ValidateFlags) =>
      run((terminal) => printIssues(dir, json, terminal, { ...simulator && { simulator }, configDir }))
    );
}

/**
 * Checks a bundle and prints what was found, and last the counts.
 *
 * @param dir The bundle's folder.
 * @param json Whether programs read it.
 * @param terminal Where it is printed.
 * @param options `simulator`: who is to read it; `configDir`: where the model is that v1.2 asks about.
 * @returns The exit status: 1 when there are errors, 0 with warnings alone.
 * @throws {UsageError} when there is no such folder.
 */
export async function printIssues(
  dir: string,
  json: boolean,
  terminal: Pick<Terminal, "out" | "colors">,
  { simulator, configDir }: { readonly simulator?: Simulator; readonly configDir?: string } = {},
): Promise<number> {
  const issues = await validate(dir, {
    ...simulator && { simulator },
    ...configDir !== undefined && await unlessMisused(modelOf(dir, configDir, simulator), {}),
  });
  terminal.out(json ? jsonText(issues) : render(dir, issues, terminal.colors?.out));
  return issues.some((issue) => issue.severity === "error") ? FAILED : 0;
}

/** The model of a bundle; v1.2 is asked about all of its layers. */
async function modelOf(
  dir: string,
  configDir: string,
  simulator: Simulator | undefined,
): Promise<Pick<ValidateOptions, "model" | "architecture">> {
  const { meta } = await openBundle(dir);
  if (meta.model === undefined) return {};
  const model = await loadModel(meta.model, { configDir, download: false });
  return { model, ...simulator === "v1.2" && { architecture: model.architecture } };
}

/** The findings by file, the bundle's folder said once, and last the counts. */
function render(dir: string, issues: readonly Issue[], colors?: boolean): string {
  const count = (severity: Issue["severity"]): string => {
    const number = issues.filter((issue) => issue.severity === severity).length;
    return `${number} ${severity}${number === 1 ? "" : "s"}`;
  };
  const files = Map.groupBy(issues, ({ path }) => relative(dir, path) || ".");
  const lines = [...files].flatMap(([file, found]) => [
    `${file}:`,
    ...found.map((issue) =>
      `  ${colored(issue.severity === "error" ? "red" : "yellow", issue.severity, colors)}: ${
        renderFinding(issue)
      }`
    ),
  ]);
  return [...lines, `${dir}: ${count("error")}, ${count("warning")}`, ""].join("\n");
}
