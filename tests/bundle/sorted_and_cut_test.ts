/** The order of rows, what is left out or told of lines that are none, and the edges of numbers in files. */
import assert from "node:assert/strict";
import {
  type CollectiveSample,
  type CollectivesHead,
  formatCollectives,
  hardwareDirOf,
  parseCollectives,
  parseCollectivesRun,
} from "../../src/bundle/collectives_file.ts";
import { renderIssue, shortened } from "../../src/bundle/issue.ts";
import { alphaOf } from "../../src/bundle/skew.ts";
import { formatSkewCells, readSkewCells, type SkewCell } from "../../src/bundle/skew_cells.ts";
import { readSkewFit } from "../../src/bundle/skew_fit.ts";
import { readSkewShapes } from "../../src/bundle/skew_shapes.ts";
import { formatRows, readTable, type Row } from "../../src/bundle/tables.ts";

const CELL: SkewCell = {
  ...{ layer: "b", decode_q_len: 2, pc_label: "pc1", lev_label: "lev1", n_anchor: 4, alpha: 0.25 },
  ...{ direct_rows: 20, pooled_rows: 40 },
};

Deno.test("cells of a fit are sorted by kernel, tokens, labels and anchor, each before the next", () => {
  const sorted: SkewCell[] = [
    { ...CELL, layer: "a", decode_q_len: 9, pc_label: "pc9", lev_label: "lev9", n_anchor: 99 },
    { ...CELL, decode_q_len: 1, pc_label: "pc9", lev_label: "lev9", n_anchor: 99 },
    { ...CELL, pc_label: "pc0", lev_label: "lev9", n_anchor: 99 },
    { ...CELL, lev_label: "lev0", n_anchor: 99 },
    { ...CELL, n_anchor: 2 },
    CELL,
    { ...CELL, n_anchor: 10 },
    { ...CELL, decode_q_len: 10 },
  ];
  for (const order of [sorted, sorted.toReversed(), [...sorted.slice(3), ...sorted.slice(0, 3)]]) {
    assert.deepEqual(readSkewCells(formatSkewCells(order), "f.csv"), { rows: sorted, issues: [] });
  }
  assert.match(formatSkewCells([{ ...CELL, alpha: 0.123456 }]), /,0\.1235,20,40\n$/);
});

Deno.test("cells that stand twice are told, and the first is kept", () => {
  const text = formatSkewCells([CELL, { ...CELL, alpha: 0.5 }, { ...CELL, n_anchor: 8 }, {
    ...CELL,
    alpha: 0.75,
  }]);
  const { rows, issues } = readSkewCells(text, "f.csv");
  assert.deepEqual(rows.map(({ alpha, n_anchor }) => [alpha, n_anchor]), [[0.25, 4], [0.25, 8]]);
  assert.deepEqual(issues.map(({ row }) => row), [3, 5]);
});

const FIT = "pc,n_label,skew_rate_label,kv_big_label,kp_label,alpha,n_samples\n";
Deno.test("buckets of a fit are sorted by pc, then by their labels one after the other", () => {
  const sorted = [
    ...[
      "0,n<=9,sr<=9%,kvB<=9k,kp<=9,0.1,1",
      "2,n<=1,sr<=9%,kvB<=9k,kp<=9,0.1,1",
      "2,n<=2,sr<=1%,kvB<=9k,kp<=9,0.1,1",
    ],
    ...[
      "2,n<=2,sr<=2%,kvB<=1k,kp<=9,0.1,1",
      "2,n<=2,sr<=2%,kvB<=2k,kp<=1,0.1,1",
      "2,n<=2,sr<=2%,kvB<=2k,kp<=2,0.1,1",
    ],
    "10,n<=2,sr<=2%,kvB<=2k,kp<=2,0.1,1",
  ];
  const rowsOf = (lines: readonly string[]): string[] =>
    readSkewFit(`${FIT}${lines.join("\n")}\n`, "f.csv").rows.map((row) => Object.values(row).join());
  for (const order of [sorted, sorted.toReversed(), [...sorted.slice(3), ...sorted.slice(0, 3)]]) {
    assert.deepEqual(rowsOf(order), sorted);
  }
});

Deno.test("rows are written by layer and key, experts with their devices where some are on several", () => {
  const row = (layer: string | null, ...key: number[]): Row => ({ layer, key, timeUs: 5 });
  assert.equal(
    formatRows("dense", [row("b", 1), row("a", 16), row("a", 2)]),
    "layer,tokens,time_us\na,2,5\na,16,5\nb,1,5\n",
  );
  assert.match(
    formatRows("moe", [row(null, 16, 8), row(null, 2, 8)]),
    /^tokens,activated_experts,time_us\n2,8,5\n16,8,5\n$/,
  );
  const shared = formatRows("moe", [row(null, 16, 8), row(null, 16, 8, 2)]);
  assert.match(shared, /\bep\b/);
  assert.equal(shared.trim().split("\n").length, 3);
  assert.match(formatRows("attention", [row(null, 0, 0, 1, 16)]), /prefill_key|kv_prefill/);
});

const lines: [what: string, text: string, rows: number, codes: string[]][] = [
  ["whole", "layer,tokens,time_us\na,1,5\na,2,6\n", 2, []],
  ["without its last end", "layer,tokens,time_us\na,1,5\na,2,6", 1, ["row-cut"]],
  ["with a short row", "layer,tokens,time_us\na,1\na,2,6\n", 1, ["row-cut"]],
  ["with a long row", "layer,tokens,time_us\na,1,5,9\na,2,6\n", 1, ["row-long"]],
  ["with its header twice", "layer,tokens,time_us\na,1,5\nlayer,tokens,time_us\na,2,6\n", 2, [
    "header-twice",
  ]],
  ["without most of its columns", "x,y,z\n1,2,3\n", 0, ["column-missing"]],
  ["without a row", "layer,tokens,time_us\n", 0, []],
];
for (const [what, text, count, codes] of lines) {
  Deno.test(`a table ${what} has ${count} rows; ${codes.join() || "nothing"} is told`, () => {
    const { rows, issues } = readTable("dense", text, "d.csv");
    assert.deepEqual([rows.length, issues.map(({ code }) => code)], [count, codes]);
  });
}

const headers: [header: string, found: string][] = [
  ["layer,tokens", "layer,tokens"],
  ["layer,token,time_us", "layer,token,time_us"],
  ["tokens,x,y", "few of them"],
  ["x,y,z", "few of them"],
];
for (const [header, found] of headers) {
  Deno.test(`of a header ${header} ${found === header ? "all is shown" : "nothing is shown"}`, () => {
    const [issue] = readTable("dense", `${header}\n`, "d.csv").issues;
    assert.equal(issue?.found, found);
  });
}

const shapes: [what: string, row: string, decodes: unknown, prefills: unknown][] = [
  ["one long of four, beside a prefill", "4,1,16,32,128,512,5", [[128, 3], [512, 1]], [[16, 32]]],
  ["three long of four, alone", "4,3,0,32,128,512,5", [[128, 1], [512, 3]], []],
  ["a prefill of one token", "2,1,1,0,16,32,5", [[16, 1], [32, 1]], [[1, 0]]],
];
for (const [what, row, decodes, prefills] of shapes) {
  Deno.test(`a skewed batch has ${what}`, () => {
    const { rows: [shape], issues } = readSkewShapes(`n,nb,pc,kp,kvs,kv_big,t_skew_us\n${row}\n`, "s.csv");
    assert.deepEqual(issues, []);
    assert.deepEqual(shape?.decodes.map(({ kv, count }) => [kv, count]), decodes);
    assert.deepEqual(shape?.prefills.map(({ chunk, history }) => [chunk, history]), prefills);
  });
}
Deno.test("a skewed batch of one kind is told with what it may be", () => {
  const { issues } = readSkewShapes("n,nb,pc,kp,kvs,kv_big,t_skew_us\n4,4,0,0,16,32,5\n", "s.csv");
  assert.match(renderIssue(issues[0]!), /expected a whole number from 1 to 3, found "4"$/);
});

const requests = [
  '"7"',
  '"{}"',
  '"[[1, 2], 3]"',
  '"[[1, 2], [1, 2, 3]]"',
  '"[[1, 2], [""a"", 3]]"',
  '"[[1, 2], [1, 1e300]]"',
];
for (const text of requests) {
  Deno.test(`no batch is read of the requests ${text}`, () => {
    const { rows, issues } = readSkewShapes(`requests_json,t_skew_us\n${text},5\n`, "s.csv");
    assert.deepEqual([rows.length, issues.map(({ code }) => code)], [0, ["skew-shape"]]);
  });
}

const alphas: [mean: number, max: number, skew: number, alpha: number | null][] = [
  [100, 200, 130, 0.3],
  [100, 200, 80, -0.2],
  [100, 200, 250, 1.5],
  [100, 100, 100, null],
  [200, 100, 150, null],
];
for (const [mean, max, skew, alpha] of alphas) {
  Deno.test(`${skew} between ${mean} and ${max} has the alpha ${alpha}`, () => {
    assert.equal(alphaOf(mean, max, skew), alpha);
  });
}

Deno.test("what an issue shows is cut behind 160 characters, and a column that it lacks stays away", () => {
  const issue = { code: "x", severity: "error", path: "p", message: "m" } as const;
  const [fits, long] = ["x".repeat(160), "x".repeat(161)];
  assert.deepEqual(shortened({ ...issue, found: fits, column: long }), {
    ...issue,
    found: fits,
    column: `${fits}...`,
  });
  assert.deepEqual(Object.keys(shortened(issue)), Object.keys(issue));
});

const HEAD: CollectivesHead = {
  ...{ format: 1, backend: "nccl", device: "NVIDIA H200", driver: "580", runtime: "torch 2.11" },
  ...{ engine_version: "0.26.0", graphs: true, dtype: "bfloat16", at: "2026-11-29T00:00:00Z" },
  host: { processor: "made-up", cores: 16 },
};
const SAMPLE: CollectiveSample = {
  ...{ ranks: 2, way: "nccl", collective: "all_reduce", bytes: 4096, us: 10, minUs: 9, maxUs: 11, trials: 5 },
};

Deno.test("the folder of the hardware is three above a bundle's, with or without a slash behind", () => {
  assert.deepEqual(["perf/H/o/n/v", "perf/H/o/n/v/", "/perf/H/o/n/v//"].map(hardwareDirOf), [
    "perf/H",
    "perf/H",
    "/perf/H",
  ]);
});

Deno.test("collectives may stand without a sample, behind blanks, and not with a time of 0 or without end", () => {
  const text = formatCollectives({ head: HEAD, samples: [SAMPLE] });
  assert.deepEqual(parseCollectives(formatCollectives({ head: HEAD, samples: [] }), "c").samples, []);
  assert.deepEqual(parseCollectives(text.split("\n")[0]!, "c"), { head: HEAD, samples: [] });
  assert.deepEqual(parseCollectives(text.replace("\n", "  \r\n"), "c").samples, [SAMPLE]);
  for (const us of ["0", "-1", "inf", "1e999", "nan"]) {
    assert.throws(() => parseCollectives(text.replace(",10,9,11,", `,${us},9,11,`), "c"), {
      message: `Cannot read c, line 3: us must be above 0, got ${us}`,
    });
  }
  assert.equal(parseCollectives(text.replace(",10,9,11,", ",0.5,0.5,0.5,"), "c").samples[0]!.us, 0.5);
});

Deno.test("a run's lines are read up to one that is cut at the end; an empty one in between is passed over", () => {
  const head = JSON.stringify({ type: "collectives", ...HEAD });
  const { minUs: _, maxUs: __, trials: ___, ...own } = SAMPLE;
  const line = JSON.stringify({ type: "sample", ...own, trials_us: [9, 10, 11] });
  const read = (...lines: string[]): number =>
    parseCollectivesRun([head, ...lines].join("\n"), "r").samples.length;
  assert.deepEqual([read(line, line), read(line, "", line), read(line, line.slice(0, -3)), read()], [
    2,
    2,
    1,
    0,
  ]);
  assert.throws(() => read(line.slice(0, -3), line), /^UsageError: Cannot read r, line 2: /);
  assert.throws(() => read(line, line.replace('"us":10', '"us":10.5')), {
    message: "Cannot read r, line 3: us must be the median of trials_us, got 10.5",
  });
});
