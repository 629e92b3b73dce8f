import assert from "node:assert/strict";
import { shellWord, splitArgv } from "../../src/settings/argv.ts";

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

const shown: [string, string][] = [
  ["--tp=1,2", "--tp=1,2"],
  ["a/b_c.d@e%f+g:h-i", "a/b_c.d@e%f+g:h-i"],
  ["", "''"],
  ["a b", "'a b'"],
  ["$HOME", "'$HOME'"],
  ["it's", String.raw`'it'\''s'`],
  ["'a' 'b'", String.raw`''\''a'\'' '\''b'\'''`],
];
for (const [word, text] of shown) {
  Deno.test(`a shell reads ${text} as one word`, () => {
    assert.equal(shellWord(word), text);
    assert.deepEqual(splitArgv(text), [word]);
  });
}
