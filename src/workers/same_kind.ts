/**
 * Whether two harnesses measure the same thing.
 *
 * @module
 */
import type { HarnessInfo } from "../harness/harness.ts";

const COMPARED = ["engine", "engine_version", "device", "driver"] as const;

/** A harness and what messages call it. */
export interface NamedInfo {
  /** Its name. */
  readonly name: string;
  /** Who it is. */
  readonly info: HarnessInfo;
}

/**
 * Where harnesses differ in engine, engine version, device or driver.
 *
 * @param harnesses The harnesses; the others are held against the first.
 * @returns One text per difference, `<field> <value> on <name>, <value> on <name>`.
 */
export function kindDifferences(harnesses: readonly NamedInfo[]): string[] {
  const [first, ...others] = harnesses;
  if (first === undefined) return [];
  return COMPARED.flatMap((field) => {
    const other = others.find(({ info }) => info[field] !== first.info[field]);
    if (other === undefined) return [];
    return [`${field} ${first.info[field]} on ${first.name}, ${other.info[field]} on ${other.name}`];
  });
}

/**
 * Several harnesses as one.
 *
 * @param infos Who they are.
 * @returns The first one's words; where they differ, all different values joined by ` + `; lanes add up.
 */
export function joinedInfo(infos: readonly [HarnessInfo, ...HarnessInfo[]]): HarnessInfo {
  const joined = COMPARED.map((field) => [field, [...new Set(infos.map((info) => info[field]))].join(" + ")]);
  const quantities = infos[0].quantities.filter((quantity) =>
    infos.every((info) => info.quantities.includes(quantity))
  );
  const lanes = infos.reduce((sum, info) => sum + info.lanes, 0);
  return { ...infos[0], ...Object.fromEntries(joined), quantities, lanes };
}
