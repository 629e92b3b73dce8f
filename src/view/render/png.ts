/**
 * Pixels as a PNG file.
 *
 * Figures are flat areas and thin lines: without filters they take two thirds of the bytes that the renderer's own
 * encoder makes of them, and notebooks keep every figure.
 *
 * @module
 */
import { encode } from "fast-png";

/** A picture on an opaque page. */
export interface Pixels {
  /** Pixels of a line. */
  readonly width: number;
  /** Lines. */
  readonly height: number;
  /** Red, green, blue and alpha of every pixel, line by line; alpha is of no account. */
  readonly pixels: Uint8Array;
}

/**
 * Encodes pixels as 8-bit truecolour.
 *
 * @param picture The pixels.
 * @returns The file's bytes.
 *
 * @example
 * ```ts
 * import { encodePng } from "./png.ts";
 * import assert from "node:assert/strict";
 * const bytes = encodePng({ width: 2, height: 1, pixels: Uint8Array.of(255, 0, 0, 255, 0, 0, 255, 255) });
 * assert.equal(String.fromCharCode(...bytes.subarray(1, 4)), "PNG");
 * ```
 */
export function encodePng({ width, height, pixels }: Pixels): Uint8Array {
  const data = pixels.filter((_, index) => index % 4 !== 3);
  return encode({ width, height, data, channels: 3, depth: 8 }, { zlib: { level: 9 } });
}
