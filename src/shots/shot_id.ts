/**
 * Names of shots and rows for look-ups.
 *
 * @module
 */
import { type Shot, shotKey, type SweepCategory } from "./shot.ts";

/** What identifies a shot in a bundle. */
export interface ShotId {
  /** Category of the shot. */
  readonly category: SweepCategory;
  /** Tensor-parallel degree. */
  readonly tp: number;
  /** The key's values, in the order of the category's columns. */
  readonly key: readonly number[];
}

/**
 * What identifies a shot.
 *
 * @param shot The shot.
 * @returns Category, degree and key.
 */
export function idOf(shot: Shot): ShotId {
  return { category: shot.category, tp: shot.tp, key: shotKey(shot) };
}

/**
 * The text of a shot's identity.
 *
 * @param id Category, degree and key.
 * @returns A text that is equal for equal shots only.
 */
export function shotText(id: ShotId): string {
  return `${id.category} tp${id.tp} ${id.key.join(",")}`;
}

/**
 * The text of a row's identity within its table.
 *
 * @param layer The row's layer, null where rows have none.
 * @param key The key's values.
 * @returns A text that is equal for equal rows only.
 */
export function rowText(layer: string | null, key: readonly number[]): string {
  return `${layer ?? ""} ${key.join(",")}`;
}
