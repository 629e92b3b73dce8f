/** What names one folder: its bytes, its characters, and models of two parts. */
import assert from "node:assert/strict";
import { folderName, modelFolders } from "../../src/files/folder_name.ts";

const allowed = [
  "a",
  "Llama-3.1-8B",
  "a.b",
  "a b",
  "com",
  "com10.txt",
  "nulls",
  "x".repeat(255),
  "é".repeat(127),
];
for (const name of allowed) {
  Deno.test(`a folder may be named '${name.slice(0, 12)}' of ${name.length} characters`, () => {
    assert.equal(folderName("hardware", name), name);
  });
}

const refused = [
  ...[
    "",
    ".",
    "..",
    ".a",
    "a.",
    "a ",
    " a",
    "a/b",
    "a\\b",
    "a:b",
    "a*",
    "a?",
    'a"',
    "<a",
    "a>",
    "a|b",
    "a\nb",
  ],
  ...["a\x7f", "con", "PRN", "aux.txt", "nul", "com1", "LPT9.x", "x".repeat(256), "é".repeat(128)],
];
for (const name of refused) {
  Deno.test(`no folder is named ${JSON.stringify(name.slice(0, 12))} of ${name.length} characters`, () => {
    assert.throws(() => folderName("hardware", name), {
      name: "UsageError",
      message:
        `Cannot name a folder: hardware must be the name of one folder (letters, digits, "-", "_", "." ` +
        `inside), but is ${JSON.stringify(name)}`,
    });
  });
}

Deno.test("a model lies in two folders", () => {
  assert.deepEqual(modelFolders("org/name"), ["org", "name"]);
  for (const model of ["name", "a/b/c", ""]) {
    assert.throws(() => modelFolders(model), {
      message: `Cannot name a folder: model must be <org>/<name>, but is ${JSON.stringify(model)}`,
    });
  }
  for (const model of ["/name", "org/", "../name"]) {
    assert.throws(() => modelFolders(model), /Cannot name a folder/);
  }
});
