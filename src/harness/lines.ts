/**
 * Text lines out of byte streams.
 *
 * @module
 */

/** Lines of a stream, taken one by one. */
export interface LineReader {
  /**
   * The next line without its end, `undefined` at the end of the stream. An unfinished last line is dropped: whoever
   * wrote it died over it.
   *
   * @throws {RangeError} when a line is longer than allowed.
   */
  next(): Promise<string | undefined>;
  /** Ends the stream, also for a call of `next` that waits. */
  cancel(): Promise<void>;
}

/**
 * Reads lines, holding no more than one chunk and one unfinished line.
 *
 * @param stream UTF-8 bytes.
 * @param maxChars Longest line.
 * @returns The reader.
 */
export function lineReader(stream: ReadableStream<Uint8Array>, maxChars: number): LineReader {
  const reader = stream.getReader();
  const decoder = new TextDecoder();
  let lines: string[] = [];
  let taken = 0;
  let rest = "";
  return {
    async next(): Promise<string | undefined> {
      while (taken === lines.length) {
        const { value, done } = await reader.read();
        if (done) return undefined;
        lines = (rest + decoder.decode(value, { stream: true })).split("\n");
        rest = lines.pop()!;
        taken = 0;
        if (rest.length > maxChars) {
          throw new RangeError(
            `a line may have ${maxChars} characters, got more: ${JSON.stringify(rest.slice(0, 80))}`,
          );
        }
      }
      return lines[taken++];
    },
    cancel: () => reader.cancel(),
  };
}

/**
 * Passes on the lines of a log as they come, progress bars' carriage returns included; long ones are cut.
 *
 * @param reader Reader of UTF-8 bytes.
 * @param maxChars Longest line.
 * @param onLine Called with each line that is not blank.
 * @returns Resolves at the end of the stream.
 */
export async function followLog(
  reader: ReadableStreamDefaultReader<Uint8Array>,
  maxChars: number,
  onLine: (line: string) => void,
): Promise<void> {
  const decoder = new TextDecoder();
  let rest = "";
  for (;;) {
    const { value, done } = await reader.read();
    const lines = (rest + decoder.decode(value, { stream: !done })).split(/[\r\n]+/);
    rest = done ? "" : lines.pop()!.slice(0, maxChars);
    for (const line of lines) if (line.trim() !== "") onLine(line.slice(0, maxChars));
    if (done) return;
  }
}
