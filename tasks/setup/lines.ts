/**
 * Lines of a byte stream.
 *
 * @module
 */

/**
 * Splits a stream of UTF-8 bytes into lines.
 *
 * @param stream The bytes.
 * @returns The lines without their line ends.
 */
export async function* linesOf(stream: ReadableStream<Uint8Array>): AsyncGenerator<string> {
  let rest = "";
  for await (
    const text of stream.pipeThrough(new TextDecoderStream() as ReadableWritablePair<string, Uint8Array>)
  ) {
    const lines = (rest + text).split("\n");
    rest = lines.pop()!;
    yield* lines;
  }
  if (rest !== "") yield rest;
}
