/**
 * Whether two harnesses measure the same thing.
 *
 * @module
 */
import type { HarnessInfo } from "../harness/harness.ts";
import { commonProcessor, factText } from "../processor.ts";

const WORDS = ["engine", "engine_version", "device", "driver"] as const;
const COMPARED = [...WORDS, "processor"] as const;

/** A harness and what messages call it. */
export interface NamedInfo {
  /** Its name. */
  readonly name: string;
  /** Who it is. */
  readonly info: HarnessInfo;
}

/**
 * Where harnesses differ in engine, engine version, device, driver or processor.
 *
 * @param harnesses The harnesses; the others are held against the first that tells of a field.
 * @returns One text per difference, `<field> <value> on <name>, <value> on <name>`.
 */
export function kindDifferences(harnesses: readonly NamedInfo[]): string[] {
  return COMPARED.flatMap((field) => {
    const [first, ...others] = harnesses.flatMap(({ name, info: { [field]: fact } }) =>
      fact === undefined ? [] : [{ name, text: factText(fact) }]
    );
    const other = others.find(({ text }) => text !== first!.text);
    return other === undefined
      ? []
      : [`${field} ${first!.text} on ${first!.name}, ${other.text} on ${other.name}`];
  });
}

/**
 * Several harnesses as one.
 *
 * @param infos Who they are.
 * @returns The first one's words; where they differ, all different values joined by ` + `; lanes add up.
 */
export function joinedInfo(infos: readonly [HarnessInfo, ...HarnessInfo[]]): HarnessInfo {
  const joined = WORDS.map((field) => [field, [...new Set(infos.map((info) => info[field]))].join(" + ")]);
  const quantities = infos[0].quantities.filter((quantity) =>
    infos.every((info) => info.quantities.includes(quantity))
  );
  const lanes = infos.reduce((sum, info) => sum + info.lanes, 0);
  const [processor, ...others] = infos.flatMap((info) => info.processor ?? []);
  return {
    ...infos[0],
    ...Object.fromEntries(joined),
    quantities,
    lanes,
    ...processor && { processor: commonProcessor([processor, ...others]) },
  };
}
