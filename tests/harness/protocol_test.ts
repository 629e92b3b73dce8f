import assert from "node:assert/strict";
import { decodeAnswer, decodeRequest, encode } from "../../src/harness/protocol.ts";

const document = await Deno.readTextFile(new URL("../../harness/PROTOCOL.md", import.meta.url));
const examples = [...document.matchAll(/^```jsonl\n(.*?)^```$/gms)].flatMap(([, block]) =>
  block!.trim().split("\n")
);

Deno.test("PROTOCOL.md has examples of every message", () => {
  const types = new Set(examples.map((line) => line[0] + JSON.parse(line.slice(2)).type));
  assert.deepEqual(
    [...types].sort(),
    [
      "←booted",
      "←bye",
      "←done",
      "←error",
      "←failed",
      "←hello",
      "←kernels",
      "←result",
      "←state",
      "←sustained",
      "←walked",
      "→boot",
      "→fire",
      "→hello",
      "→shutdown",
      "→sustain",
      "→walk",
    ],
  );
});

for (const line of examples) {
  const json = line.slice(2);
  Deno.test(`the example ${line.slice(0, 60)} is read and written back`, () => {
    const message = line.startsWith("→") ? decodeRequest(json) : decodeAnswer(json);
    const given = JSON.parse(json);
    if (given.type === "error") given.detail ??= null;
    assert.deepEqual(JSON.parse(encode(message)), given);
  });
}

const result = (samples: string): string => `{"type":"result","seq":1,"index":0,"samples":${samples}}`;

const refused: [string, string, string][] = [
  ["text", "INFO 11-25 loading", "expected one JSON object a line, got"],
  ["NaN, which is no JSON", result('{"a":[NaN]}'), "expected one JSON object a line, got"],
  [
    "a negative sample",
    result('{"a":[3,-1]}'),
    "field samples.a.1 breaks the protocol (Too small: expected number to be >0) in",
  ],
  [
    "a sample of 0",
    result('{"a":[0]}'),
    "field samples.a.0 breaks the protocol (Too small: expected number to be >0) in",
  ],
  [
    "a sample beyond the numbers",
    result('{"a":[1e999]}'),
    "field samples.a.0 breaks the protocol (expected number, received Infinity) in",
  ],
  ["a list", "[1]", "the message breaks the protocol (expected object, received array) in"],
  [
    "a missing field",
    '{"type":"done"}',
    "field seq breaks the protocol (expected number, received undefined) in",
  ],
  [
    "an unknown type",
    '{"type":"helo"}',
    "field type breaks the protocol (Invalid discriminator value. Expected 'result' | 'sustained' | 'failed' | 'done' | " +
    "'state' | 'kernels' | 'hello' | 'booted' | 'error' | 'walked' | 'bye') in",
  ],
];
for (const [what, line, problem] of refused) {
  Deno.test(`decodeAnswer refuses ${what}`, () => {
    const message = `Cannot read the answer: ${problem} ${JSON.stringify(line)}`;
    assert.throws(() => decodeAnswer(line), { name: "SyntaxError", message });
  });
}

Deno.test("decodeAnswer shows the beginning of a long line only", () => {
  assert.throws(() => decodeAnswer("x".repeat(5000)), { message: /got "x{160}…"$/ });
});

Deno.test("decodeAnswer drops unknown fields", () => {
  assert.deepEqual(decodeAnswer('{"type":"bye","why":"asked"}'), { type: "bye" });
});
