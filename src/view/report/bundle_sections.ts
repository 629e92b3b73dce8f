/**
 * The parts of a bundle's report.
 *
 * @module
 */
import { coverage } from "../../check/coverage.ts";
import { type CoverageNeed, ownNeed } from "../../check/coverage_need.ts";
import type { Bundle, WholeBundle } from "../../bundle/open.ts";
import { skewScale } from "../../check/skew_scale.ts";
import { validate } from "../../check/validate.ts";
import { CONFIG_DIR } from "../../config_dir.ts";
import { UsageError } from "../../errors.ts";
import type { Model } from "../../model/model.ts";
import type { BlockPool } from "../../predict/batch_blocks.ts";
import { predictor } from "../../predict/predictor.ts";
import { type HardwareSheet, sheetOf } from "../../roofline/hardware.ts";
import { fits } from "../../serving/capacity.ts";
import { estimateRows } from "../estimate.ts";
import { achievedRows } from "../achieved.ts";
import { type Figure, subjectOf } from "../figure.ts";
import { type Choice, figureMenu } from "../figure_menu.ts";
import { attentionMap, prefillMap } from "../figures/attention_map.ts";
import { attentionSlices } from "../figures/attention_slices.ts";
import { coverageMap } from "../figures/coverage_map.ts";
import { iterationTimes } from "../figures/iteration.ts";
import { layerTimes } from "../figures/layer_times.ts";
import { linearAttentionMap } from "../figures/linear_attention_map.ts";
import { moeMap } from "../figures/moe_map.ts";
import { noise } from "../figures/noise.ts";
import { rooflinePlot } from "../figures/roofline_plot.ts";
import { skewAlpha } from "../figures/skew_alpha.ts";
import { predictedOverMeasured, residuals } from "../figures/skew_predicted.ts";
import { tpScaling } from "../figures/tp_scaling.ts";
import { bundleCommunication, decodeIterations } from "../iterations.ts";
import { predictSkew } from "../predictions.ts";
import { formatCount, plural } from "../../count_text.ts";
import { type LayerSamples, readTimeline } from "../timeline.ts";
import { bundleFacts } from "./facts.ts";
import { issueTable } from "./issue_table.ts";
import { menuChunks } from "./menu_chunks.ts";
import type { Section } from "./section.ts";
import { distinct } from "../../stats.ts";

/** KV length of the decodes whose iterations are taken apart, where the bundle reaches as far. */
const USUAL_KV = 2048;

/** What a report may use beside the bundle. */
export interface BundleReportOptions {
  /** The bundle's model, for whole iterations; without it there are none. */
  readonly model?: Model;
  /** How far a run reaches. @default {"what the bundle was measured for"} */
  readonly need?: CoverageNeed;
}

/**
 * Gathers all that there is to see of a bundle.
 *
 * @param bundle The bundle.
 * @param options What else is known.
 * @returns The parts in their order; what the bundle has no data for is left out.
 */
export async function bundleSections(bundle: Shown, options: BundleReportOptions = {}): Promise<Section[]> {
  const { model } = options;
  const need = options.need ?? ownNeed(bundle);
  const [issues, { samples, clocks, drifts }] = await Promise.all([
    validate(bundle.dir, model && { architecture: model.architecture }),
    readTimeline(bundle.dir),
  ]);
  const sections: Section[] = [
    { heading: "Summary", tables: [bundleFacts(bundle)] },
    issues.length === 0 ? { heading: "Findings", text: "The validator finds nothing." } : {
      heading: "Findings",
      text: "What the validator says; an error makes a simulator fail or answer wrongly.",
      tables: [issueTable(issues)],
    },
  ];
  const [tp = 1] = bundle.tps;
  sections.push({ heading: "Layers", figures: await layerFigures(bundle, tp, samples) });
  sections.push({ heading: "Attention", figures: attentionFigures(bundle, tp, samples) });
  sections.push({ heading: "Achieved rates", figures: await rateFigures(bundle) });
  const recurrent = Map.groupBy(bundle.table(tp, "linear_attention"), ({ layer }) => layer ?? "");
  if (recurrent.size > 0) {
    const subject = subjectOf(bundle, tp);
    const figures = [...recurrent.values()].map((rows) => linearAttentionMap({ subject, rows }));
    sections.push({ heading: "Recurrent layers", figures });
  }
  const experts = bundle.table(tp, "moe");
  if (experts.length > 0) {
    sections.push({
      heading: "Experts",
      figures: [moeMap({ subject: subjectOf(bundle, tp), rows: experts })],
    });
  }
  if (model !== undefined) {
    sections.push({ heading: "A whole iteration", figures: await iterationFigures(bundle, model) });
  }
  sections.push({ heading: "Tensor parallelism", figures: scalingFigures(bundle) });
  sections.push({ heading: "Coverage", figures: coverageFigures(bundle, need) });
  sections.push(...bundle.tps.flatMap((degree) => skewSection(bundle, degree)));
  if (samples.length > 0) {
    sections.push({
      heading: "Noise",
      figures: [noise({ subject: subjectOf(bundle, tp), samples, clocks, drifts })],
    });
  }
  sections.push({ heading: "Cite this bundle", text: citation(bundle) });
  return sections.filter(({ figures, tables, text }) => figures?.length !== 0 || tables || text);
}

/** What a publication says about the bundle. */
function citation({ meta }: Bundle): string {
  const { model = "?", hardware = "?", variant = "?", engine = "?", engine_version: version = "" } = meta;
  const made = meta.quantity === "estimate" ? "estimated" : "measured";
  const day = meta.profiled_at === undefined ? "" : ` ${String(meta.profiled_at).slice(0, 10)}`;
  const source = meta.source_sha256 === undefined ? "" : `, source ${meta.source_sha256.slice(0, 12)}`;
  return `${model} on ${hardware}, ${variant}, ${made}${day} with ${
    `${engine} ${version}`.trim()
  } by shotlab${meta.profiler_version === undefined ? "" : ` ${meta.profiler_version}`}${source}.`;
}

async function layerFigures(
  bundle: Bundle,
  tp: number,
  samples: readonly LayerSamples[],
): Promise<Figure[]> {
  const figures: Figure[] = [];
  for (const [table, size] of [["dense", "tokens"], ["per_sequence", "sequences"]] as const) {
    const rows = bundle.table(tp, table);
    if (rows.length === 0) continue;
    const estimate = await estimateRows(bundle, tp, table);
    figures.push(
      layerTimes({ subject: subjectOf(bundle, tp), size, rows, samples, ...estimate && { estimate } }),
    );
  }
  return figures;
}

/** A bundle; one with all rows of a category also has those of kernels that August does not read. */
type Shown = Bundle & Partial<Pick<WholeBundle, "shots">>;

/** The attention of each kernel, where the model has several. */
function attentionFigures(bundle: Shown, tp: number, samples: readonly LayerSamples[]): Figure[] {
  const subject = subjectOf(bundle, tp);
  const named = bundle.shots?.(tp, "attention").filter(({ layer, key }) =>
    layer !== null && key.length === 4
  );
  const all = [...named ?? [], ...bundle.table(tp, "attention")];
  const kernels = [...Map.groupBy(all, ({ layer }) => layer)].map(
    ([layer, rows]) => ({
      prefix: layer === null ? "" : `${layer}, `,
      input: { subject, rows, samples, estimated: bundle.estimated(tp) },
    }),
  );
  const beside = (draw: typeof attentionMap): Choice[] =>
    kernels.flatMap(({ prefix, input }) => {
      const mixed = input.rows.filter(({ key }) => key[1] === 0 && key[2]! > 0);
      return menuChunks(distinct(mixed.map(({ key }) => key[0]!))).map((chunk) => ({
        name: prefix + (chunk === 0 ? "decodes alone" : `with a prefill of ${formatCount(chunk)}`),
        figure: draw({ ...input, chunk }),
      }));
    });
  const alone = kernels.filter(({ input }) => input.rows.some(({ key }) => key[2] === 0)).map(
    ({ prefix, input }) => ({ name: `${prefix}prefills alone`, figure: prefillMap(input) }),
  );
  return [beside(attentionMap), beside(attentionSlices), alone].filter(({ length }) => length > 0).map(
    figureMenu,
  );
}

/** The rows of every degree as points of a roofline; none where the device or the model has no sheet. */
async function rateFigures(bundle: Bundle): Promise<Figure[]> {
  if (bundle.meta.quantity === "estimate") return [];
  const choices: Choice[] = [];
  for (const tp of bundle.tps) {
    const achieved = await achievedRows(bundle, tp).catch((error) => {
      if (error instanceof UsageError) return null;
      throw error;
    });
    if (achieved === null || !achieved.rows.some(({ tflops }) => tflops > 0)) continue;
    choices.push({ name: `tp ${tp}`, figure: rooflinePlot({ subject: subjectOf(bundle, tp), achieved }) });
  }
  return choices.length === 0 ? [] : [figureMenu(choices)];
}

/** Batches that the device holds, where there is a sheet of it. */
async function iterationFigures(bundle: Bundle, model: Model): Promise<Figure[]> {
  const sheet = await sheetOf(bundle.meta.gpu ?? "", CONFIG_DIR);
  const communicationAt = await bundleCommunication(bundle);
  const choices = bundle.tps.flatMap((tp): Choice[] => {
    const decodes = bundle.table(tp, "attention").filter(({ key }) => key[0] === 0);
    if (decodes.length === 0) return [];
    const longest = decodes.reduce((most, { key }) => Math.max(most, key[3]!), 0);
    const kv = Math.min(USUAL_KV, longest);
    const requests = distinct(decodes.map(({ key }) => key[2]!));
    const pool = sheet === null ? null : poolOf(model, sheet, tp);
    const communication = communicationAt(tp);
    const all = decodeIterations(bundle, model, {
      ...{ tp, kv, requests, communication },
      ...pool !== null && { pool },
    });
    const points = all.filter(([, { kv: held }]) => held?.fits !== false);
    if (points.length === 0) return [];
    const left = all.find(([, { kv: held }]) => held?.fits === false);
    const batch = `every request decodes at KV length ${formatCount(kv)}` +
      (left === undefined ? "" : `; ${formatCount(left[0])} do not fit the device`);
    return [{ name: `tp ${tp}`, figure: iterationTimes({ subject: subjectOf(bundle, tp), batch, points }) }];
  });
  return choices.length === 0 ? [] : [figureMenu(choices)];
}

/** The KV blocks beside the model's weights, null where its sizes or types are not known. */
function poolOf(model: Model, sheet: HardwareSheet, tp: number): BlockPool | null {
  try {
    return fits(model, sheet, { tp });
  } catch (error) {
    if (error instanceof UsageError) return null;
    throw error;
  }
}

function scalingFigures(bundle: Bundle): Figure[] {
  if (!bundle.tps.includes(1)) return [];
  return bundle.tps.filter((tp) => tp > 1).flatMap((tp) => {
    const [base, rows] = [bundle.table(1, "dense"), bundle.table(tp, "dense")];
    return rows.length === 0 ? [] : [tpScaling({ subject: subjectOf(bundle, tp), base, rows })];
  });
}

function coverageFigures(bundle: Bundle, need: CoverageNeed): Figure[] {
  // Degrees that were measured on the same grid look the same.
  const seen = new Map(
    coverage(bundle, need).attention.filter(({ kernel }) => kernel === undefined).map((one) =>
      [JSON.stringify(one.cells), one] as const
    ).reverse(),
  );
  return [...seen.values()].reverse().map((attention) =>
    coverageMap({ subject: subjectOf(bundle, attention.tp), need, attention })
  );
}

function skewSection(bundle: Bundle, tp: number): Section[] {
  const rows = bundle.skew(tp);
  const subject = subjectOf(bundle, tp);
  if (rows.length === 0 || bundle.table(tp, "attention").length === 0) return [];
  const scale = skewScale(rows, bundle.table(tp, "attention"));
  const predict = predictor(bundle);
  const predictions = rows.map((row) => ({
    group: row.regime,
    measuredUs: row.t_skew_us / scale,
    predictedUs: predictSkew(predict, tp, row),
  }));
  const by = bundle.meta.skew_fit?.enabled === true
    ? "attention.csv and the bundle's fit"
    : "attention.csv alone";
  const summed = scale === 1 ? {} : {
    text: `The times of skew.csv are those of ${
      plural(scale, "iteration")
    }; here they are divided by ${scale}.`,
  };
  return [{
    heading: `Skewed batches, tp ${tp}`,
    ...summed,
    figures: [
      skewAlpha({ subject, rows }),
      predictedOverMeasured({ subject, by, predictions }),
      residuals({ subject, by, predictions }),
    ],
  }];
}
