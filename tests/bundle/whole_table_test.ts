import assert from "node:assert/strict";
import {
  formatAttention,
  formatExperts,
  kernelRows,
  readWholeTable,
  shotRows,
  type WholeTable,
} from "../../src/bundle/whole_table.ts";

const NEWER = "layer,prefill_chunk,prefill_key,n_decode,kv_decode,decode_q_len,time_us";
const OLDER = "prefill_chunk,kv_prefill,n_decode,kv_decode,time_us";

function attention(text: string): WholeTable {
  const content = readWholeTable("attention", text, "attention.csv");
  assert.deepEqual(content.issues.filter(({ severity }) => severity === "error"), []);
  return content;
}

Deno.test("a table of August gives v1.2 the places of its prefills", () => {
  const content = attention(`${OLDER}\n16,0,0,0,5\n17,512,2,64,7\n`);
  assert.deepEqual(content.others, []);
  assert.deepEqual(kernelRows("attention", content).get("attention")?.get(1), [
    { layer: "attention", key: [16, 8, 0, 0], timeUs: 5 },
    { layer: "attention", key: [17, 520.5, 2, 64], timeUs: 7 },
  ]);
});

Deno.test("a table of v1.2 gives August the history before one prefill", () => {
  const { rows } = attention(`${NEWER}\nattention,16,8.0,0,0,1,5\nattention,17,520.5,2,64,1,7\n`);
  assert.deepEqual(rows, [
    { layer: null, key: [16, 0, 0, 0], timeUs: 5 },
    { layer: null, key: [17, 512, 2, 64], timeUs: 7 },
  ]);
});

Deno.test("rows of other kernels and of several new tokens a decode never meet August's", () => {
  const content = attention(
    `${NEWER}\nattention,16,8.0,4,64,1,5\nattention,16,8.0,4,64,4,9\nindexer,16,8.0,4,64,1,2\n`,
  );
  assert.deepEqual(content.rows, [{ layer: null, key: [16, 0, 4, 64], timeUs: 5 }]);
  assert.deepEqual(content.others, [
    { layer: "attention", split: 4, key: [16, 8, 4, 64], timeUs: 9 },
    { layer: "indexer", split: 1, key: [16, 8, 4, 64], timeUs: 2 },
  ]);
  const kernels = kernelRows("attention", content);
  assert.deepEqual([...kernels.keys()], ["attention", "indexer"]);
  assert.deepEqual([...kernels.get("attention")!.keys()], [1, 4]);
});

Deno.test("of a key that stands twice August takes the first row and v1.2 the last", () => {
  const text = "layer,tokens,time_us\na,16,1\na,16,2\na,16,3\na,32,9\n";
  const content = readWholeTable("dense", text, "dense.csv");
  assert.deepEqual(content.rows.map(({ timeUs }) => timeUs), [1, 9]);
  assert.deepEqual(kernelRows("dense", content).get("a")?.get(1)?.map(({ timeUs }) => timeUs), [3, 9]);
  assert.deepEqual(content.issues.map(({ code, row }) => `${code} ${row}`), [
    "key-duplicate 3",
    "key-duplicate 4",
  ]);
});

Deno.test("formatAttention writes what either simulator reads, and reads it back", () => {
  const rows = [
    { layer: null, key: [16, 0, 4, 64], timeUs: 5 },
    { layer: null, key: [30, -4.75, 0, 0], timeUs: 6 },
    { layer: null, key: [16, 0, 4, 64, 4], timeUs: 9 },
    { layer: "indexer", key: [16, 0, 4, 64], timeUs: 2 },
  ];
  const text = formatAttention(rows);
  assert.equal(
    text,
    "layer,prefill_chunk,kv_prefill,prefill_key,n_decode,kv_decode,decode_q_len,time_us\n" +
      "attention,16,0,8.0,4,64,1,5\n" +
      "attention,30,-5,10.25,0,0,1,6\n" +
      "attention,16,0,8.0,4,64,4,9\n" +
      "indexer,16,0,8.0,4,64,1,2\n",
  );
  const content = attention(text);
  assert.deepEqual(content.rows, [
    rows[0],
    { layer: null, key: [30, -5, 0, 0], timeUs: 6, prefillKey: 10.25 },
  ]);
  assert.deepEqual(shotRows("attention", content), rows);
});

Deno.test("places that are cut to one history are kept, and told", () => {
  const text = formatAttention([
    { layer: null, key: [16, 0, 0, 0], timeUs: 5 },
    { layer: null, key: [16, 0, 0, 0], timeUs: 6, prefillKey: 8.5 },
  ]);
  const { rows, others, issues } = readWholeTable("attention", text, "attention.csv");
  assert.deepEqual(rows.map(({ timeUs }) => timeUs), [5]);
  assert.deepEqual(others.map(({ key }) => key), [[16, 8.5, 0, 0]]);
  assert.deepEqual(issues.map(({ code, severity, found }) => [code, severity, found]), [
    ["key-cut-twice", "warning", "16,0,0,0"],
  ]);
});

Deno.test("experts on one device are August's; formatExperts writes all", () => {
  const text = "ep,tokens,activated_experts,time_us\n1,16,8,50\n2,16,4,30\n";
  const { rows, others } = readWholeTable("moe", text, "moe.csv");
  assert.deepEqual(rows, [{ layer: null, key: [16, 8], timeUs: 50 }]);
  assert.deepEqual(others, [{ layer: "moe", split: 2, key: [16, 4], timeUs: 30 }]);
  assert.equal(formatExperts(shotRows("moe", { rows, others })), text);
});

Deno.test("a table without kv_prefill and prefill_key is refused", () => {
  const { rows, issues } = readWholeTable(
    "attention",
    "prefill_chunk,n_decode,kv_decode,time_us\n16,0,0,5\n",
    "a.csv",
  );
  assert.deepEqual(rows, []);
  assert.deepEqual(issues.map(({ code, message }) => `${code}: ${message}`), [
    "column-missing: The header lacks kv_prefill",
  ]);
});

Deno.test("a history that is no whole number, and a time that a table rounds to 0, are told with their columns", () => {
  const { rows, issues } = readWholeTable(
    "attention",
    "prefill_chunk,kv_prefill,prefill_key,n_decode,kv_decode,time_us\n" +
      "16,-3,5.0,0,0,5\n16,1.5,9.5,0,0,5\n16,x,9.5,0,0,5\n17,0,8.5,0,0,0.0005\n18,0,9.0,0,0,0.0006\n",
    "a.csv",
  );
  assert.deepEqual(rows.map(({ key }) => key), [[16, -3, 0, 0], [17, 0, 0, 0], [18, 0, 0, 0]]);
  assert.deepEqual(issues.map(({ code, column, row, found }) => [code, column, row, found]), [
    ["key-fractional", "kv_prefill", 3, "1.5"],
    ["key-invalid", "kv_prefill", 4, "x"],
    ["time-below-resolution", "time_us", 5, "0.0005"],
  ]);
  assert.equal(issues[0]!.expected, "a whole number");
});
