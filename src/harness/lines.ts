/**
 * Text lines out of streams of bytes.
 *
 * @module
 */
import { plural } from "../count_text.ts";

/**
 * The lines of a stream, without their ends, as they come. No more than a chunk and an unfinished line are held. An
 * unfinished last line is dropped: whoever wrote it died over it.
 *
 * @param chunks UTF-8 bytes.
 * @param maxChars Longest line.
 * @returns The lines.
 * @throws {RangeError} when a line is longer than allowed.
 *
 * @example
 * ```ts
 * import { textLines } from "./lines.ts";
 * import assert from "node:assert/strict";
 * const bytes = new TextEncoder().encode("one\ntwo\nthr");
 * assert.deepEqual(await Array.fromAsync(textLines(ReadableStream.from([bytes]), 80)), ["one", "two"]);
 * ```
 */
export async function* textLines(
  chunks: AsyncIterable<Uint8Array>,
  maxChars: number,
): AsyncGenerator<string> {
  const decoder = new TextDecoder();
  let rest = "";
  for await (const chunk of chunks) {
    const lines = (rest + decoder.decode(chunk, { stream: true })).split("\n");
    rest = lines.pop()!;
    if (rest.length > maxChars) {
      throw new RangeError(
        `a line may have ${plural(maxChars, "character")}, got more: ${JSON.stringify(rest.slice(0, 80))}`,
      );
    }
    yield* lines;
  }
}

/**
 * The lines of a log as they come, a progress bar's carriage returns taken for ends; blank ones are passed over and
 * long ones cut.
 *
 * @param chunks UTF-8 bytes.
 * @param maxChars Longest line.
 * @returns The lines.
 */
export async function* logLines(chunks: AsyncIterable<Uint8Array>, maxChars: number): AsyncGenerator<string> {
  const decoder = new TextDecoder();
  let rest = "";
  for await (const chunk of chunks) {
    const lines = (rest + decoder.decode(chunk, { stream: true })).split(/[\r\n]+/);
    rest = lines.pop()!.slice(0, maxChars);
    yield* shown(lines, maxChars);
  }
  yield* shown([rest], maxChars);
}

function shown(lines: readonly string[], maxChars: number): string[] {
  return lines.filter((line) => line.trim() !== "").map((line) => line.slice(0, maxChars));
}
