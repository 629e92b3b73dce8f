/** The fit that v1.2 reads, from an entry made by hand: each rule at its bounds, in the words that a user reads. */
import assert from "node:assert/strict";
import type { BundleFiles } from "../../src/bundle/files.ts";
import { renderIssue } from "../../src/bundle/issue.ts";
import type { LazyTables } from "../../src/bundle/lazy_tables.ts";
import type { Meta, SkewFitEntry } from "../../src/bundle/meta.ts";
import { type Calibration, CALIBRATION_SCHEMA } from "../../src/bundle/meta_blocks.ts";
import { LOOKUPS_SHA256 } from "../../src/bundle/simulator.ts";
import type { SkewCell } from "../../src/bundle/skew_cells.ts";
import { checkCalibration, hashFiles } from "../../src/check/checks/calibration.ts";
import { plural } from "../../src/count_text.ts";
import type { Model } from "../../src/model/model.ts";

const DIR = "/perf/H100/o/x/bf16";
const NAMES = { hardware: "H100", model: "o/x", variant: "bf16" };
const FIT: Calibration = {
  schema: CALIBRATION_SCHEMA,
  identity: { ...NAMES, tp: 2 },
  reference: {
    attention_sha256: "aa",
    lookup_sha256: LOOKUPS_SHA256,
    skew_sha256: "cc",
    key_saturation: 64,
    saturation_by_layer: { attention: false, sparse: true },
  },
  estimator: "weighted",
  min_rows: 3,
  n_samples: 9,
  dropped_rows: {},
  axes: { pc_bins: [0, 1, 16], pc_labels: ["pc0", "pc1"], lev_bins: [0, 0.5], lev_labels: ["lev0"] },
  alpha_clip: [0, 1],
  alpha_default_by_kernel: { "attention|q=1": 0.5, "sparse|q=1": 0.5 },
  n_range_by_kernel: { "sparse|q=1": [2, 8], "attention|q=1": [2, 8] },
  bucket_table: "tp2/skew_fit.csv",
  bucket_table_sha256: "bb",
};
const CELL: SkewCell = {
  layer: "attention",
  decode_q_len: 1,
  pc_label: "pc0",
  lev_label: "lev0",
  n_anchor: 2,
  alpha: 0.5,
  direct_rows: 3,
  pooled_rows: 3,
};
const MODEL = {
  id: "o/x",
  config: { index_topk: 64 },
  architecture: { catalog: { attention: { sparse: { key_saturates: true }, attention: {} } } },
} as unknown as Model;

interface Case {
  readonly fit?: Readonly<Record<string, unknown>>;
  readonly meta?: Meta;
  readonly cells?: readonly Partial<SkewCell>[];
  readonly hashes?: ReadonlyMap<string, string | null>;
  readonly model?: Model | undefined;
}
function findings({ fit = {}, meta = {}, cells = [{}], hashes, ...others }: Case): string[] {
  const entry = Object.fromEntries(
    Object.entries({ ...FIT, ...fit }).filter(([, value]) => value !== undefined),
  );
  const tables = {
    skewCells: () => ({ rows: cells.map((cell) => ({ ...CELL, ...cell })), issues: [] }),
  } as unknown as LazyTables;
  const whole: Meta = {
    ...NAMES,
    skew_fit: { enabled: true, per_tp: { 2: entry as SkewFitEntry } },
    ...meta,
  };
  const known = hashes ?? new Map([[`${DIR}/tp2/attention.csv`, "aa"], [`${DIR}/tp2/skew_fit.csv`, "bb"]]);
  const model = "model" in others ? others.model : MODEL;
  return checkCalibration({ dir: DIR } as BundleFiles, tables, whole, known, model)
    .map((issue) => renderIssue(issue).replaceAll(`${DIR}/`, "").replace("error: ", ""));
}

const key = "meta.yaml, key skew_fit.per_tp.2";
const stale = "v1.2 refuses the fit as stale; shotlab fit --simulator v1.2 makes it anew";
const saturation = "v1.2 refuses a fit for kernels that read another part of a history";
const cell = (name: string, rule: string): string =>
  `tp2/skew_fit.csv: v1.2 refuses the cell ${name}: ${rule}`;
const range = (found: string): string =>
  `${key}.n_range_by_kernel.attention|q=1: The range must be of decodes; ` +
  `expected two whole numbers from 2, the lesser first, found ${found}`;
const ranges = (own: unknown[]): Case => ({
  fit: { n_range_by_kernel: { ...FIT.n_range_by_kernel, "attention|q=1": own } },
  cells: [],
});
const legacy = (column: string, found: string): string =>
  `meta.yaml, key ${column}: v1.2 refuses the bundle: an enabled fit must be in its form at every degree; ` +
  `expected ${FIT.schema}, or skew_fit.enabled false; shotlab fit --simulator v1.2 writes it, found ${found}`;
const axes = (own: object): Case => ({ fit: { axes: { ...FIT.axes, ...own } }, cells: [] });
const labels = (axis: string, own: string, count: number): string =>
  `${key}.axes.${axis}_labels: The labels must tell the bins apart; ` +
  `expected ${plural(count, "unlike text")} without |, found ${own}`;

const CASES: Readonly<Record<string, readonly [Case, readonly string[]]>> = {
  "one in v1.2's form": [{}, []],
  "an entry that says less": [{ fit: { alpha_clip: undefined } }, [
    `${key}.alpha_clip: v1.2 refuses a fit that does not say it`,
  ]],
  "another bundle's": [{ fit: { identity: { ...NAMES, model: "o/y", tp: 1 } } }, [
    `${key}.identity.model: The fit is another bundle's or degree's; expected o/x, found o/y`,
    `${key}.identity.tp: The fit is another bundle's or degree's; expected 2, found 1`,
  ]],
  "folders of other names": [{ meta: { hardware: "H200", model: "p/x" } }, [
    "meta.yaml, key hardware: v1.2 refuses a bundle with a fit in its form whose folders have other names; " +
    "expected H100, found H200",
    "meta.yaml, key model: v1.2 refuses a bundle with a fit in its form whose folders have other names; " +
    "expected o/x, found p/x",
    `${key}.identity.hardware: The fit is another bundle's or degree's; expected H200, found H100`,
    `${key}.identity.model: The fit is another bundle's or degree's; expected p/x, found o/x`,
  ]],
  "files that are not there": [{ hashes: new Map([[`${DIR}/tp2/attention.csv`, null]]) }, [
    `${key}.reference.attention_sha256: ${stale}; expected no file, found aa`,
    `${key}.bucket_table_sha256: ${stale}; expected no file, found bb`,
  ]],
  "another table's": [{ fit: { bucket_table: "tp1/skew_fit.csv" } }, [
    `${key}.bucket_table: The fit names another table; expected tp2/skew_fit.csv, found tp1/skew_fit.csv`,
  ]],
  "other kernels": [{
    fit: { reference: { ...FIT.reference, key_saturation: null, saturation_by_layer: { sparse: true } } },
  }, [
    `${key}.reference.key_saturation: ${saturation}; expected 64, found null`,
    `${key}.reference.saturation_by_layer: ${saturation}; ` +
    'expected [["attention",false],["sparse",true]], found [["sparse",true]]',
  ]],
  "kernels in another order": [{
    fit: { reference: { ...FIT.reference, saturation_by_layer: { sparse: true, attention: false } } },
  }, []],
  "kernels that nobody knows": [{
    fit: { reference: { ...FIT.reference, key_saturation: 1 } },
    model: undefined,
  }, []],
  "edges that stand still": [axes({ pc_bins: [0, 0, 16] }), [
    `${key}.axes.pc_bins: The edges must rise; expected rising numbers, found [0,0,16]`,
  ]],
  "edges that fall": [axes({ lev_bins: [0.5, 0] }), [
    `${key}.axes.lev_bins: The edges must rise; expected rising numbers, found [0.5,0]`,
  ]],
  "a label for each edge": [axes({ lev_labels: ["a", "b"] }), [labels("lev", '["a","b"]', 1)]],
  "one label for two bins": [axes({ pc_labels: ["a", "a"] }), [labels("pc", '["a","a"]', 2)]],
  "a label that ends a name": [axes({ pc_labels: ["a", "b|c"] }), [labels("pc", '["a","b|c"]', 2)]],
  "ranges of a kernel less": [{ fit: { n_range_by_kernel: { "attention|q=1": [2, 8] } } }, [
    `${key}.n_range_by_kernel: Defaults and ranges must be of the same kernels; ` +
    "expected attention|q=1, sparse|q=1, found attention|q=1",
  ]],
  "a range of one number": [ranges([2, 2]), []],
  "a range from 1": [ranges([1, 8]), [range("[1,8]")]],
  "a range from a half": [ranges([2.5, 8]), [range("[2.5,8]")]],
  "a cell below a range that begins too low": [{ ...ranges([1, 8]), cells: [{ n_anchor: 1 }] }, [
    range("[1,8]"),
  ]],
  "a clip without bounds": [{ fit: { alpha_clip: [] } }, [
    cell("attention|q=1|pc0|lev0|n=2", "alpha must be from 0 to 0, got 0.5"),
  ]],
  "no degree": [{ meta: { skew_fit: { enabled: true } } }, [legacy("skew_fit.per_tp", "nothing")]],
  "an entry of no form": [{ meta: { skew_fit: { enabled: true, per_tp: { 2: { alpha_default: 1 } } } } }, [
    legacy("skew_fit.per_tp.2.schema", "nothing"),
  ]],
  "an entry of another form": [{ fit: { schema: "x" } }, [legacy("skew_fit.per_tp.2.schema", "x")]],
  "a range that falls": [ranges([3, 2]), [range("[3,2]")]],
  "a range of halves": [ranges([2, 8.5]), [range("[2,8.5]")]],
  "a range without an end": [ranges([2]), [range("[2]")]],
  "cells on every bound": [{ cells: [{ alpha: 0 }, { n_anchor: 8, alpha: 1 }] }, []],
  "cells of two kernels": [{ cells: [{ n_anchor: 8 }, { layer: "sparse" }, { pc_label: "pc1" }] }, []],
  "a cell of no bin": [{ cells: [{ pc_label: "pc9" }, { lev_label: "lev9" }] }, [
    cell("attention|q=1|pc9|lev0|n=2", "the axes have no such label"),
    cell("attention|q=1|pc0|lev9|n=2", "the axes have no such label"),
  ]],
  "a cell of no kernel": [{ cells: [{ decode_q_len: 4 }] }, [
    cell("attention|q=4|pc0|lev0|n=2", "the entry has no such kernel"),
  ]],
  "cells outside the range": [{ cells: [{ n_anchor: 1 }, { n_anchor: 9 }] }, [
    cell("attention|q=1|pc0|lev0|n=1", "n_anchor must be from 2 to 8"),
    cell("attention|q=1|pc0|lev0|n=9", "n_anchor must be from 2 to 8"),
  ]],
  "anchors that do not rise": [{ cells: [{ n_anchor: 4 }, { n_anchor: 4 }] }, [
    cell("attention|q=1|pc0|lev0|n=4", "n_anchor must rise"),
  ]],
  "alphas that are not clipped": [{ cells: [{ alpha: -0.1 }, { n_anchor: 3, alpha: 1.1 }] }, [
    cell("attention|q=1|pc0|lev0|n=2", "alpha must be from 0 to 1, got -0.1"),
    cell("attention|q=1|pc0|lev0|n=3", "alpha must be from 0 to 1, got 1.1"),
  ]],
  "cells of few cases": [{ cells: [{ direct_rows: 2 }, { n_anchor: 3, pooled_rows: 2 }] }, [
    cell("attention|q=1|pc0|lev0|n=2", "direct_rows must be 3 at least, got 2"),
    cell("attention|q=1|pc0|lev0|n=3", "pooled_rows must not be below direct_rows"),
  ]],
};
for (const [what, [given, expected]] of Object.entries(CASES)) {
  Deno.test(`a fit for v1.2: ${what}`, () => assert.deepEqual(findings(given), expected));
}

Deno.test("a fit that is off is held against the folders' names alone, one in August's form against nothing", () => {
  const off = (entry: object): Meta => ({
    hardware: "H200",
    skew_fit: { enabled: false, per_tp: { 2: entry as SkewFitEntry } },
  });
  assert.deepEqual(findings({ meta: off({ schema: "x" }) }).map((line) => line.split(":")[0]), [
    "meta.yaml, key hardware",
  ]);
  assert.deepEqual(findings({ meta: off({ alpha_default: 1 }) }), []);
  assert.deepEqual(findings({ meta: { ...off({ schema: "x" }), hardware: undefined } as unknown as Meta }), [
    "meta.yaml, key hardware: v1.2 refuses a bundle with a fit in its form whose folders have other names; " +
    "expected H100, found nothing",
  ]);
});

Deno.test("files of a fit are hashed at its own degrees", async () => {
  const dir = await Deno.makeTempDir();
  await Deno.mkdir(`${dir}/tp2`);
  await Deno.writeTextFile(`${dir}/tp2/attention.csv`, "abc");
  const per_tp = { 1: { alpha_default: 1 }, 2: FIT as unknown as SkewFitEntry };
  assert.deepEqual([...await hashFiles(dir, { skew_fit: { per_tp } })], [
    [`${dir}/tp2/attention.csv`, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"],
    [`${dir}/tp2/skew_fit.csv`, null],
  ]);
  await Deno.remove(dir, { recursive: true });
});
