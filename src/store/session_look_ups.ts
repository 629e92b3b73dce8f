/**
 * What a session knows of shots: which have times, which failed, which are in doubt.
 *
 * @module
 */
import type { Architecture } from "../model/model.ts";
import type { Category } from "../shots/shot.ts";
import { tableOf } from "./rows.ts";
import type { Session } from "./session_types.ts";
import { idOf, rowText, shotText } from "../shots/shot_id.ts";
import type { ShownRows } from "./csv_rows.ts";
import { countCases, hasPart, skewedTime, skewProblem, skewTimesOf } from "./skew_times.ts";
import type { BundleState } from "./state.ts";
import { type TimedLayer, timedLayers } from "./timed_layers.ts";

/** What may be asked of a session. */
export type LookUps = Pick<
  Session,
  "timed" | "missing" | "count" | "skewProblem" | "timeUs" | "attention" | "hasFailed" | "inDoubt" | "doubted"
>;

/**
 * Answers from what a bundle holds.
 *
 * @param state What it holds, which may change at any time.
 * @param shown What its files show.
 * @param architecture The layers to measure.
 * @returns The answers.
 */
export function sessionLookUps(state: BundleState, shown: ShownRows, architecture: Architecture): LookUps {
  const { rows, skew, failed, doubts } = state;
  const layersById = new Map<string, readonly TimedLayer[]>();
  function layersOf(category: Category, tp: number): readonly TimedLayer[] {
    const id = `${category} ${tp}`;
    let layers = layersById.get(id);
    if (layers === undefined) layersById.set(id, layers = timedLayers(architecture, category, tp));
    return layers;
  }
  const timed: LookUps["timed"] = (shot) =>
    shot.category === "skew" ? [...shot.parts] : layersOf(shot.category, shot.tp).map(({ name }) => name);
  return {
    timed,
    missing(shot): string[] {
      const { tp, key } = idOf(shot);
      if (shot.category === "skew") {
        const times = skewTimesOf(skew, tp);
        return shot.parts.filter((part) => !hasPart(times, key, part));
      }
      const { category } = shot;
      const table = tableOf(rows, tp, category);
      return layersOf(category, tp)
        .filter(({ layer }) => !table.has(rowText(layer, key)))
        .map(({ name }) => name);
    },
    count: (tp, category) =>
      category === "skew" ? countCases(skewTimesOf(skew, tp)) : tableOf(rows, tp, category).size,
    skewProblem: (tp, again) => skewProblem(skewTimesOf(skew, tp), shown.attention(tp), again),
    timeUs(shot): number | null {
      const { category, tp, key } = idOf(shot);
      if (category === "skew") return skewedTime(skewTimesOf(skew, tp), key);
      return tableOf(rows, tp, category).get(rowText(null, key))?.timeUs ?? null;
    },
    attention: (tp) => [...shown.attention(tp).values()],
    hasFailed: (shot) => failed.size > 0 && failed.has(shotText(idOf(shot))),
    inDoubt: (shot) => doubts.standing > 0 && doubts.isDue(shotText(idOf(shot))),
    doubted(shot, samples): number {
      const known = timed(shot).map((layer) => [layer, samples[layer] ?? []]);
      return doubts.known(shotText(idOf(shot)), Object.fromEntries(known));
    },
  };
}
