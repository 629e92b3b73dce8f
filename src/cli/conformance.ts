/**
 * `shotlab conformance`.
 *
 * @module
 */
import { conformance, type Finding } from "../conformance/conformance.ts";
import { harnessCommand } from "../harness/open.ts";
import { loadModel } from "../model/load_model.ts";
import type { Settings } from "../settings.ts";
import { FAILED } from "./report_error.ts";
import type { Terminal } from "./terminal.ts";

/** The model that a harness is checked with: small, and with layers of every category. */
export const CONFORMANCE_MODEL = "microsoft/Phi-mini-MoE-instruct";

const MARKS = { passed: "ok     ", failed: "FAILED ", skipped: "skipped" } as const;

/**
 * Runs a harness through the protocol and prints what it meets.
 *
 * @param settings The settings: harness, transport, devices, model and time limits.
 * @param options `json`: whether programs read it.
 * @param terminal Where it is printed.
 * @returns The exit status: 1 when a rule is not met.
 * @throws {UsageError} when the harness is none that has a command, or the model is not there.
 * @throws {HarnessError} when its program cannot be started.
 */
export async function conformanceCommand(
  settings: Settings,
  { json }: { readonly json: boolean },
  terminal: Pick<Terminal, "out" | "err" | "signal">,
): Promise<number> {
  const { argv } = await harnessCommand(settings.harness, settings);
  const model = await loadModel(settings.model, settings);
  const findings: Finding[] = [];
  const { bootTimeoutS, shotTimeoutS, transport, verbosity } = settings;
  const options = {
    ...{ argv, model, bootTimeoutS, shotTimeoutS, elsewhere: transport.length > 0 },
    ...verbosity === "verbose" && { onLog: (line: string): void => terminal.err(`${line}\n`) },
  };
  for await (const finding of conformance(options)) {
    terminal.signal.throwIfAborted();
    findings.push(finding);
    if (!json) terminal.out(render(finding));
  }
  if (json) terminal.out(`${JSON.stringify(findings, null, 2)}\n`);
  else terminal.out(`\n${summary(settings.harness, findings)}\n`);
  return findings.some(({ status }) => status === "failed") ? FAILED : 0;
}

function render({ id, rule, status, detail }: Finding): string {
  const more = detail === undefined ? "" : `\n        ${" ".repeat(18)}${detail}`;
  return `${MARKS[status]} ${id.padEnd(18)}The harness ${rule}${more}\n`;
}

function summary(harness: string, findings: readonly Finding[]): string {
  const count = (status: Finding["status"]): number =>
    findings.filter((found) => found.status === status).length;
  const skipped = count("skipped") > 0 ? `, ${count("skipped")} skipped` : "";
  return `${harness}: ${count("passed")} passed, ${count("failed")} failed${skipped}`;
}
