/**
 * The quickstart's run: in the type that the machine computes with, within its time, closed by what there is to see.
 *
 * @module
 */
import { formatCount, plural } from "../../src/count_text.ts";
import type { Bundle } from "../../src/bundle/open.ts";
import { runAndReport } from "../../src/cli/run_and_report.ts";
import type { Terminal } from "../../src/cli/terminal.ts";
import { printIssues } from "../../src/cli/commands/validate.ts";
import type { HarnessInfo } from "../../src/harness/harness.ts";
import { loadModel } from "../../src/model/load_model.ts";
import { formatDuration } from "../../src/progress/duration.ts";
import { runToEnd } from "../../src/run/profile.ts";
import type { Settings } from "../../src/settings.ts";
import { subjectOf } from "../../src/view/figure.ts";
import { layerTimes } from "../../src/view/figures/layer_times.ts";
import { saveFigure } from "../../src/view/render/render.ts";
import { openLanes } from "../../src/workers/open_lanes.ts";
import { chooseDtype } from "./dtype.ts";
import { type Request, wholeCommand } from "./request.ts";

/**
 * Measures, and shows what came of it: a table, a figure, whether the bundle is valid, and what was left out.
 *
 * @param request What is measured.
 * @param terminal Where it is told.
 * @returns The exit status: 1 when shots failed or the bundle is not valid.
 * @throws {UsageError} and what else `profile` throws.
 */
export async function firstRun({ settings: asked, flags }: Request, terminal: Terminal): Promise<number> {
  const settings = await withDtype(asked, terminal);
  return await runAndReport(
    (options) => runToEnd(settings, { ...options, wholeDegrees: true }),
    settings.verbosity,
    terminal,
    async (bundle) => {
      const out = settings.verbosity === "silent" ? () => {} : terminal.out;
      const figure = await firstFigure(bundle);
      if (figure !== null) out(`The first figure is ${figure}\n`);
      const status = await printIssues(bundle.dir, false, { out });
      const left = leftOut(settings, bundle);
      if (left !== null) out(`${left}\nAll of it:  ${wholeCommand({ settings, flags })}\n`);
      return status;
    },
    // A first look at a machine that does other work as well: the doubts are told, and it has done its part.
    { doubtFails: false },
  );
}

/** The settings with a type that is computed as it is, unless somebody has asked for one. */
async function withDtype(settings: Settings, terminal: Terminal): Promise<Settings> {
  if (settings.dtype !== null) return settings;
  const { signal } = terminal;
  const { config } = await loadModel(settings.model, { ...settings, signal });
  const { processor } = await hello(settings, signal);
  const chosen = chooseDtype(config, processor);
  if (chosen === null) return settings;
  if (settings.verbosity !== "silent") terminal.err(`${chosen.reason}\n`);
  return { ...settings, dtype: chosen.dtype };
}

/** Who answers; its engine is not loaded for that. */
async function hello(settings: Settings, signal: AbortSignal): Promise<HarnessInfo> {
  await using lane = await openLanes(settings, { signal });
  return lane.info;
}

/** Draws the times of the layers into the bundle's folder; null when none has a time. */
async function firstFigure(bundle: Bundle): Promise<string | null> {
  const [tp] = bundle.tps;
  const rows = tp === undefined ? [] : bundle.table(tp, "dense");
  if (tp === undefined || rows.length === 0) return null;
  const path = `${bundle.dir}/layer_times.png`;
  await saveFigure(layerTimes({ subject: subjectOf(bundle, tp), size: "tokens", rows }), path);
  return path;
}

/** What the budget has left out, in a sentence; null when it was enough. */
function leftOut({ budget, tpDegrees }: Settings, bundle: Bundle): string | null {
  const degrees = tpDegrees.filter((tp) => !bundle.tps.includes(tp));
  const parts = [
    ...degrees.length > 0 ? [`tp ${degrees.join(", ")}`] : [],
    ...bundle.tps.flatMap((tp) => {
      const predicted = bundle.estimated(tp).length;
      const rows = bundle.table(tp, "attention").length;
      return predicted === 0 ? [] : [
        `${formatCount(predicted)} of ${plural(rows, "attention shot")} at tp ${tp}, ${
          predicted === 1 ? "which is" : "which are"
        } predicted`,
      ];
    }),
  ];
  if (budget === null || parts.length === 0) return null;
  return `Left out, for the run to take about ${formatDuration(budget)}: ${parts.join("; ")}`;
}
