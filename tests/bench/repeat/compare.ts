// deno-lint-ignore-file no-console
/**
 * Compares shots that were measured a second time with a bundle's rows:
 *
 *     deno run -A tests/bench/repeat/compare.ts perf/H100/meta-llama/Llama-3.1-8B/bf16 results.jsonl --seed 7
 *
 * Prints the figures and writes `perf/evidence/repeat-<model>.json`.
 *
 * @module
 */
import { type Bundle, openBundle } from "../../../src/bundle/open.ts";
import type { Architecture } from "../../../src/model/model.ts";
import { median } from "../../../src/stats.ts";
import { readFired } from "../../../src/journal/fired.ts";
import type { PlanLine } from "../../../src/journal/line.ts";
import { rowText, type ShotId, shotText } from "../../../src/shots/shot_id.ts";
import { CATEGORIES, SKEW_KEY, type SweepCategory } from "../../../src/shots/shot.ts";
import { readText } from "../../../src/files/read.ts";
import { runScript } from "../../../tasks/script.ts";
import { apart, apartText, evidencePath, writeEvidence } from "../apart.ts";
import { refuseOther } from "../same_subject.ts";

/** A shot that was measured again. */
export interface Again {
  /** The shot. */
  readonly shot: ShotId;
  /** Medians by layer, or by part of a skew case, in microseconds. */
  readonly timesUs: Readonly<Record<string, number>>;
}

/** Signed differences of one sweep. */
export interface SweepDifferences {
  /** Tensor-parallel degree. */
  readonly tp: number;
  /** Category. */
  readonly category: SweepCategory;
  /** Shots that both have. */
  readonly shots: number;
  /** The differences, a layer of a shot each. */
  readonly differences: readonly number[];
}

/**
 * Reads the shots of a results file; of one that is there twice the last counts.
 *
 * @param text The file's text.
 * @param path The file, for messages.
 * @returns Its header, the device that fired them last, when it began to, and the shots.
 */
export function parseAgain(
  text: string,
  path: string,
): { header: PlanLine; device: string | undefined; at: string | undefined; again: Again[] } {
  const { header, lines } = readFired(path, new TextEncoder().encode(text + "\n"));
  const again = new Map<string, Again>();
  let device: string | undefined;
  let at: string | undefined;
  for (const line of lines) {
    if (line.type === "session") [device, at] = [line.identity.device, line.started];
    if (line.type !== "shot") continue;
    const timesUs = Object.fromEntries(
      Object.entries(line.samples).map(([layer, samples]) => [layer, median(samples)]),
    );
    again.set(shotText(line), { shot: line, timesUs });
  }
  return { header, device, at, again: [...again.values()] };
}

/**
 * Puts shots beside a bundle's rows. Layers that no degree changes are left out above degree 1, where the rows are
 * copies of degree 1's.
 *
 * @param bundle The bundle.
 * @param again The shots.
 * @param catalog The architecture's layers.
 * @returns The differences, (second - first) / first, by degree and category.
 */
export function compareAgain(
  bundle: Pick<Bundle, "table" | "skew">,
  again: readonly Again[],
  catalog: Architecture["catalog"],
): SweepDifferences[] {
  const sweeps = Map.groupBy(again, ({ shot }) => `${shot.tp} ${shot.category}`);
  return [...sweeps.values()].map((members) => {
    const { tp, category } = members[0]!.shot;
    const first = firstTimes(bundle, tp, category);
    const isOwn = (layer: string): boolean =>
      category === "skew" ? layer === "t_skew" : tp === 1 || !catalog[category]?.[layer]?.tp_stable;
    const found = members.map(({ shot, timesUs }) =>
      Object.entries(timesUs).flatMap(([layer, us]) => {
        const before = first.get(rowText(isLayered(category) ? layer : null, shot.key));
        return before !== undefined && isOwn(layer) ? [us / before - 1] : [];
      })
    );
    const shots = found.filter(({ length }) => length > 0).length;
    return { tp, category, shots, differences: found.flat() };
  }).filter(({ shots }) => shots > 0);
}

function isLayered(category: SweepCategory): boolean {
  return category !== "skew" && CATEGORIES[category].layered;
}

/** The bundle's times by the texts of their rows. */
function firstTimes(
  bundle: Pick<Bundle, "table" | "skew">,
  tp: number,
  category: SweepCategory,
): ReadonlyMap<string, number> {
  if (category === "skew") {
    return new Map(
      bundle.skew(tp).map((row) => [rowText(null, SKEW_KEY.map((column) => row[column])), row.t_skew_us]),
    );
  }
  return new Map(bundle.table(tp, category).map(({ layer, key, timeUs }) => [rowText(layer, key), timeUs]));
}

if (import.meta.main) {
  const usage = "compare.ts BUNDLE RESULTS [--seed NUMBER] [--out FILE]";
  const options = { seed: { type: "string", default: "7" }, out: { type: "string" } } as const;
  await runScript({ usage, options, words: [2, 2] }, async ({ seed, out }, dir, file) => {
    const bundle = await openBundle(dir);
    const { header, device, again } = parseAgain(await readText(file), file);
    const { model } = header.plan.settings;
    refuseOther(bundle, file, { model, ...device !== undefined && { device } });
    const categories = compareAgain(bundle, again, header.plan.architecture.catalog).map((
      { tp, category, shots, differences },
    ) => ({ tp, category, shots, ...apart(differences) }));
    for (const { tp, category, shots, ...figures } of categories) {
      console.log(`tp ${tp} ${category} (${shots} shots): ${apartText(figures)}`);
    }
    await writeEvidence(out ?? evidencePath("repeat", model), {
      kind: "repeat",
      model,
      hardware: bundle.meta.hardware,
      device: bundle.meta.gpu,
      driver: bundle.meta.driver,
      engine_version: bundle.meta.engine_version,
      seed: Number(seed),
      categories,
    });
  });
}
