/**
 * The command line: its commands, errors as exit statuses.
 *
 * @module
 */
import { Command } from "commander";
import { VERSION } from "../version.ts";
import { addCheckCommands } from "./check_commands.ts";
import type { Run } from "./declare.ts";
import { addFitCommands } from "./fit_commands.ts";
import { addMeasureCommands } from "./measure_commands.ts";
import { reportError } from "./report_error.ts";
import type { Terminal } from "./terminal.ts";

/**
 * Runs a command.
 *
 * @param args The command line's words, the program's name left out.
 * @param terminal What it has around it.
 * @returns The exit status.
 */
export async function main(args: readonly string[], terminal: Terminal): Promise<number> {
  let status = 0;
  const program = commands(terminal, async (command) => {
    status = await command();
  });
  try {
    await program.parseAsync([...args], { from: "user" });
    return status;
  } catch (error) {
    const verbose = args.includes("--verbose") || /verbose/.test(terminal.env["VERBOSITY"] ?? "");
    const report = reportError(error, { cancelled: terminal.signal.aborted, verbose });
    terminal.err(report.text);
    return report.status;
  }
}

function commands(terminal: Terminal, run: Run): Command {
  const program = new Command("shotlab")
    .description(
      "Measures how long each layer of a model takes on a piece of hardware, for serving simulators.",
    )
    .version(VERSION)
    .exitOverride()
    .configureOutput({ writeOut: terminal.out, writeErr: terminal.err });
  addMeasureCommands(program, run, terminal);
  addFitCommands(program, run, terminal);
  addCheckCommands(program, run, terminal);
  return program;
}
