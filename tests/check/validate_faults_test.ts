/**
 * What a simulator does with a faulty bundle is recorded in `bundle-faults.json`: whether it loads, and what a
 * lookup answers. Here every fault is made again, and what `validate` says about it is held against that.
 */
import assert from "node:assert/strict";
import type { Issue } from "../../src/bundle/issue.ts";
import { validate } from "../../src/check/validate.ts";
import type { Architecture, CatalogEntry } from "../../src/model/model.ts";
import {
  type Change,
  duplicate,
  edit,
  firstRow,
  headerOnly,
  none,
  put,
  remove,
  time,
} from "../bundle/changes.ts";
import { withBundle } from "../bundle/with_bundle.ts";

interface Fault {
  fault: string;
  load: "ok" | [string, string];
  lookup?: unknown;
}

const { base, faults }: { base: Record<string, string>; faults: Fault[] } = JSON.parse(
  await Deno.readTextFile(new URL("../data/bundle-faults.json", import.meta.url)),
);

const DENSE = "tp1/dense.csv", ATTENTION = "tp1/attention.csv", MOE = "tp1/moe.csv", FIT = "tp1/skew_fit.csv";
const META = "meta.yaml";

/** The fault, how it is made, and the codes of what is found. An error's code stands as it is, a warning's in parentheses. */
const CASES: Record<string, [Change, ...string[]]> = {
  "none": [none],
  "none (attention)": [none],
  ...Object.fromEntries(
    (["dense", "attention"] as const).flatMap((table): [string, [Change, ...string[]]][] => {
      const path = table === "dense" ? DENSE : ATTENTION;
      return [
        [`${table}: zero time`, [time(path, "0"), "time-not-positive"]],
        [`${table}: negative time`, [time(path, "-5.5"), "time-not-positive"]],
        [`${table}: tiny time 0.0004`, [time(path, "0.0004"), "(time-below-resolution)"]],
        [`${table}: time 0.0005`, [time(path, "0.0005"), "(time-below-resolution)"]],
        [`${table}: time 0.0015`, [time(path, "0.0015")]],
        [`${table}: time 0.0025`, [time(path, "0.0025")]],
        [`${table}: scientific time 1.23457e+06`, [time(path, "1.23457e+06")]],
        [`${table}: time nan`, [time(path, "nan"), "time-invalid"]],
        [`${table}: blank time`, [time(path, ""), "time-invalid"]],
        [`${table}: time inf`, [time(path, "inf"), "time-invalid"]],
        [`${table}: text time`, [time(path, "abc"), "time-invalid"]],
        [`${table}: time with spaces`, [time(path, " 12.5 ")]],
        [`${table}: integer time`, [time(path, "7")]],
        [`${table}: empty file`, [
          put(path, ""),
          "file-empty",
          table === "dense" ? "(table-empty)" : "table-empty",
        ]],
        [`${table}: duplicate key, other time second`, [duplicate(path), "key-duplicate"]],
      ];
    }),
  ),
  "dense: truncated last row (no time column)": [
    edit(DENSE, (it) => it.replace(/,[^,]*\n$/, "\n")),
    "row-cut",
  ],
  "attention: truncated last row": [edit(ATTENTION, (it) => it.replace(/,[^,]*\n$/, "\n")), "row-cut"],
  "attention: last row cut inside the number": [edit(ATTENTION, (it) => it.slice(0, -4)), "row-cut"],
  "attention: header only": [headerOnly(ATTENTION), "table-empty"],
  "dense: header only": [headerOnly(DENSE), "(table-empty)"],
  "moe: header only": [headerOnly(MOE), "table-empty"],
  "attention: file missing": [remove(ATTENTION), "table-missing"],
  "dense: file missing": [remove(DENSE), "(table-missing)"],
  "moe: file missing": [remove(MOE), "table-missing"],
  "meta.yaml missing": [remove(META), "meta-missing"],
  "meta.yaml empty": [put(META, ""), "file-empty"],
  "dense: a layer of the sequence missing": [
    edit(DENSE, (it) => it.replaceAll(/^embedding,.*\n/gm, "")),
    "(layer-missing)",
  ],
  "empty extra folder tp4, asked for tp4 dense": [put("tp4", null), "tp-empty"],
  "empty extra folder tp4, asked for tp4 tp_stable layer": [put("tp4", null), "tp-empty"],
  "empty extra folder tp4, asked for tp4 attention": [put("tp4", null), "tp-empty"],
  "empty extra folder tp4, layers available at tp4": [put("tp4", null), "tp-empty"],
  "asked for a tp without folder": [none],
  "folder named tpx": [put("tpx", null), "(tp-name)"],
  "folder named tp01": [put("tp01", null), "tp-name"],
  "dense: extra column": [edit(DENSE, (it) => it.replaceAll("\n", ",1\n").replace(",1\n", ",x\n"))],
  "dense: CRLF": [edit(DENSE, (it) => it.replaceAll("\n", "\r\n"))],
  "dense: BOM": [edit(DENSE, (it) => `\uFEFF${it}`)],
  "attention: BOM and CRLF": [edit(ATTENTION, (it) => `\uFEFF${it.replaceAll("\n", "\r\n")}`)],
  "dense: UTF-16": [
    put(DENSE, new Uint8Array([0xff, 0xfe, ...[..."layer"].flatMap((it) => [it.charCodeAt(0), 0])])),
    "file-encoding",
    "(table-empty)",
  ],
  "dense: semicolons": [edit(DENSE, (it) => it.replaceAll(",", ";")), "column-missing", "(table-empty)"],
  "dense: columns in another order": [edit(DENSE, (it) => it.replaceAll(/^(.*),(.*),(.*)$/gm, "$3,$1,$2"))],
  "dense: rows reversed": [
    edit(DENSE, (it) => {
      const [header, ...rows] = it.trimEnd().split("\n");
      return [header, ...rows.reverse(), ""].join("\n");
    }),
  ],
  "dense: blank line at the end": [edit(DENSE, (it) => `${it}\n`)],
  "dense: blank line inside": [edit(DENSE, (it) => it.replace("\no_proj", "\n\no_proj"))],
  "dense: header twice": [
    edit(DENSE, (it) => it.replace("\no_proj", "\nlayer,tokens,time_us\no_proj")),
    "header-twice",
  ],
  "dense: fractional key 12.5": [firstRow(DENSE, "embedding,15,", "embedding,12.5,"), "key-fractional"],
  "dense: key 3.0": [firstRow(DENSE, "embedding,15,", "embedding,3.0,")],
  "dense: layer name with a space before": [
    edit(DENSE, (it) => it.replaceAll("\nembedding", "\n embedding")),
    "name-invalid",
    "name-invalid",
    "name-invalid",
    "(layer-missing)",
  ],
  "skew_fit: as written": [none],
  "skew_fit: enabled false": [
    firstRow(META, "enabled: true", "enabled: false"),
    "(skew-fit-off)",
    "(skew-fit-off)",
  ],
  'skew_fit: enabled the text "false"': [firstRow(META, "enabled: true", 'enabled: "false"'), "meta-type"],
  "skew_fit: enabled missing": [firstRow(META, "  enabled: true\n", ""), "(skew-fit-off)", "(skew-fit-off)"],
  "skew_fit: enabled 0": [firstRow(META, "enabled: true", "enabled: 0"), "meta-type"],
  "skew_fit: enabled 1": [firstRow(META, "enabled: true", "enabled: 1"), "meta-type"],
  "skew_fit: block missing": [
    edit(META, (it) => it.slice(0, it.indexOf("skew_fit:"))),
    "(skew-fit-off)",
    "(skew-fit-off)",
  ],
  "skew_fit: per_tp missing, alpha_default 0.5 in the block": [
    edit(META, (it) => `${it.slice(0, it.indexOf("  per_tp:"))}  alpha_default: 0.5\n`),
    "skew-fit-entry",
    "skew-fit-entry",
  ],
  'skew_fit: per_tp keyed by text "1"': [firstRow(META, "    1:", '    "1":')],
  "skew_fit: no alpha_default in the entry, bucket missing": [
    firstRow(META, "      alpha_default: 0.05\n", ""),
    "skew-fit-default",
  ],
  "skew_fit: table file missing": [remove(FIT), "table-missing"],
  "skew_fit: table empty file": [put(FIT, ""), "file-empty", "table-empty"],
  "skew_fit: table header only": [headerOnly(FIT), "table-empty"],
  "skew_fit: table without n_samples": [edit(FIT, (it) => it.replaceAll(/,[^,\n]*\n/g, "\n"))],
  "skew_fit: table with blank alpha": [firstRow(FIT, ",0.25,", ",,"), "number-invalid"],
  "skew_fit: table with a blank pc": [firstRow(FIT, "\n16,n<=4", "\n,n<=4"), "key-invalid"],
  "skew_fit: alpha_default null": [firstRow(META, "alpha_default: 0.05", "alpha_default: null"), "meta-type"],
  "skew_fit: axes null in entry and block": [
    edit(META, (it) => it.replaceAll(/ {6}bucket_axes:\n( {8}.*\n)+/g, "      bucket_axes: null\n")),
    "(skew-fit-axes)",
    "(skew-fit-axes)",
  ],
};

/** Lookups that fail when asked for directly, but that a simulator skips with one warning. */
const SKIPPED = ["dense: header only", "dense: file missing", "dense: a layer of the sequence missing"];

/** Faults that a simulator answers with wrong numbers, without a word. */
const SILENT = [
  ...["dense", "attention"].flatMap((table) => [
    `${table}: zero time`,
    `${table}: negative time`,
    `${table}: duplicate key, other time second`,
  ]),
  "attention: last row cut inside the number",
  "meta.yaml empty",
  "folder named tp01",
  "dense: fractional key 12.5",
  'skew_fit: enabled the text "false"',
  "skew_fit: per_tp missing, alpha_default 0.5 in the block",
  "skew_fit: no alpha_default in the entry, bucket missing",
  "skew_fit: table file missing",
  "skew_fit: table header only",
];

const ARCHITECTURE: Architecture = {
  modelType: "made_up",
  sequence: {},
  sha256: "",
  catalog: {
    dense: catalog("embedding,final_layernorm,layernorm,o_proj,qk_norm,qkv_proj,rotary_emb"),
    per_sequence: catalog("lm_head,sampler"),
    attention: catalog("attention"),
    moe: catalog("moe"),
  },
};

function catalog(names: string): Record<string, CatalogEntry> {
  return Object.fromEntries(names.split(",").map((name) => [name, { vllm: [name] }]));
}

async function findings(change: Change): Promise<Issue[]> {
  let issues: Issue[] = [];
  await withBundle(change(base), async (dir) => {
    issues = await validate(dir, { architecture: ARCHITECTURE });
  });
  // The recorded bundle's meta.yaml says little, its grid has holes and its times are random.
  return issues.filter(({ code }) =>
    !/^(meta-key-missing|grid-.*|budget-.*|time-falls|time-step|tp-slower|moe-flat)$/.test(code)
  );
}

Deno.test("validate finds each recorded fault, and nothing else", async () => {
  assert.deepEqual(Object.keys(CASES).sort(), faults.map(({ fault }) => fault).sort());
  for (const [fault, [change, ...codes]] of Object.entries(CASES)) {
    const found = (await findings(change)).map(({ code, severity }) =>
      severity === "error" ? code : `(${code})`
    );
    assert.deepEqual(found, codes, fault);
  }
});

Deno.test("validate calls an error what a simulator fails on or answers wrongly", () => {
  for (const { fault, load, lookup } of faults) {
    const [, ...codes] = CASES[fault] ?? [none];
    const fails = load !== "ok" || JSON.stringify(lookup).includes('"error"');
    if (
      (fails && !SKIPPED.includes(fault) && fault !== "asked for a tp without folder") ||
      SILENT.includes(fault)
    ) {
      assert.ok(codes.some((code) => !code.startsWith("(")), fault);
    }
  }
});
