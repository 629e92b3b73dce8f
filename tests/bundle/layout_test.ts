import assert from "node:assert/strict";
import { UsageError } from "../../src/errors.ts";
import { bundlePath, metaPath, tablePath } from "../../src/bundle/layout.ts";
import { folderName } from "../../src/files/folder_name.ts";

Deno.test("bundlePath is hardware, organisation, name and variant inside the folder of all bundles", () => {
  assert.equal(
    bundlePath("perf", "RTX4090", "meta-llama/Llama-3.1-8B", "bf16"),
    "perf/RTX4090/meta-llama/Llama-3.1-8B/bf16",
  );
  assert.equal(bundlePath("/data/perf", "H100", "o/x", "bf16-kvfp8"), "/data/perf/H100/o/x/bf16-kvfp8");
});

Deno.test("tablePath and metaPath are inside the bundle", () => {
  assert.equal(tablePath("perf/b", 2, "skew_fit"), "perf/b/tp2/skew_fit.csv");
  assert.equal(metaPath("perf/b"), "perf/b/meta.yaml");
});

Deno.test("folderName refuses names that leave the folder or that a file system reserves", () => {
  const names = [
    "",
    ".",
    "..",
    "../x",
    "a/b",
    "/etc",
    "a\\b",
    "a\0b",
    "a\nb",
    "C:",
    "a*",
    ".git",
    "a.",
    "a ",
    " a",
  ];
  const reserved = ["con", "NUL", "aux.txt", "COM1", "x".repeat(256), "é".repeat(128)];
  for (const name of [...names, ...reserved]) {
    assert.throws(
      () => folderName("hardware", name),
      new UsageError(
        'Cannot name a folder: hardware must be the name of one folder (letters, digits, "-", "_", "." inside), ' +
          `but is ${JSON.stringify(name)}`,
      ),
    );
  }
});

Deno.test("folderName takes names of hardware and models as they come", () => {
  for (
    const name of [
      "H100",
      "RTX 4090",
      "Qwen3-30B-A3B-Instruct-2507",
      "Phi-3.5-MoE",
      "v1.0_x+y",
      "Größe",
      "conda",
    ]
  ) {
    assert.equal(folderName("hardware", name), name);
  }
});

Deno.test("bundlePath refuses a model that is not <org>/<name>, and variants that no simulator looks for", () => {
  for (const model of ["Llama", "a/b/c", "", "/a"]) {
    assert.throws(() => bundlePath("perf", "H100", model, "bf16"), UsageError, model);
  }
  assert.throws(
    () => bundlePath("perf", "H100", "a/b/c", "bf16"),
    new UsageError('Cannot name a folder: model must be <org>/<name>, but is "a/b/c"'),
  );
  for (const name of ["..", ".", "\0", "a\0", "NUL", "con.json", "/etc", "C:", "..\\x", "a\n", ".ssh"]) {
    const rule = (what: string): RegExp => new RegExp(`${what} must be `);
    assert.throws(() => bundlePath("perf", name, "a/b", "bf16"), rule("hardware"));
    assert.throws(() => bundlePath("perf", "H100", `${name}/b`, "bf16"), rule("model"));
    assert.throws(() => bundlePath("perf", "H100", `a/${name}`, "bf16"), rule("model"));
    assert.throws(() => bundlePath("perf", "H100", "a/b", name), rule("variant"));
  }
  for (const variant of ["auto", "default"]) {
    assert.throws(
      () => bundlePath("perf", "H100", "a/b", variant),
      new UsageError(
        "Cannot name a folder: variant must name types such as bf16 (auto and default are looked for by no " +
          `simulator), but is "${variant}"`,
      ),
    );
  }
});
