/** Tables hold a line of 80 characters, whatever the command. */
import assert from "node:assert/strict";
import { tableText } from "../../../src/view/table.ts";
import { runMain } from "../run_main.ts";

const [H100, H200] = ["H100", "H200"].map((name) => `perf/${name}/meta-llama/Llama-3.1-8B/bf16`);

for (
  const args of [
    ["models"],
    ["hardware"],
    ["fits", "--model", "meta-llama/Llama-3.1-70B", "--hardware", "H100,RTXPRO6000", "--tp-degrees", "1,8"],
    ["diff", H100!, H200!],
    ["coverage", H100!],
  ]
) {
  Deno.test(`shotlab ${args.join(" ")}: no line of a table is longer than 80 characters`, async () => {
    const { out } = await runMain(args, { COLUMNS: "80" });
    const table = out.split("\n").filter((line) => line.trim().includes("  "));
    assert.ok(table.length > 3);
    for (const line of table) assert.ok(line.length <= 80, `${line.length}: ${line}`);
  });
}

Deno.test("shotlab diff: rows that one bundle alone has are told below the table of their degree", async () => {
  const { out } = await runMain(["diff", H100!, H200!]);
  const [, first, second] = out.split("\n\n");
  assert.match(first!, /^tp 1, [^]*\nOnly the second has 17,064 of dense$/);
  assert.match(
    second!,
    /^tp 2, [^]*\nOnly the first has 13,009 of skew\nOnly the second has 17,064 of dense$/,
  );
});

Deno.test("a table that is too wide breaks its words, the widest first, and never a number", () => {
  const table = [
    { name: "a b", layers: "12 chunked/moe, 36 full", "µs": 1234.5 },
    { name: "c", layers: "4 full", "µs": 1 },
  ];
  assert.equal(
    tableText(table),
    "name  layers                      µs\na b   12 chunked/moe, 36 full  1,235\nc     4 full                       1",
  );
  assert.equal(
    tableText(table, { width: 30 }),
    "name  layers                µs\na b   12 chunked/moe,    1,235\n      36 full\nc     4 full                 1",
  );
  assert.match(tableText(table, { width: 5 }), /12 +1,235\n +chunked\/\n +moe, 36\n/);
});
