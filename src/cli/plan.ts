/**
 * `shotlab plan`.
 *
 * @module
 */
import { writeAtomic } from "../files/write.ts";
import { UsageError } from "../errors.ts";
import { loadModel } from "../model/load_model.ts";
import { modelNotices } from "../model/notices.ts";
import { variantNotices } from "../model/variant.ts";
import type { Settings } from "../settings.ts";
import { splitPlan } from "../shots/split_plan.ts";
import { parseLimits } from "../shots/limits_file.ts";
import { formatPlan, planHeader } from "../shots/plan_file.ts";
import { leftOutNotice, planSweeps, type Sweep } from "../shots/plan_sweeps.ts";
import type { Terminal } from "./terminal.ts";

/**
 * Writes the shots of a run to a file, or to several that can be fired independently, and prints how many there are.
 *
 * @param settings The settings.
 * @param files `limits`: what the engine allows, JSON; `out`: the plan to write, JSON Lines; `split`: in how many
 * pieces, `plan.jsonl` becoming `plan-1.jsonl` and so on.
 * @param terminal Where it is printed.
 * @returns The exit status, 0.
 * @throws {UsageError} when the model, a setting or a file breaks a rule.
 */
export async function planCommand(
  settings: Settings,
  files: { readonly limits: string; readonly out: string; readonly split?: number },
  terminal: Pick<Terminal, "out">,
): Promise<number> {
  const limits = parseLimits(await read(files.limits), files.limits);
  const notices: string[] = [];
  const model = await loadModel(settings.model, {
    ...settings,
    onDownload: (message) => notices.push(message),
  });
  const header = planHeader(settings, model);
  const sweeps = settings.tpDegrees.flatMap((tp) =>
    planSweeps({ ...settings, architecture: model.architecture, limits, tp })
  );
  const pieces = files.split === undefined
    ? [{ path: files.out, sweeps }]
    : splitPlan(sweeps, files.split).map((piece, index) => ({
      path: files.out.replace(/(\.[^./]*)?$/, `-${index + 1}$1`),
      sweeps: piece,
    }));
  for (const { path, sweeps } of pieces) {
    await writeAtomic(path, [...formatPlan(header, sweeps), ""].join("\n"));
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
  if (category !== "skew") return `${shots.length} shots`;
  const batches = shots.reduce((sum, shot) => sum + (shot.category === "skew" ? shot.parts.length : 0), 0);
  return `${shots.length} cases, ${batches} shots`;
}

async function read(path: string): Promise<string> {
  try {
    return await Deno.readTextFile(path);
  } catch (cause) {
    throw new UsageError(`Cannot read ${path}: ${(cause as Error).message}`, { cause });
  }
}
