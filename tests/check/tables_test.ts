/** Tables and layers that a reader misses, from parts made by hand. */
import assert from "node:assert/strict";
import type { BundleFiles } from "../../src/bundle/files.ts";
import { renderIssue } from "../../src/bundle/issue.ts";
import type { LazyTables } from "../../src/bundle/lazy_tables.ts";
import type { Simulator } from "../../src/bundle/simulator.ts";
import { checkTables } from "../../src/check/checks/tables.ts";
import type { Architecture } from "../../src/model/model.ts";

/** Layers by degree and table; one that begins with + is a row that August has no place for. */
type Layers = Readonly<Record<number, Readonly<Record<string, readonly string[]>>>>;
const WHOLE = { dense: ["embedding", "norm"], per_sequence: ["head"], attention: ["attention"] };

function findings(layers: Layers, simulator: Simulator, architecture?: Architecture): string[] {
  const tps = Object.keys(layers).map(Number);
  const files = {
    dir: "/b",
    tps,
    tables: new Map(
      tps.map((tp) => [tp, Object.fromEntries(Object.keys(layers[tp]!).map((name) => [name, "x"]))]),
    ),
  } as unknown as BundleFiles;
  const tables = {
    table: (tp: number, table: string) => {
      const [others, rows] = [true, false].map((other) =>
        (layers[tp]![table] ?? []).filter((layer) => layer.startsWith("+") === other).map((layer) => ({
          layer,
        }))
      );
      return { rows, others, issues: [] };
    },
  } as unknown as LazyTables;
  return checkTables(files, tables, { simulator, ...architecture && { architecture } })
    .map((issue) => renderIssue(issue).replaceAll("/b/", ""));
}

const architecture = (moe: Architecture["catalog"]["moe"] = {}): Architecture => ({
  modelType: "made_up",
  sequence: { prologue: ["embedding"], head: ["head"] },
  sha256: "",
  catalog: {
    dense: { embedding: { vllm: ["E"] }, norm: { vllm: ["N"], tp_stable: true } },
    per_sequence: { head: { vllm: ["H"] } },
    attention: { attention: { vllm: ["A"] } },
    moe,
  },
});
const recurrent: Architecture = {
  ...architecture(),
  catalog: { ...architecture().catalog, linear_attention: { mixer: { vllm: ["M"] } } },
};
const empty = "expected a table with rows, found no row that can be used";
const skips = "A simulator leaves out the layer with a warning; expected rows of";
const fails = "v1.2 fails at the layers before and after the blocks";
const cases: [string, Layers, Simulator, Architecture | undefined, string[]][] = [
  ["all", { 1: WHOLE, 2: WHOLE }, "august", architecture(), []],
  ["rows of several new tokens alone", { 1: { ...WHOLE, attention: ["+attention"] } }, "august", undefined, [
    `error: tp1/attention.csv: A simulator finds no attention time; ${empty}`,
  ]],
  [
    "the same for v1.2, which reads them",
    { 1: { ...WHOLE, attention: ["+attention"] } },
    "v1.2",
    undefined,
    [],
  ],
  ["an empty table", { 1: { ...WHOLE, attention: [] } }, "v1.2", undefined, [
    `error: tp1/attention.csv: A simulator finds no attention time; ${empty}`,
  ]],
  ["no layer", { 1: { ...WHOLE, dense: [] } }, "august", undefined, [
    `warning: tp1/dense.csv: A simulator leaves out the table's layers with a warning; ${empty}`,
  ]],
  ["no layer for v1.2", { 1: { ...WHOLE, dense: [] } }, "v1.2", undefined, [
    `error: tp1/dense.csv: ${fails}; ${empty}`,
  ]],
  ["a layer less than another degree", { 1: WHOLE, 2: { ...WHOLE, dense: ["norm"] } }, "august", undefined, [
    `warning: tp2/dense.csv: ${skips} embedding`,
  ]],
  [
    "no layer that is the same at all degrees, but at the first",
    { 1: WHOLE, 2: { ...WHOLE, dense: ["embedding"] } },
    "august",
    architecture(),
    [],
  ],
  [
    "no layer that is the same at all degrees",
    {
      1: { ...WHOLE, dense: ["embedding"] },
      2: { ...WHOLE, dense: ["embedding"] },
    },
    "august",
    architecture(),
    [`warning: tp1/dense.csv: ${skips} norm`, `warning: tp2/dense.csv: ${skips} norm`],
  ],
  [
    "the same where the first degree is not there",
    { 2: { ...WHOLE, dense: ["embedding"] } },
    "august",
    architecture(),
    [
      `warning: tp2/dense.csv: ${skips} norm`,
    ],
  ],
  ["no layer before the blocks", { 1: { ...WHOLE, dense: ["norm"] } }, "v1.2", architecture(), [
    `error: tp1/dense.csv: ${fails}; expected rows of embedding`,
  ]],
  ["no layer before the blocks, for August", { 1: { ...WHOLE, dense: ["norm"] } }, "august", architecture(), [
    `warning: tp1/dense.csv: ${skips} embedding`,
  ]],
  ["experts of which there are none", { 1: WHOLE, 2: { ...WHOLE, moe: ["moe"] } }, "august", architecture(), [
    "warning: tp2/moe.csv: Experts' times are read at the lowest degree only",
  ]],
  ["no state of a recurrent layer", { 1: WHOLE }, "v1.2", recurrent, [
    "warning: tp1/linear_attention.csv: A simulator takes the layers with a recurrent state for ones that do not run; " +
    "expected a table with rows, found no file",
  ]],
  ["no experts", { 2: WHOLE, 4: WHOLE }, "august", architecture({ moe: { vllm: ["M"] } }), [
    "error: tp2/moe.csv: A simulator finds no experts' time; expected a table with rows, found no file",
  ]],
];
for (const [what, layers, simulator, architecture, expected] of cases) {
  Deno.test(`a bundle for ${simulator} with ${what}`, () => {
    assert.deepEqual(findings(layers, simulator, architecture), expected);
  });
}
