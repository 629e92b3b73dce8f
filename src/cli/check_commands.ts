/**
 * The commands that check a harness or a bundle and show what is in it.
 *
 * @module
 */
import { Argument, type Command } from "commander";
import type { CoverageNeed } from "../check/coverage_need.ts";
import { CONFORMANCE_MODEL, conformanceCommand } from "./conformance.ts";
import { coverageCommand } from "./coverage.ts";
import { positive, type Run, settingsOf, verboseFlag } from "./declare.ts";
import { diffCommand } from "./diff.ts";
import { addFlags, type Flags } from "./flags.ts";
import { packCommand } from "./pack.ts";
import { reportCommand } from "./report.ts";
import type { Terminal } from "./terminal.ts";
import { validateCommand } from "./validate.ts";

/** Settings of runs that a command without one has no use for. */
const RUN_ONLY = ["force", "yes", "exactGrid", "retryFailed", "allowMixed"] as const;

type CoverageFlags = { json?: boolean } & Partial<CoverageNeed>;

/**
 * Declares the commands that check and show.
 *
 * @param program What gets them.
 * @param run What runs a command.
 * @param terminal What a command has around it.
 */
export function addCheckCommands(program: Command, run: Run, terminal: Terminal): void {
  const conformance = program.command("conformance")
    .summary("check whether a harness meets the protocol")
    .description("Runs a harness through the protocol and says what it does not meet; exits with 1 then.")
    .option("--model <org>/<name>", "A small model that it can boot", CONFORMANCE_MODEL)
    .option("--json", "Print the findings as a JSON array");
  addFlags(conformance, ["Engine", "Run", "Files"], [...RUN_ONLY, "perfDir"])
    .action(({ json, ...flags }: Flags & { json?: boolean }) =>
      run(() =>
        conformanceCommand(settingsOf({ hardware: "conformance", ...flags }, terminal), {
          json: json ?? false,
        }, terminal)
      )
    );

  program.command("validate")
    .summary("check a bundle")
    .description("Checks that simulators can read a bundle; exits with 1 when they cannot.")
    .addArgument(new Argument("<bundle>", "The bundle's folder"))
    .option("--json", "Print the findings as a JSON array")
    .addOption(verboseFlag())
    .action((dir: string, flags: { json?: boolean }) =>
      run(() => validateCommand(dir, { json: flags.json ?? false }, terminal))
    );

  program.command("diff")
    .summary("compare two bundles")
    .description("Says for each table and layer how many times as long the second bundle takes.")
    .addArgument(new Argument("<first>", "A bundle's folder"))
    .addArgument(new Argument("<second>", "Another bundle's folder"))
    .option("--json", "Print the comparison as JSON")
    .addOption(verboseFlag())
    .action((first: string, second: string, flags: { json?: boolean }) =>
      run(() => diffCommand([first, second], { json: flags.json ?? false }, terminal))
    );

  program.command("coverage")
    .summary("say what a run would find in a bundle")
    .description("Says which lookups of a run are interpolated, clamped, extrapolated or a neighbour's.")
    .addArgument(new Argument("<bundle>", "The bundle's folder"))
    .option("--max-num-batched-tokens <n>", "New tokens of a batch (default the bundle's own)", positive)
    .option("--max-num-seqs <n>", "Requests of a batch (default the bundle's own)", positive)
    .option("--max-kv <n>", "Longest history, in tokens (default the bundle's own)", positive)
    .option("--json", "Print the coverage as JSON")
    .addOption(verboseFlag())
    .action((dir: string, { json = false, maxNumBatchedTokens, maxNumSeqs, maxKv }: CoverageFlags) => {
      const need = {
        ...maxNumBatchedTokens !== undefined && { maxNumBatchedTokens },
        ...maxNumSeqs !== undefined && { maxNumSeqs },
        ...maxKv !== undefined && { maxKv },
      };
      return run(() => coverageCommand(dir, { json, need }, terminal));
    });

  program.command("pack")
    .summary("pack a bundle's journal, to publish it")
    .description("Makes journal.jsonl.gz of journal.jsonl; a run that adds to the bundle unpacks it again.")
    .addArgument(new Argument("<bundle>", "The bundle's folder"))
    .addOption(verboseFlag())
    .action((dir: string) => run(() => packCommand(dir, terminal)));

  program.command("report")
    .summary("write all that there is to see of a bundle as one HTML file")
    .description(
      "Writes a bundle's figures and findings, or those of two bundles side by side, as one HTML file.",
    )
    .addArgument(new Argument("<bundle>", "The bundle's folder"))
    .addArgument(new Argument("[other]", "A bundle to compare it with"))
    .requiredOption("--out <file>", "The report, HTML")
    .option("--config-dir <folder>", "Where models are, for whole iterations", "configs")
    .addOption(verboseFlag())
    .action((dir: string, other: string | undefined, flags: { out: string; configDir: string }) =>
      run(() => reportCommand(other === undefined ? [dir] : [dir, other], flags, terminal))
    );
}
