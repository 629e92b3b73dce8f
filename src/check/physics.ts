/**
 * Times that physics makes doubtful. Each may be real (another kernel takes over at some size, a cache ends), so they
 * are warnings; whoever reads a bundle should have looked at them once.
 *
 * @module
 */
import { CATEGORIES, type Category, CATEGORY_ORDER } from "../shots/shot.ts";
import type { Issue } from "../bundle/issue.ts";
import { tablePath } from "../bundle/layout.ts";
import type { Row } from "../bundle/tables.ts";
import { plural } from "../count_text.ts";
import { upperMedian } from "../stats.ts";

/** What the checks read of a bundle. */
export interface PhysicsSource {
  /** The bundle's folder. */
  readonly dir: string;
  /** Tensor-parallel degrees, ascending. */
  readonly tps: readonly number[];
  /** The rows of a category at a degree. */
  table(tp: number, category: Category): readonly Row[];
}

/** Twice the size in less than this share of the time is doubtful; noise stays above it. */
const FALL = 0.75;
/** So many times as steep as the size is a doubtful step. */
const STEP = 1.8;
/** A layer that takes this much longer at a larger degree, at the median, is doubtful. */
const SLOWER = 1.05;
/** All experts should take at least so many times as long as few. */
const MORE_EXPERTS = 1.1;

/**
 * Looks for doubtful times.
 *
 * @param source The bundle.
 * @returns A warning for each layer and kind, with the number of places and the worst of them.
 */
export function checkPhysics(source: PhysicsSource): Issue[] {
  const { dir, tps, table } = source;
  return tps.flatMap((tp, position) => [
    ...CATEGORY_ORDER.flatMap((category) => {
      const path = tablePath(dir, tp, category);
      return byLayer(table(tp, category)).flatMap(([layer, rows]) => [
        ...falls(category, layer, rows, path),
        ...(category === "dense" || category === "per_sequence" ? steps(category, layer, rows, path) : []),
      ]);
    }),
    ...(position === 0 ? flatExperts(table(tp, "moe"), tablePath(dir, tp, "moe")) : []),
    ...(position === 0 ? [] : slowerDegrees(source, tps[position - 1]!, tp)),
  ]);
}

/** A place where something is doubtful, and how much. */
interface Doubt {
  readonly key: readonly number[];
  readonly ratio: number;
}

function falls(category: Category, layer: string | null, rows: readonly Row[], path: string): Issue[] {
  const { columns } = CATEGORIES[category];
  const times = new Map(rows.map(({ key, timeUs }) => [key.join(), timeUs]));
  return columns.flatMap((column, axis) => {
    const doubts = rows.flatMap(({ key, timeUs }): Doubt[] => {
      if (key[axis] === 0) return [];
      const doubled = key.with(axis, key[axis]! * 2);
      const ratio = (times.get(doubled.join()) ?? timeUs) / timeUs;
      return ratio < FALL ? [{ key: doubled, ratio }] : [];
    });
    if (doubts.length === 0) return [];
    const worst = doubts.reduce((a, b) => b.ratio < a.ratio ? b : a);
    return [warning("time-falls", path, layer, column, {
      message: `The time falls while ${column} doubles, at ${plural(doubts.length, "place")}`,
      found: `${worst.ratio.toFixed(2)} of the time at ${keyText(category, worst.key)}`,
      expected: `no less than ${FALL} of it`,
    })];
  });
}

function steps(category: Category, layer: string | null, rows: readonly Row[], path: string): Issue[] {
  const [column = ""] = CATEGORIES[category].columns;
  const sorted = rows.toSorted((a, b) => a.key[0]! - b.key[0]!);
  const doubts = sorted.slice(1).flatMap(({ key, timeUs }, i): Doubt[] => {
    const before = sorted[i]!;
    const ratio = timeUs / before.timeUs;
    return ratio > STEP * key[0]! / before.key[0]! ? [{ key, ratio }] : [];
  });
  if (doubts.length === 0) return [];
  const worst = doubts.reduce((a, b) => b.ratio > a.ratio ? b : a);
  return [warning("time-step", path, layer, column, {
    message: `The time jumps from one size to the next, at ${plural(doubts.length, "place")}`,
    found: `${worst.ratio.toFixed(2)} times at ${keyText(category, worst.key)}`,
    expected: `less than ${STEP} times the growth of ${column}`,
  })];
}

function flatExperts(rows: readonly Row[], path: string): Issue[] {
  const growths = [...Map.groupBy(rows, ({ key }) => key[0]!).values()].flatMap((column) => {
    const sorted = column.toSorted((a, b) => a.key[1]! - b.key[1]!);
    return sorted.length < 2 ? [] : [sorted.at(-1)!.timeUs / sorted[0]!.timeUs];
  });
  if (growths.length === 0) return [];
  const most = Math.max(...growths);
  if (most >= MORE_EXPERTS) return [];
  return [warning("moe-flat", path, null, "activated_experts", {
    message: "The time does not grow with the experts, as if the routing were not the forced one",
    found: `${most.toFixed(2)} times at most`,
    expected: `${MORE_EXPERTS} times somewhere`,
  })];
}

function slowerDegrees({ dir, table }: PhysicsSource, below: number, tp: number): Issue[] {
  return (["dense", "per_sequence", "attention"] as const).flatMap((category) => {
    const before = new Map(byLayer(table(below, category)));
    return byLayer(table(tp, category)).flatMap(([layer, rows]) => {
      const times = new Map((before.get(layer) ?? []).map(({ key, timeUs }) => [key.join(), timeUs]));
      const ratios = rows.flatMap(({ key, timeUs }) => {
        const other = times.get(key.join());
        return other === undefined ? [] : [timeUs / other];
      });
      const middle = upperMedian(ratios);
      if (!(middle > SLOWER)) return [];
      return [warning("tp-slower", tablePath(dir, tp, category), layer, "time_us", {
        message: `A device's share at tp ${tp} takes longer than at tp ${below}`,
        found: `${middle.toFixed(2)} times at the median`,
        expected: `at most ${SLOWER} times`,
      })];
    });
  });
}

function warning(
  code: string,
  path: string,
  layer: string | null,
  column: string,
  facts: Pick<Issue, "message" | "found" | "expected">,
): Issue {
  const { message, ...others } = facts;
  const about = layer === null ? message : `${layer}: ${message}`;
  return { code, severity: "warning", path, column, message: about, ...others };
}

function byLayer(rows: readonly Row[]): [string | null, Row[]][] {
  return [...Map.groupBy(rows, ({ layer }) => layer)];
}

function keyText(category: Category, key: readonly number[]): string {
  return CATEGORIES[category].columns.map((column, i) => `${column} ${key[i]}`).join(", ");
}
