import assert from "node:assert/strict";
import { dirname } from "node:path";
import { stringify } from "yaml";
import { formatMeta, type Meta, parseMeta } from "../../src/bundle/meta.ts";
import type { Calibration } from "../../src/bundle/meta_blocks.ts";
import { validate } from "../../src/check/validate.ts";
import { parseArchitecture } from "../../src/model/architecture.ts";
import type { ModelConfig } from "../../src/model/model.ts";
import { fitBundle } from "../../src/run/fit_bundle.ts";
import { readVectors } from "../predict/vectors.ts";

interface Vectors {
  readonly files: Readonly<Record<string, string>>;
  readonly cases: readonly {
    readonly fault: string;
    readonly refit: null | "ok" | object;
    readonly load: "ok" | object;
    readonly lookup: Readonly<Record<string, unknown>> | null;
  }[];
  readonly model_config: ModelConfig;
  readonly architecture: object;
}

const { files, cases, model_config, architecture } = readVectors<Vectors>("bundle-faults-v1.2.json.gz");
const MODEL = {
  id: "x/y",
  config: model_config,
  architecture: parseArchitecture(stringify(architecture), "syn.yaml"),
};

type Change = (dir: string) => Promise<void>;

const edit = (path: string, change: (text: string) => string): Change => async (dir) => {
  const before = await Deno.readTextFile(`${dir}/${path}`);
  const after = change(before);
  assert.notEqual(after, before);
  await Deno.writeTextFile(`${dir}/${path}`, after);
};
const remove = (path: string): Change => (dir) => Deno.remove(`${dir}/${path}`, { recursive: true });
const none: Change = () => Promise.resolve();
const headerOnly = (path: string): Change => edit(path, (text) => text.slice(0, text.indexOf("\n") + 1));
const meta = (change: (meta: Meta) => object): Change =>
  edit("meta.yaml", (text) => formatMeta(change(parseMeta(text, "meta.yaml")) as Meta));
const entry = (change: (entry: Calibration) => object): Change =>
  meta((own) => {
    const [[tp, fit] = ["1", {}]] = Object.entries(own.skew_fit?.per_tp ?? {});
    return { ...own, skew_fit: { ...own.skew_fit, per_tp: { [tp]: change(fit as unknown as Calibration) } } };
  });
const reference = (change: object): Change =>
  entry((fit) => ({ ...fit, reference: { ...fit.reference, ...change } }));
const skew = (change: (lines: string[]) => string[]): Change =>
  edit("tp1/skew.csv", (text) => change(text.trimEnd().split("\n")).join("\n") + "\n");
const cells = (index: number, value: string): Change =>
  skew(([header = "", first = "", ...rest]) => [
    header,
    first.split(",").map((cell, i) => i === index ? value : cell).join(","),
    ...rest,
  ]);
const keyed = (
  header: string,
  row: (chunk: number, key: number, rest: string[]) => (string | number)[],
): Change =>
  edit("tp1/attention.csv", (text) => {
    const [, ...lines] = text.trimEnd().split("\n");
    const rows = lines.map((line) => line.split(",")).filter(([layer, , , , , q]) =>
      layer === "attention" && q === "1"
    );
    const written = rows.map(([, chunk, key, ...rest]) => row(Number(chunk), Number(key), rest).join(","));
    return [header, ...written, ""].join("\n");
  });
const BLOCK = {
  enabled: true,
  alpha_default: 0.5,
  per_tp: { 1: { alpha_default: 0.5, bucket_table: "tp1/skew_fit.csv" } },
};

/** How a fault is made, and the codes of the errors that it is found by. */
const FAULTS: Readonly<Record<string, readonly [Change, ...string[]]>> = {
  "base, skew off": [none],
  "refitted": [none],
  "no meta.yaml": [remove("meta.yaml"), "meta-missing"],
  "empty meta.yaml": [edit("meta.yaml", () => ""), "file-empty"],
  "skew_fit absent": [meta(({ skew_fit: _, ...rest }) => rest)],
  "August skew_fit enabled": [meta((own) => ({ ...own, skew_fit: BLOCK })), "skew-fit-legacy"],
  "enabled, per_tp empty": [
    meta((own) => ({ ...own, skew_fit: { enabled: true, per_tp: {} } })),
    "skew-fit-legacy",
  ],
  "enabled is the text 'false'": [
    edit("meta.yaml", (text) => text.replace("enabled: false", "enabled: 'false'")),
    "meta-type",
  ],
  "August block, enabled: false": [meta((own) => ({ ...own, skew_fit: { ...BLOCK, enabled: false } }))],
  "refitted, attention.csv changed": [
    edit("tp1/attention.csv", (text) => text.replace(/\d\n/, "9\n")),
    "skew-fit-stale",
  ],
  "refitted, attention.csv with CRLF": [
    edit("tp1/attention.csv", (text) => text.replaceAll("\n", "\r\n")),
    "skew-fit-stale",
  ],
  "refitted, skew_fit.csv changed": [
    edit("tp1/skew_fit.csv", (text) => text.replaceAll("\n", "\r\n")),
    "skew-fit-stale",
  ],
  "refitted, skew.csv deleted": [remove("tp1/skew.csv")],
  "refitted, other lookup_sha256": [reference({ lookup_sha256: "0".repeat(64) }), "skew-fit-stale"],
  "refitted, hardware renamed in meta": [
    meta((own) => ({ ...own, hardware: "OTHER" })),
    "name-differs",
    "skew-fit-identity",
  ],
  "refitted, identity tp as text": [
    entry((fit) => ({ ...fit, identity: { ...fit.identity, tp: "1" } })),
    "skew-fit-identity",
  ],
  "refitted, per_tp key as text": [edit("meta.yaml", (text) => text.replace(/^( +)1:$/m, "$1'1':"))],
  "refitted, key_saturation null": [reference({ key_saturation: null }), "skew-fit-saturation"],
  "refitted, saturation_by_layer lacks a kernel": [
    reference({ saturation_by_layer: { attention: false } }),
    "skew-fit-saturation",
  ],
  "refitted, disabled again": [meta((own) => ({ ...own, skew_fit: { ...own.skew_fit, enabled: false } }))],
  "refitted, disabled, hardware renamed": [
    meta((own) => ({ ...own, hardware: "OTHER", skew_fit: { ...own.skew_fit, enabled: false } })),
    "name-differs",
  ],
  "refitted, min_rows 1000": [entry((fit) => ({ ...fit, min_rows: 1000 })), "skew-fit-cell"],
  "refitted, alpha_clip tight": [entry((fit) => ({ ...fit, alpha_clip: [0.1, 0.11] })), "skew-fit-cell"],
  "skew.csv with one shape twice": [
    skew(([header = "", first = "", ...rest]) => [header, first, first, ...rest]),
  ],
  "skew.csv time 0": [cells(6, "0")],
  "skew.csv blank time": [cells(6, "")],
  "skew.csv nb = n": [cells(1, "4")],
  "skew.csv without kv_big but with skew": [edit("tp1/skew.csv", (text) => text.replace("kv_big", "skew"))],
  "skew.csv layer not in the catalog": [
    skew((lines) => lines.map((line, i) => `${line},${i === 0 ? "layer" : "foo"}`)),
  ],
  "skew.csv header only": [headerOnly("tp1/skew.csv")],
  "no skew.csv": [remove("tp1/skew.csv")],
  "skew.meta.yaml not completed": [
    (dir) => Deno.writeTextFile(`${dir}/tp1/skew.meta.yaml`, "completed: false\n"),
  ],
  "attention.csv of August (kv_prefill, no layer)": [
    keyed(
      "prefill_chunk,kv_prefill,n_decode,kv_decode,time_us",
      (chunk, key, [n = "", kv = "", , time = ""]) => [
        chunk,
        Math.floor(Math.max(0, key - chunk / 2)) + 1000 * key,
        n,
        kv,
        time,
      ],
    ),
  ],
  "attention.csv with both kv_prefill and prefill_key": [
    keyed(
      "prefill_chunk,kv_prefill,prefill_key,n_decode,kv_decode,time_us",
      (chunk, key, [n = "", kv = "", , time = ""]) => [chunk, Math.floor(key - chunk / 2), key, n, kv, time],
    ),
  ],
  "attention.csv without either": [
    edit("tp1/attention.csv", (text) => text.replace("prefill_key", "place")),
    "column-missing",
    "table-empty",
  ],
  "attention.csv missing": [remove("tp1/attention.csv"), "table-missing"],
  "attention.csv header only": [headerOnly("tp1/attention.csv"), "table-empty"],
  "moe.csv without ep": [
    edit(
      "tp1/moe.csv",
      (text) =>
        text.split("\n").filter((line) => !/^[2-9]/.test(line)).map((line) => line.replace(/^[^,]*,/, ""))
          .join("\n"),
    ),
  ],
  "moe.csv missing": [remove("tp1/moe.csv"), "table-missing"],
  "dense.csv duplicate key: the last row counts": [
    edit("tp1/dense.csv", (text) => `${text}a,16,9.5\n`),
    "key-duplicate",
  ],
  "dense.csv time NaN": [
    edit("tp1/dense.csv", (text) => text.replace(/,[^,]*\n$/, ",nan\n")),
    "time-invalid",
  ],
  "dense.csv time 0": [
    edit("tp1/dense.csv", (text) => text.replace(/,[^,]*\n$/, ",0\n")),
    "time-not-positive",
  ],
  "dense.csv missing": [remove("tp1/dense.csv"), "table-missing"],
  "dense.csv empty file": [edit("tp1/dense.csv", () => ""), "file-empty", "table-empty"],
  "extra columns measurement_protocol, measurement_sha256": [
    edit(
      "tp1/dense.csv",
      (text) =>
        text.trimEnd().split("\n").map((line, i) =>
          line + (i === 0 ? ",measurement_protocol,measurement_sha256" : ",p,0")
        ).join("\n") + "\n",
    ),
  ],
  "folder tp01": [(dir) => Deno.rename(`${dir}/tp1`, `${dir}/tp01`), "tp-name", "table-missing"],
};

/** What no file of the bundle shows. */
const OUTSIDE = ["tp2 asked, folder absent", "architecture in the sequence form"];

async function errorsOf(refitted: boolean, change: Change): Promise<string[]> {
  const perf = await Deno.makeTempDir();
  const dir = `${perf}/SYN/x/y/bf16`;
  try {
    for (const [path, text] of Object.entries(files)) {
      await Deno.mkdir(dirname(`${dir}/${path}`), { recursive: true });
      // The base has a key twice, which validate calls an error as the simulators read unlike rows.
      await Deno.writeTextFile(`${dir}/${path}`, text.replace("\na,16,9.5\n", "\n"));
    }
    if (refitted) await fitBundle(dir, { simulator: "v1.2", model: MODEL });
    await change(dir);
    const issues = await validate(dir, { simulator: "v1.2", model: MODEL, architecture: MODEL.architecture });
    return [...new Set(issues.filter(({ severity }) => severity === "error").map(({ code }) => code))];
  } finally {
    await Deno.remove(perf, { recursive: true });
  }
}

for (const { fault, refit, load, lookup } of cases.filter(({ fault }) => !OUTSIDE.includes(fault))) {
  Deno.test(`validate for v1.2: ${fault}`, async () => {
    const [change, ...codes] = FAULTS[fault]!;
    const found = await errorsOf(refit === "ok" && fault.startsWith("refitted"), change);
    assert.deepEqual(found, codes);
    const fails = load !== "ok" || JSON.stringify(lookup).includes('"error"');
    if (fails) assert.ok(found.length > 0, "v1.2 fails on it");
  });
}

Deno.test("validate for v1.2 warns that refit-skew will refuse a file", async () => {
  const perf = await Deno.makeTempDir();
  const dir = `${perf}/SYN/x/y/bf16`;
  for (const [path, text] of Object.entries(files)) {
    await Deno.mkdir(dirname(`${dir}/${path}`), { recursive: true });
    await Deno.writeTextFile(`${dir}/${path}`, text);
  }
  await cells(6, "0")(dir);
  const issues = await validate(dir, { simulator: "v1.2" });
  assert.ok(
    issues.some(({ path, severity, message }) =>
      path.endsWith("skew.csv") && severity === "warning" && message.includes("refit-skew refuses the file")
    ),
  );
  await Deno.remove(perf, { recursive: true });
});

Deno.test("validate for August finds rows that it takes for others", async () => {
  const perf = await Deno.makeTempDir();
  for (const [path, text] of Object.entries(files)) {
    await Deno.mkdir(dirname(`${perf}/${path}`), { recursive: true });
    await Deno.writeTextFile(`${perf}/${path}`, text);
  }
  const issues = await validate(perf, { simulator: "august" });
  const found = issues.filter(({ code }) => code === "rows-mixed" || code === "column-missing");
  assert.ok(found.some(({ column, path }) => column === "ep" && path.endsWith("tp1/moe.csv")));
  assert.ok(found.some(({ column, path }) => column === "kv_prefill" && path.endsWith("tp1/attention.csv")));
  assert.ok(found.some(({ code, path }) => code === "rows-mixed" && path.endsWith("tp1/attention.csv")));
  await Deno.remove(perf, { recursive: true });
});
