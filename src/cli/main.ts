/**
 * The command line: commands and their flags, errors as exit statuses.
 *
 * @module
 */
import { Argument, Command, InvalidArgumentError, Option } from "commander";
import type { CoverageNeed } from "../bundle/coverage.ts";
import { resolveFlags, type Settings } from "../settings.ts";
import { GROUPS } from "../settings/table.ts";
import type { FitMethod } from "../fit/fit_skew.ts";
import { CATEGORY_ORDER, type SweepCategory } from "../sweep/shot.ts";
import { VERSION } from "../version.ts";
import { CONFORMANCE_MODEL, conformanceCommand } from "./conformance.ts";
import { fitCommand } from "./fit.ts";
import { predictCommand } from "./predict.ts";
import { coverageCommand } from "./coverage.ts";
import { diffCommand } from "./diff.ts";
import { addFlags, type Flags, presetsInWords, settingsAmong } from "./flags.ts";
import { fireCommand } from "./fire.ts";
import { ingestCommand } from "./ingest.ts";
import { planCommand } from "./plan.ts";
import { profileCommand } from "./profile.ts";
import { profileAllCommand } from "./profile_all.ts";
import { refreshCommand } from "./refresh.ts";
import { reportCommand } from "./report.ts";
import { reportError } from "./report_error.ts";
import type { Terminal } from "./terminal.ts";
import { validateCommand } from "./validate.ts";

const AFTER_HELP = `
${presetsInWords()}

Flags win over environment variables, these over the preset; a variable that is empty is not set.
Every switch has a --no- form, such as --no-skip-skew.
Exit status: 0 done, 1 the data says no (invalid bundle, failed shots), 2 wrong use, 130 cancelled.`;

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

/** Settings of runs that a command without one has no use for. */
const RUN_ONLY = ["force", "yes", "exactGrid", "retryFailed", "allowMixed"] as const;

/** Settings that the results files say, and those of runs. */
const NOT_OF_INGEST = [
  ...["model", "tpDegrees", "dtype", "kvCacheDtype", "variant"] as const,
  ...["measurementIterations", "quantity", "precision", "seed", "sentinelS"] as const,
  ...["force", "yes", "exactGrid", "retryFailed", "configDir"] as const,
];

/** What the command plan takes beside settings. */
type PlanFlags = { limits: string; out: string; split?: number };

type Run = (command: () => Promise<number>) => Promise<void>;

function commands(terminal: Terminal, run: Run): Command {
  const program = new Command("shotlab")
    .description(
      "Measures how long each layer of a model takes on a piece of hardware, for serving simulators.",
    )
    .version(VERSION)
    .exitOverride()
    .configureOutput({ writeOut: terminal.out, writeErr: terminal.err });
  const settings = (flags: Flags): Settings => resolveFlags(settingsAmong(flags), terminal.env);
  const verbose = new Option("--verbose", "Show where an error comes from").helpGroup("Options:");

  addFlags(program.command("profile"), GROUPS)
    .summary("measure a model's layers into a bundle")
    .description(
      "Measures a model's layers on this hardware into a bundle; goes on from what the bundle has.",
    )
    .addHelpText("after", AFTER_HELP)
    .action((flags: Flags) => run(() => profileCommand(settings(flags), terminal)));

  const profileAll = program.command("profile-all")
    .summary("measure the layers of several models, each into its bundle")
    .description(
      "Measures several models one after the other; one that fails does not stop the others. " +
        "Called again, it goes on from what the bundles have.",
    )
    .optionsGroup("Models:")
    .option(
      "--models <list>",
      "Names <org>/<name>, joined by commas (default: those of the file, or the reference's)",
    )
    .option("--file <file>", "Models and settings, YAML; flags win over it");
  addFlags(profileAll, GROUPS, ["model"])
    .addHelpText("after", AFTER_HELP)
    .action((flags: Flags) => run(() => profileAllCommand(flags, terminal)));

  const refresh = program.command("refresh")
    .summary("measure one category of one tensor-parallel degree again")
    .description(
      "Measures one category of one tensor-parallel degree again; a row stands until its successor does.",
    )
    .optionsGroup("What to measure again:")
    .requiredOption("--tp <n>", "Tensor-parallel degree", positive)
    .addOption(
      new Option("--category <name>", "Category").choices([...CATEGORY_ORDER, "skew"]).makeOptionMandatory(),
    );
  addFlags(refresh, GROUPS, ["tpDegrees", "force", "yes", "retryFailed"])
    .addHelpText("after", AFTER_HELP)
    .action(({ tp, category, ...flags }: Flags & { tp: number; category: SweepCategory }) =>
      run(() => refreshCommand(settings(flags), { tp, category }, terminal))
    );

  const plan = program.command("plan")
    .summary("write the shots of a run to a file, without an engine")
    .description("Writes the shots that a run would fire to a file; no engine is needed.")
    .optionsGroup("Files to read and write:")
    .requiredOption("--limits <file>", "What the engine allows, JSON")
    .requiredOption("--out <file>", "The plan, JSON Lines")
    .option("--split <n>", "Write so many independent pieces, plan-1.jsonl and so on", positive);
  addFlags(plan, ["What to measure", "Sweep", "Skew", "Measurement", "Files"], [
    "sentinelS",
    "driftShare",
    "perfDir",
  ])
    .addOption(verbose)
    .addHelpText("after", AFTER_HELP)
    .action(({ limits, out, split, ...flags }: Flags & PlanFlags) =>
      run(() => planCommand(settings(flags), { limits, out, ...split && { split } }, terminal))
    );

  const fire = program.command("fire")
    .summary("fire a plan into a results file, without a bundle")
    .description("Fires what a results file lacks of a plan, on any harness; ingest makes a bundle of it.")
    .addArgument(new Argument("<plan>", "The plan, as the command plan writes it"))
    .optionsGroup("Files to read and write:")
    .requiredOption("--out <file>", "The results, JSON Lines; gone on with when it is there");
  addFlags(fire, ["Measurement", "Engine", "Run"], [
    "measurementIterations",
    "precision",
    "seed",
    "force",
    "yes",
    "exactGrid",
  ])
    .addHelpText("after", AFTER_HELP)
    .action((path: string, flags: Flags & { out: string }) => run(() => fireCommand(path, flags, terminal)));

  const ingest = program.command("ingest")
    .summary("make a bundle of results files")
    .description(
      "Makes or extends the bundle that results files are for; exits with 1 when shots of it failed.",
    )
    .addArgument(new Argument("<results...>", "The files, in any order"));
  addFlags(ingest, ["What to measure", "Measurement", "Run", "Files"], NOT_OF_INGEST)
    .action((files: string[], flags: Flags) => run(() => ingestCommand(files, flags, terminal)));

  program.command("fit")
    .summary("fit the alphas of a bundle's skew cases")
    .description("Fits the alphas anew: rewrites skew_fit.csv and the block of meta.yaml, prints the errors.")
    .addArgument(new Argument("<bundle>", "The bundle's folder"))
    .addOption(
      new Option("--method <name>", "How").choices(["reference", "shrinkage"]).default("shrinkage"),
    )
    .addOption(verbose)
    .action((dir: string, flags: { method: FitMethod }) => run(() => fitCommand(dir, flags, terminal)));

  program.command("predict")
    .summary("answer queries from a bundle, as a simulator would")
    .description("Answers each query of a file with a line of JSON; one that cannot be answered says why.")
    .addArgument(new Argument("<bundle>", "The bundle's folder"))
    .requiredOption("--queries <file>", "The queries, JSON Lines")
    .option(
      "--config-dir <folder>",
      "Where architecture files are, for layers that no degree changes",
      "configs",
    )
    .addOption(verbose)
    .action((dir: string, flags: { queries: string; configDir: string }) =>
      run(() => predictCommand(dir, flags, terminal))
    );

  const conformance = program.command("conformance")
    .summary("check whether a harness meets the protocol")
    .description("Runs a harness through the protocol and says what it does not meet; exits with 1 then.")
    .option("--model <org>/<name>", "A small model that it can boot", CONFORMANCE_MODEL)
    .option("--json", "Print the findings as a JSON array");
  addFlags(conformance, ["Engine", "Run", "Files"], [...RUN_ONLY, "perfDir"])
    .action(({ json, ...flags }: Flags & { json?: boolean }) =>
      run(() =>
        conformanceCommand(settings({ hardware: "conformance", ...flags }), { json: json ?? false }, terminal)
      )
    );

  program.command("validate")
    .summary("check a bundle")
    .description("Checks that simulators can read a bundle; exits with 1 when they cannot.")
    .addArgument(new Argument("<bundle>", "The bundle's folder"))
    .option("--json", "Print the findings as a JSON array")
    .addOption(verbose)
    .action((dir: string, flags: { json?: boolean }) =>
      run(() => validateCommand(dir, { json: flags.json ?? false }, terminal))
    );

  program.command("diff")
    .summary("compare two bundles")
    .description("Says for each table and layer how many times as long the second bundle takes.")
    .addArgument(new Argument("<first>", "A bundle's folder"))
    .addArgument(new Argument("<second>", "Another bundle's folder"))
    .option("--json", "Print the comparison as JSON")
    .addOption(verbose)
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
    .addOption(verbose)
    .action((dir: string, { json = false, maxNumBatchedTokens, maxNumSeqs, maxKv }: CoverageFlags) => {
      const need = {
        ...maxNumBatchedTokens !== undefined && { maxNumBatchedTokens },
        ...maxNumSeqs !== undefined && { maxNumSeqs },
        ...maxKv !== undefined && { maxKv },
      };
      return run(() => coverageCommand(dir, { json, need }, terminal));
    });

  program.command("report")
    .summary("write all that there is to see of a bundle as one HTML file")
    .description(
      "Writes a bundle's figures and findings, or those of two bundles side by side, as one HTML file.",
    )
    .addArgument(new Argument("<bundle>", "The bundle's folder"))
    .addArgument(new Argument("[other]", "A bundle to compare it with"))
    .requiredOption("--out <file>", "The report, HTML")
    .option("--config-dir <folder>", "Where models are, for whole iterations", "configs")
    .addOption(verbose)
    .action((dir: string, other: string | undefined, flags: { out: string; configDir: string }) =>
      run(() => reportCommand(other === undefined ? [dir] : [dir, other], flags, terminal))
    );
  return program;
}

type CoverageFlags = { json?: boolean } & Partial<CoverageNeed>;

function positive(text: string): number {
  if (/^[1-9]\d*$/.test(text)) return Number(text);
  throw new InvalidArgumentError("Expected an integer of at least 1.");
}
