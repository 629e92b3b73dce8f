/**
 * Pixels as a PNG file.
 *
 * Figures are flat areas and thin lines: without filters they take two thirds of the bytes that the renderer's own
 * encoder makes of them, and notebooks keep every figure.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import { crc32, deflateSync } from "node:zlib";

/** A picture on an opaque page. */
export interface Pixels {
  /** Pixels of a line. */
  readonly width: number;
  /** Lines. */
  readonly height: number;
  /** Red, green, blue and alpha of every pixel, line by line; alpha is of no account. */
  readonly pixels: Uint8Array;
}

const SIGNATURE = Buffer.from([137, 80, 78, 71, 13, 10, 26, 10]);

/**
 * Encodes pixels (PNG specification, third edition: 8-bit truecolour, filter type 0).
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
  const header = Buffer.alloc(13);
  header.writeUInt32BE(width, 0);
  header.writeUInt32BE(height, 4);
  header.set([8, 2], 8);
  return Buffer.concat([
    SIGNATURE,
    chunk("IHDR", header),
    chunk("IDAT", deflateSync(scanlines(width, height, pixels), { level: 9 })),
    chunk("IEND", Buffer.alloc(0)),
  ]);
}

/** The lines, each behind a byte for its filter. */
function scanlines(width: number, height: number, pixels: Uint8Array): Uint8Array {
  const lines = new Uint8Array(height * (1 + 3 * width));
  for (let y = 0, to = 0, from = 0; y < height; y++) {
    lines[to++] = 0;
    for (let x = 0; x < width; x++, from += 4) {
      for (let color = 0; color < 3; color++) lines[to++] = pixels[from + color]!;
    }
  }
  return lines;
}

function chunk(type: string, data: Uint8Array): Uint8Array {
  const bytes = Buffer.alloc(12 + data.length);
  bytes.writeUInt32BE(data.length, 0);
  bytes.write(type, 4, "latin1");
  bytes.set(data, 8);
  bytes.writeUInt32BE(crc32(bytes.subarray(4, -4)), bytes.length - 4);
  return bytes;
}
