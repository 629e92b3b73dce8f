import assert from "node:assert/strict";
import {
  type Answer,
  decodeAnswer,
  decodeRequest,
  encode,
  type Request,
} from "../../src/harness/protocol.ts";
import { parseJournalLine } from "../../src/journal/line.ts";
import { fuzz, mutated } from "./mutate.ts";

const protocol = await Deno.readTextFile("harness/PROTOCOL.md");
const lines = (arrow: string): string[] =>
  protocol.split("\n").filter((line) => line.startsWith(arrow)).map((line) => line.slice(2));

const SIDES: readonly [string, string[], (line: string) => Request | Answer][] = [
  ["request", lines("→"), decodeRequest],
  ["answer", lines("←"), decodeAnswer],
];

for (const [side, corpus, decode] of SIDES) {
  Deno.test(`any ${side} is read as what it says, or refused in one line that names the rule`, async () => {
    assert.ok(corpus.length >= 4);
    const counts = await fuzz(side, 10_000, (draw) => mutated(draw, corpus), (line) => {
      try {
        const message = decode(line);
        assert.equal(encode(decode(encode(message).trimEnd())), encode(message));
        return "read";
      } catch (error) {
        assert.ok(error instanceof SyntaxError, String(error));
        assert.ok(error.message.startsWith(`Cannot read the ${side}: `));
        assert.ok(error.message.length < 2000 && !error.message.includes("\n"));
        return "refused";
      }
    });
    assert.ok(counts.read! > 100 && counts.refused! > 1000);
  });
}

Deno.test("any line of a journal is read or passed over", async () => {
  const corpus = [
    '{"type":"shot","category":"dense","tp":1,"key":[16],"samples":{"embedding":[3.1,3]}}',
    '{"type":"failed","category":"moe","tp":1,"key":[64,8],"kind":"unsupported","message":"no experts"}',
    '{"type":"state","sm_clock_mhz":1980,"memory_clock_mhz":null,"temperature_c":38,"power_w":216.5,"throttle":[]}',
  ];
  const counts = await fuzz("journal line", 10_000, (draw) => mutated(draw, corpus), (text) => {
    const read = parseJournalLine(text);
    if (read === null) return "passed over";
    const line = JSON.stringify(read);
    assert.equal(JSON.stringify(parseJournalLine(line)), line);
    return "read";
  });
  assert.ok(counts.read! > 50 && counts["passed over"]! > 1000);
});
