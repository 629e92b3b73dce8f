import assert from "node:assert/strict";
import { splitArgv } from "../../src/settings/argv.ts";

Deno.test("splitArgv: words, quotes and escapes as shells read them", () => {
  const cases: readonly (readonly [string, string[] | null])[] = [
    ["", []],
    ["  \t ", []],
    [" ssh  gpu1 ", ["ssh", "gpu1"]],
    ["a 'b c' d", ["a", "b c", "d"]],
    [`"a 'b'" 'c "d"'`, ["a 'b'", `c "d"`]],
    [`a"b c"d`, ["ab cd"]],
    [`"" ''`, ["", ""]],
    [`"a\\"b\\\\c\\n"`, [`a"b\\c\\n`]],
    [`a\\ b`, ["a b"]],
    [`$HOME *`, ["$HOME", "*"]],
    [`"open`, null],
    [`'open`, null],
    [`end\\`, null],
  ];
  for (const [text, words] of cases) assert.deepEqual(splitArgv(text), words, text);
});
