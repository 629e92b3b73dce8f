/** Lines out of streams of bytes: what is one, what is cut, what is dropped. */
import assert from "node:assert/strict";
import { startChild } from "../../src/harness/child.ts";
import { logLines, textLines } from "../../src/harness/lines.ts";

const bytes = (...parts: string[]): AsyncIterable<Uint8Array> =>
  ReadableStream.from(parts.map((part) => new TextEncoder().encode(part)));

const logs: [string[], string[]][] = [
  [[], []],
  [["one\ntwo\n"], ["one", "two"]],
  [["one\ntw", "o\nthree"], ["one", "two", "three"]],
  [["10%\r50%\r100%\r\n\r\n  \nend"], ["10%", "50%", "100%", "end"]],
  [["123456789\n"], ["12345678"]],
  [["1234", "56789", "0\nx"], ["12345678", "x"]],
  [["123456789"], ["12345678"]],
];
for (const [parts, lines] of logs) {
  Deno.test(`a log of ${JSON.stringify(parts)} has the lines ${JSON.stringify(lines)}`, async () => {
    assert.deepEqual(await Array.fromAsync(logLines(bytes(...parts), 8)), lines);
  });
}

const texts: [string[], string[] | null][] = [
  [[], []],
  [["one\ntwo\n"], ["one", "two"]],
  [["one\ntw", "o\nthree"], ["one", "two"]],
  [["a\r\n\nb\n"], ["a\r", "", "b"]],
  [["12345678\n"], ["12345678"]],
  [["1234", "5678", "\n"], ["12345678"]],
  [["1234", "56789", "\n"], null],
];
for (const [parts, lines] of texts) {
  Deno.test(`a text of ${JSON.stringify(parts)} has ${lines === null ? "a line that is too long" : JSON.stringify(lines)}`, async () => {
    const read = Array.fromAsync(textLines(bytes(...parts), 8));
    if (lines !== null) return assert.deepEqual(await read, lines);
    await assert.rejects(read, {
      name: "RangeError",
      message: 'a line may have 8 characters, got more: "123456789"',
    });
  });
}

Deno.test("a character that is cut between two chunks is one", async () => {
  const [µ, s] = [new TextEncoder().encode("µ"), new TextEncoder().encode("s\n")];
  const parts = [µ.slice(0, 1), Uint8Array.of(...µ.slice(1), ...s)];
  assert.deepEqual(await Array.fromAsync(textLines(ReadableStream.from(parts), 8)), ["µs"]);
  assert.deepEqual(await Array.fromAsync(logLines(ReadableStream.from(parts), 8)), ["µs"]);
});

Deno.test("a child's log has lines of 2000 characters at most, its output lines of a MiB", async () => {
  const logged: string[] = [];
  const script =
    "head -c 3000 /dev/zero | tr '\\0' x >&2; echo >&2; head -c 1048576 /dev/zero | tr '\\0' y; echo";
  const child = await startChild(["sh", "-c", script], { onLog: (line) => logged.push(line) });
  assert.equal((await child.receive())?.length, 2 ** 20);
  assert.equal(await child.receive(), undefined);
  const ending = await child.stop(5000);
  assert.deepEqual(ending, { exitCode: 0, signal: null, killed: false });
  assert.deepEqual([logged.length, logged[0]?.length, child.log().length], [1, 2000, 2000]);
});
