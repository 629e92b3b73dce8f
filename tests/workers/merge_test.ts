import assert from "node:assert/strict";
import { merge } from "../../src/workers/merge.ts";

/** A stream that notes what becomes of it; it ends with an error where one is given. */
async function* stream(name: string, count: number, notes: string[], error?: Error): AsyncGenerator<string> {
  try {
    for (let n = 1; n <= count; n++) {
      notes.push(`${name}${n} asked`);
      await Promise.resolve();
      yield `${name}${n}`;
    }
    if (error !== undefined) throw error;
  } finally {
    await new Promise((resolve) => setTimeout(resolve, 1));
    notes.push(`${name} ended`);
  }
}

Deno.test("merge gives every value of every stream, those of one in their order", async () => {
  const notes: string[] = [];
  const values = await Array.fromAsync(
    merge([stream("a", 3, notes), stream("b", 1, notes), stream("c", 0, notes)], () => {
      notes.push("stopped");
    }),
  );
  assert.deepEqual([...values].sort(), ["a1", "a2", "a3", "b1"]);
  assert.deepEqual(values.filter((value) => value.startsWith("a")), ["a1", "a2", "a3"]);
  assert.ok(!notes.includes("stopped"), "what has ended by itself is not stopped");
  assert.deepEqual(await Array.fromAsync(merge([])), []);
});

Deno.test("a stream is asked for no more than one value ahead", async () => {
  const notes: string[] = [];
  const merged = merge([stream("a", 3, notes)]);
  assert.equal((await merged.next()).value, "a1");
  await new Promise((resolve) => setTimeout(resolve, 5));
  assert.deepEqual(notes, ["a1 asked"]);
  await merged.return(undefined);
});

Deno.test("when one fails, the others are stopped and have ended", async () => {
  const notes: string[] = [];
  const streams = [stream("a", 1, notes, new Error("enough")), stream("b", 1000, notes)];
  await assert.rejects(Array.fromAsync(merge(streams, () => void notes.push("stopped"))), {
    message: "enough",
  });
  assert.deepEqual(notes.filter((note) => !note.endsWith("asked")), ["a ended", "stopped", "b ended"]);
});

Deno.test("when the consumer leaves, all are stopped and have ended", async () => {
  const notes: string[] = [];
  for await (
    const _ of merge([stream("a", 9, notes), stream("b", 9, notes)], () => void notes.push("stopped"))
  ) break;
  assert.deepEqual(notes.filter((note) => !note.endsWith("asked")).sort(), ["a ended", "b ended", "stopped"]);
});

Deno.test("what has arrived while the consumer was busy is given, also behind a stream that has ended", async () => {
  async function* of(...values: string[]): AsyncGenerator<string> {
    yield* values;
  }
  const seen: string[] = [];
  for await (const value of merge([of("a"), of(), of("b", "c"), of()])) {
    seen.push(value);
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
  assert.deepEqual(seen.sort(), ["a", "b", "c"]);
});
