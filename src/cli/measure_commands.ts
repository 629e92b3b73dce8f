/**
 * The commands that measure: whole runs, and the steps of one that is split.
 *
 * @module
 */
import { Argument, type Command, Option } from "commander";
import { GROUPS } from "../settings/table.ts";
import { CATEGORY_ORDER, type SweepCategory } from "../shots/shot.ts";
import { positive, type Run, settingsOf, verboseFlag } from "./declare.ts";
import { fireCommand } from "./fire.ts";
import { addFlags, type Flags, presetsInWords } from "./flags.ts";
import { ingestCommand } from "./ingest.ts";
import { planCommand } from "./plan.ts";
import { profileCommand } from "./profile.ts";
import { profileAllCommand } from "./profile_all.ts";
import { refreshCommand } from "./refresh.ts";
import type { Terminal } from "./terminal.ts";

const AFTER_HELP = `
${presetsInWords()}

Flags win over environment variables, these over the preset; a variable that is empty is not set.
Every switch has a --no- form, such as --no-skip-skew.
Exit status: 0 done, 1 the data says no (invalid bundle, failed shots), 2 wrong use, 130 cancelled.`;

/** Settings that the results files say, and those of runs. */
const NOT_OF_INGEST = [
  ...["model", "tpDegrees", "dtype", "kvCacheDtype", "variant"] as const,
  ...["measurementIterations", "quantity", "precision", "seed", "sentinelS"] as const,
  ...["force", "yes", "exactGrid", "retryFailed", "configDir"] as const,
];

/** What the command plan takes beside settings. */
type PlanFlags = { limits: string; out: string; split?: number };

/**
 * Declares the commands that measure.
 *
 * @param program What gets them.
 * @param run What runs a command.
 * @param terminal What a command has around it.
 */
export function addMeasureCommands(program: Command, run: Run, terminal: Terminal): void {
  addFlags(program.command("profile"), GROUPS)
    .summary("measure a model's layers into a bundle")
    .description(
      "Measures a model's layers on this hardware into a bundle; goes on from what the bundle has.",
    )
    .addHelpText("after", AFTER_HELP)
    .action((flags: Flags) => run(() => profileCommand(settingsOf(flags, terminal), terminal)));

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
  addFlags(refresh, GROUPS, ["tpDegrees", "adaptive", "budget", "prior", "force", "yes", "retryFailed"])
    .addHelpText("after", AFTER_HELP)
    .action(({ tp, category, ...flags }: Flags & { tp: number; category: SweepCategory }) =>
      run(() => refreshCommand(settingsOf(flags, terminal), { tp, category }, terminal))
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
    .addOption(verboseFlag())
    .addHelpText("after", AFTER_HELP)
    .action(({ limits, out, split, ...flags }: Flags & PlanFlags) =>
      run(() => planCommand(settingsOf(flags, terminal), { limits, out, ...split && { split } }, terminal))
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
}
