/**
 * `shotlab conformance`.
 *
 * @module
 */
import type { Command } from "commander";
import { conformance, type Finding } from "../../conformance/conformance.ts";
import { harnessCommand } from "../../harness/open.ts";
import { loadModel } from "../../model/load_model.ts";
import type { Settings } from "../../settings.ts";
import { examples, jsonText, type Run, settingsOf } from "../command.ts";
import { addFlags, type Flags } from "../flags.ts";
import { FAILED } from "../report_error.ts";
import type { Terminal } from "../terminal.ts";

/** The model that a harness is checked with: small, and with layers of every category. */
const MODEL = "microsoft/Phi-mini-MoE-instruct";

/** Settings of runs that it has no use for. */
const RUN_ONLY = ["force", "yes", "exactGrid", "retryFailed", "allowMixed"] as const;

/** Characters of the longest rule's name, and a space. */
const NAME_WIDTH = 22;

const MARKS = { passed: "ok     ", failed: "FAILED ", skipped: "skipped" } as const;

/**
 * Declares the command.
 *
 * @param command What is declared.
 * @param run Runs its body.
 */
export function declare(command: Command, run: Run): void {
  command
    .description("Runs a harness through the protocol and says what it does not meet; exits with 1 then.")
    .option("--model <org>/<name>", "A small model that it can boot", MODEL)
    .option("--json", "Print the findings as a JSON array");
  addFlags(command, ["Engine", "Run", "Files"], [...RUN_ONLY, "helloTimeoutS", "perfDir"])
    .addHelpText("after", examples('conformance --harness "cmd:python3 my_harness.py"'))
    .action(({ json = false, ...flags }: Flags & { json?: boolean }) =>
      run((terminal) =>
        checkHarness(settingsOf({ hardware: "conformance", ...flags }, terminal), json, terminal)
      )
    );
}

/** Runs a harness through the protocol and prints what it meets. */
async function checkHarness(
  settings: Settings,
  json: boolean,
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
  if (json) terminal.out(jsonText(findings));
  else terminal.out(`\n${summary(settings.harness, findings)}\n`);
  return findings.some(({ status }) => status === "failed") ? FAILED : 0;
}

function render({ id, rule, status, detail }: Finding): string {
  const more = detail === undefined ? "" : `\n${" ".repeat(MARKS[status].length + 1 + NAME_WIDTH)}${detail}`;
  return `${MARKS[status]} ${id.padEnd(NAME_WIDTH)}The harness ${rule}${more}\n`;
}

function summary(harness: string, findings: readonly Finding[]): string {
  const count = (status: Finding["status"]): number =>
    findings.filter((found) => found.status === status).length;
  const skipped = count("skipped") > 0 ? `, ${count("skipped")} skipped` : "";
  return `${harness}: ${count("passed")} passed, ${count("failed")} failed${skipped}`;
}
