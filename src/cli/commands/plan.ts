/**
 * `shotlab plan`.
 *
 * @module
 */
import type { Command } from "commander";
import { plural } from "../../count_text.ts";
import { readText } from "../../files/read.ts";
import { writeAtomic } from "../../files/write.ts";
import { loadModel } from "../../model/load_model.ts";
import { modelNotices } from "../../model/notices.ts";
import { variantNotices } from "../../model/variant.ts";
import type { Settings } from "../../settings.ts";
import { parseLimits } from "../../shots/limits_file.ts";
import { formatPlan, planHeader } from "../../shots/plan_file.ts";
import { leftOutNotice, planSweeps, type Sweep } from "../../shots/plan_sweeps.ts";
import { splitPlan } from "../../shots/split_plan.ts";
import { examples, positive, type Run, settingsOf, verboseFlag } from "../command.ts";
import { addFlags, type Flags, PRESETS_HELP, SETTINGS_HELP } from "../flags.ts";
import type { Terminal } from "../terminal.ts";

/** The files, and in how many pieces the plan is written. */
interface PlanFiles {
  /** What the engine allows, JSON. */
  readonly limits: string;
  /** The plan to write, JSON Lines. */
  readonly out: string;
  /** How many pieces, `plan.jsonl` becoming `plan-1.jsonl` and so on. */
  readonly split?: number;
}

/**
 * Declares the command.
 *
 * @param command What is declared.
 * @param run Runs its body.
 */
export function declare(command: Command, run: Run): void {
  command
    .description("Writes the shots that a run would fire to a file; no engine is needed.")
    .optionsGroup("Files to read and write:")
    .requiredOption("--limits <file>", "What the engine allows, JSON")
    .requiredOption("--out <file>", "The plan, JSON Lines")
    .option("--split <n>", "Write so many independent pieces, plan-1.jsonl and so on", positive);
  addFlags(command, ["What to measure", "Sweep", "Skew", "Measurement", "Files"], [
    "sentinelS",
    "sustainS",
    "driftShare",
    "acceptSpeed",
    "perfDir",
  ])
    .addOption(verboseFlag())
    .addHelpText("after", PRESETS_HELP)
    .addHelpText("after", SETTINGS_HELP)
    .addHelpText(
      "after",
      examples("plan --model meta-llama/Llama-3.1-8B --hardware H100 --limits limits.json --out plan.jsonl"),
    )
    .action(({ limits, out, split, ...flags }: Flags & PlanFiles) =>
      run((terminal) =>
        writePlan(settingsOf(flags, terminal), { limits, out, ...split && { split } }, terminal)
      )
    );
}

/** Writes the shots of a run to a file, or to several that can be fired independently, and prints how many there are. */
async function writePlan(
  settings: Settings,
  files: PlanFiles,
  terminal: Pick<Terminal, "out">,
): Promise<number> {
  const limits = parseLimits(await readText(files.limits), files.limits);
  const notices: string[] = [];
  const model = await loadModel(settings.model, {
    ...settings,
    onDownload: (message) => notices.push(message),
  });
  const sweeps = settings.tpDegrees.flatMap((tp) => planSweeps({ ...settings, ...model, limits, tp }));
  const header = planHeader(settings, model, sweeps);
  const pieces = files.split === undefined
    ? [{ path: files.out, sweeps }]
    : splitPlan(sweeps, files.split).map((piece, index) => ({
      path: files.out.replace(/(\.[^./]*)?$/, `-${index + 1}$1`),
      sweeps: piece,
    }));
  const { sustained: _, ...others } = header;
  for (const [index, { path, sweeps }] of pieces.entries()) {
    await writeAtomic(path, [...formatPlan(index === 0 ? header : others, sweeps), ""].join("\n"));
  }
  const counts = sweeps.map((sweep) => `tp ${sweep.tp} ${sweep.category}: ${countText(sweep)}`);
  notices.push(
    ...variantNotices({ ...settings, config: model.config }),
    ...modelNotices(model.config, settings),
    ...sweeps.flatMap((sweep) => leftOutNotice(sweep, limits)),
  );
  const where = pieces.length === 1
    ? pieces[0]!.path
    : `${pieces[0]!.path} to ${pieces.at(-1)!.path}, to be fired in any order and place`;
  terminal.out([...counts, ...notices, `The plan is in ${where}`, ""].join("\n"));
  return 0;
}

function countText({ category, shots }: Sweep): string {
  if (category !== "skew") return plural(shots.length, "shot");
  const batches = shots.reduce((sum, shot) => sum + (shot.category === "skew" ? shot.parts.length : 0), 0);
  return `${plural(shots.length, "case")}, ${plural(batches, "shot")}`;
}
