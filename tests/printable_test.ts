import assert from "node:assert/strict";
import { printable, printableLines } from "../src/printable.ts";
import { runMain } from "./cli/run_main.ts";
import { withBundle } from "./bundle/with_bundle.ts";

const EVIL = "\x1b]0;mine\x07\x1b[2J\x9b31m\u202etxt\r";
const SHOWN = "\\x1b]0;mine\\x07\\x1b[2J\\x9b31m\\u202etxt\\x0d";

Deno.test("printable shows what would act on a terminal, and leaves all else", () => {
  assert.equal(printable(EVIL), SHOWN);
  assert.equal(printable("Größe 模型 😀"), "Größe 模型 😀");
  assert.equal(printable("a\tb\n"), "a\\x09b\\x0a");
  assert.equal(printableLines(`a\tb\n${EVIL}`), `a\tb\n${SHOWN}`);
  assert.equal(printableLines("\x1b[31merror:\x1b[39m \x1b[2J", true), "\x1b[31merror:\x1b[39m \\x1b[2J");
  assert.equal(printableLines("\x1b[31m"), "\\x1b[31m");
});

Deno.test("nothing of a file reaches a terminal unescaped: cells, columns, names, queries", () =>
  withBundle({
    "meta.yaml": `hardware: "\\e]0;mine\\a"\nmodel: "o/\\e[2J"\ntp_degrees: ["\\e[2J"]\n`,
    "tp1/dense.csv": `layer,tokens,time_us\n${EVIL}x,1,5\nqkv,${EVIL},5\n`,
    "tp1/attention.csv": `${EVIL},b\n1,2\n`,
    "queries.jsonl":
      `{"kind":"${"\\u001b"}[2J"}\n{"kind":"dense","tp":1,"layer":"${"\\u001b"}[2J","tokens":1}\n`,
  }, async (dir) => {
    for (
      const args of [
        ["validate", dir],
        ["coverage", dir],
        ["diff", dir, dir],
        ["predict", dir, "--queries", `${dir}/queries.jsonl`],
        ["validate", `${dir}/\x1b[2J`],
        [
          "plan",
          "--limits",
          `${dir}/tp1/dense.csv`,
          "--out",
          `${dir}/p`,
          "--model",
          "a/b",
          "--hardware",
          "x",
        ],
        ["\x1b[2J"],
      ]
    ) {
      const { out, err } = await runMain(args);
      // deno-lint-ignore no-control-regex
      assert.doesNotMatch(out + err, /[\x00-\x08\x0b-\x1f\x7f-\x9f\u202e]/, args.join(" "));
      assert.notEqual(out + err, "");
    }
  }));
