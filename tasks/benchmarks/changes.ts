/**
 * What two ways of measuring make of one model on one device.
 *
 * @module
 */
import { diffBundles, type TableDiff } from "../../src/check/diff.ts";
import { compareTexts } from "../../src/compare.ts";
import { formatCount } from "../../src/count_text.ts";
import { table } from "./markdown.ts";
import type { Published } from "./published.ts";

/**
 * The section of bundles that differ in their variant alone.
 *
 * @param published The bundles, by hardware and model.
 * @param nameOf What a bundle is called.
 * @returns Title, text and table; nothing where no model has two bundles of one device.
 */
export function changesSection(
  published: readonly Published[],
  nameOf: (one: Published) => string,
): string[] {
  const groups = Map.groupBy(published, ({ bundle: { meta } }) => `${meta.gpu} ${meta.model}`);
  const madeAt = ({ bundle }: Published): string => bundle.meta.profiled_at ?? "";
  const byAge = (a: Published, b: Published): number => compareTexts(madeAt(a), madeAt(b));
  const rows = [...groups.values()].map((group) => group.toSorted(byAge)).flatMap(([first, ...others]) =>
    others.flatMap((other) =>
      diffBundles(first!.bundle, other.bundle).tables.filter(({ ratio }) => ratio !== null)
        .map((diff) => [nameOf(other), ...changeCells(diff)])
    )
  );
  if (rows.length === 0) return [];
  return [
    "## Two bundles of one device",
    "Times of a later bundle over those of the first of the same model and device, row by row, of the rows that both " +
    "have. What changed between those of the H200 is the [layer before](gpu-timing.md#a-layer-before) the timed one.",
    table(["bundle", "tp", "sweep", "layer", "rows", "10%", "median", "90%"], rows),
  ];
}

function changeCells({ tp, table, layer, common, ratio }: TableDiff): string[] {
  const { p10, p50, p90 } = ratio!;
  return [
    ...[String(tp), table, layer ?? "-", formatCount(common)],
    ...[p10, p50, p90].map((one) => one.toFixed(3)),
  ];
}
