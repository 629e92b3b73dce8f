/**
 * Attention shots as numbers in memory that threads share: objects would be copied for each.
 *
 * @module
 */
import type { AttentionShot } from "../shots/shot.ts";

/** Shots, as {@linkcode packShots} packs them. */
export interface PackedShots {
  /** New tokens of the prefills, decodes, their history and new tokens, then each prefill's new tokens and history. */
  readonly numbers: Float64Array;
  /** Where the numbers of each shot begin, and where those of the last end. */
  readonly starts: Int32Array;
}

/** Numbers before those of the prefills. */
const HEAD = 4;

/**
 * Packs shots.
 *
 * @param shots The shots.
 * @returns Their numbers.
 */
export function packShots(shots: readonly AttentionShot[]): PackedShots {
  const starts = new Int32Array(new SharedArrayBuffer(4 * (shots.length + 1)));
  for (const [i, shot] of shots.entries()) starts[i + 1] = starts[i]! + HEAD + 2 * prefillsOf(shot).length;
  const numbers = new Float64Array(new SharedArrayBuffer(8 * starts[shots.length]!));
  for (const [i, shot] of shots.entries()) {
    const { prefill_chunk, n_decode, kv_decode, decode_q_len = 1 } = shot;
    numbers.set([prefill_chunk, n_decode, kv_decode, decode_q_len, ...prefillsOf(shot).flat()], starts[i]);
  }
  return { numbers, starts };
}

/** New tokens and history of each of a shot's prefills. */
export function prefillsOf(
  { prefill_chunk: chunk, kv_prefill, prefills }: AttentionShot,
): readonly (readonly [chunk: number, history: number])[] {
  return prefills ?? (chunk > 0 ? [[chunk, kv_prefill]] : []);
}

/**
 * A shot of some that are packed.
 *
 * @param packed The shots.
 * @param at Which.
 * @returns The shot, its prefills listed; its degree is not known.
 */
export function unpackedShot({ numbers, starts }: PackedShots, at: number): AttentionShot {
  const start = starts[at]!;
  const prefills: (readonly [number, number])[] = [];
  for (let i = start + HEAD; i < starts[at + 1]!; i += 2) prefills.push([numbers[i]!, numbers[i + 1]!]);
  return {
    category: "attention",
    tp: 1,
    prefill_chunk: numbers[start]!,
    kv_prefill: prefills[0]?.[1] ?? 0,
    n_decode: numbers[start + 1]!,
    kv_decode: numbers[start + 2]!,
    decode_q_len: numbers[start + 3]!,
    prefills,
  };
}
