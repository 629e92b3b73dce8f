import assert from "node:assert/strict";
import { readSkewShapes } from "../../src/bundle/skew_shapes.ts";

const OLDER = "n,nb,pc,kp,kvs,kv_big,t_skew_us";

Deno.test("readSkewShapes reads the batches that a file lists", () => {
  const text = "layer,case_id,requests_json,n_prefill,decode_q_len,t_skew_us\n" +
    'attention,a,"[[30, 16], [12, 0], [1, 7], [1, 16]]",2,1,9.5\n' +
    'indexer,b,"[[3, 0], [3, 40], [3, 80]]",1,3,4\n';
  const { rows, issues } = readSkewShapes(text, "skew.csv");
  assert.deepEqual(issues, []);
  assert.deepEqual(
    rows.map(({ identity: _, ...shape }) => shape).sort((a, b) => a.layer < b.layer ? -1 : 1),
    [
      {
        layer: "attention",
        decodeQLen: 1,
        prefills: [{ chunk: 30, history: 16 }, { chunk: 12, history: 0 }],
        decodes: [{ kv: 7, count: 1 }, { kv: 16, count: 1 }],
        skewUs: 9.5,
      },
      {
        layer: "indexer",
        decodeQLen: 3,
        prefills: [{ chunk: 3, history: 0 }],
        decodes: [{ kv: 40, count: 1 }, { kv: 80, count: 1 }],
        skewUs: 4,
      },
    ],
  );
});

Deno.test("readSkewShapes takes what has several new tokens for a prefill where the number is not given", () => {
  const [shape] =
    readSkewShapes('requests_json,t_skew_us\n"[[1, 5], [16, 0], [2, 3], [1, 9]]",3\n', "skew.csv").rows;
  assert.deepEqual(shape?.prefills, [{ chunk: 16, history: 0 }, { chunk: 2, history: 3 }]);
  assert.deepEqual(shape?.decodes.map(({ kv }) => kv), [5, 9]);
});

Deno.test("readSkewShapes makes long histories of their ratio, ties to even", () => {
  const text = "n,nb,pc,kp,kvs,skew,t_skew_us\n4,1,0,0,15,1.5,9\n4,1,0,0,25,1.5,9\n";
  const longs = readSkewShapes(text, "skew.csv").rows.map(({ decodes }) => decodes[1]!.kv);
  assert.deepEqual(longs, [22, 38]);
});

Deno.test("readSkewShapes says what no batch can be made of", () => {
  const cases: readonly [text: string, code: string][] = [
    [`${OLDER}\n4,4,0,0,16,32,5\n`, "skew-shape"],
    [`${OLDER}\n4,0,0,0,16,32,5\n`, "skew-shape"],
    [`${OLDER}\n4,1,0,0,16,32,0\n`, "time-not-positive"],
    [`${OLDER}\n4,1,0,0,16,32,\n`, "time-invalid"],
    [`${OLDER}\n4,1,0,0,16,32,5\n4,1,0,0,16,32,6\n`, "key-duplicate"],
    ["n,nb,pc,kp,kvs,t_skew_us\n4,1,0,0,16,5\n", "column-missing"],
    ['requests_json,t_skew_us\n"[[1]]",5\n', "skew-shape"],
    ["requests_json,t_skew_us\nnone,5\n", "skew-shape"],
    ["requests_json,t_skew_us\n[],5\n", "skew-shape"],
    ['requests_json,t_skew_us\n"[[0, 5]]",5\n', "skew-shape"],
    ['requests_json,t_skew_us\n"[[1, -1]]",5\n', "skew-shape"],
    ['requests_json,t_skew_us\n"[[1, 1.5]]",5\n', "skew-shape"],
    ['requests_json,t_skew_us\n"[[1, 2, 3]]",5\n', "skew-shape"],
    ['requests_json,decode_q_len,t_skew_us\n"[[2, 5], [2, 9]]",2,5\n', "skew-shape"],
  ];
  for (const [text, code] of cases) {
    assert.deepEqual(readSkewShapes(text, "skew.csv").issues.map((issue) => issue.code), [code], text);
  }
});

Deno.test("readSkewShapes knows a batch again whose prefills stand in another order, and one whose decodes differ", () => {
  const header = "requests_json,n_prefill,t_skew_us\n";
  const codes = (first: string, second: string): string[] =>
    readSkewShapes(`${header}"${first}",2,5\n"${second}",2,6\n`, "skew.csv").issues.map(({ code }) => code);
  assert.deepEqual(codes("[[30, 16], [12, 0], [1, 7]]", "[[12, 0], [30, 16], [1, 7]]"), ["key-duplicate"]);
  assert.deepEqual(codes("[[30, 16], [12, 0], [1, 7]]", "[[12, 0], [30, 16], [1, 8]]"), []);
});
