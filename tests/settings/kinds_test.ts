/** What each kind of value takes and refuses, at its edges, from the text of a flag. */
import assert from "node:assert/strict";
import { adaptiveTarget, timeSpan } from "../../src/settings/adaptive.ts";
import { argv, either, type Kind, oneOf, optional, toggle } from "../../src/settings/kind.ts";
import {
  dtypeName,
  folderName,
  harnessSpec,
  modelId,
  path,
  revision,
  variantName,
  weightDtype,
} from "../../src/settings/names.ts";
import { nearest } from "../../src/settings/nearest.ts";
import {
  degrees,
  devices,
  factor,
  integer,
  interval,
  precision,
  seconds,
  share,
} from "../../src/settings/numbers.ts";

const REFUSED = Symbol("refused");
function valueOf(kind: Kind<unknown>, text: string): unknown {
  const parsed = kind.schema.safeParse(kind.read(text));
  return parsed.success ? parsed.data : REFUSED;
}
const same = (...texts: string[]): [string, unknown][] => texts.map((text) => [text, text]);
const none = (...texts: string[]): [string, unknown][] => texts.map((text) => [text, REFUSED]);

const KINDS: [string, Kind<unknown>, [text: string, value: unknown][]][] = [
  ["toggle", toggle, [
    ...["1", "true", "yes", "on", " On ", "TRUE"].map((text): [string, unknown] => [text, true]),
    ...["0", "false", "no", "off", "OFF"].map((text): [string, unknown] => [text, false]),
    ...none("", "2", "y"),
  ]],
  ["argv", argv, [
    ["ssh gpu1", ["ssh", "gpu1"]],
    ["", []],
    ["sh -c 'a b'", ["sh", "-c", "a b"]],
    ...none("ssh 'gpu1"),
  ]],
  ["word", oneOf(["one", "two"]), [...same("one", "two"), ...none("One", "", "three")]],
  ["factor", factor, [
    ["1.0001", 1.0001],
    ["2", 2],
    ["1e2", 100],
    [" 2. ", 2],
    [".5e1", 5],
    ...none("1", "0", "-2", "x", "", "1e"),
  ]],
  ["seconds", seconds, [["0.001", 0.001], ["+5", 5], ...none("0", "-1", "5s")]],
  ["interval", interval, [["0", 0], ["0.5", 0.5], ...none("-0.1", "never")]],
  ["share", share, [["0.001", 0.001], ["0.999", 0.999], ...none("0", "1", "1.5")]],
  ["integer", integer(2), [["2", 2], ["1e3", 1000], ...none("1", "2.5", "two", "9007199254740993")]],
  ["precision", precision, [
    ["0.01", { relative: 0.01, min: 3, max: 30 }],
    ["0.01,2,2", { relative: 0.01, min: 2, max: 2 }],
    ["0.99,3,100", { relative: 0.99, min: 3, max: 100 }],
    ...none("0", "1", "0.01,3", "0.01,1,30", "0.01,5,4", "0.01,3,30,1", "0.01,3,4.5"),
  ]],
  ["degrees", degrees, [
    ["1", [1]],
    ["4,1,2", [1, 2, 4]],
    ["16,2,1", [1, 2, 16]],
    ...none("2", "1,1", "0,1", "1,1.5"),
  ]],
  ["devices", devices, [["0", [0]], ["3,0,1", [3, 0, 1]], ...none("0,0", "-1", "0,", "gpu0")]],
  ["model", modelId, [
    ...same("Qwen/Qwen3-0.6B", "a/b", "_a/9b", "a+b/c"),
    ...none("a", "a/b/c", "a/.b", "-a/b", "a/b..c", "a/", "/b", "a/b c", "a/b:c"),
  ]],
  ["revision", revision, [
    ...same("main", "refs/pr/1", "v1.0", "x".repeat(200), `${"x".repeat(99)}/${"y".repeat(100)}`),
    ...none("x".repeat(201), "", "a//b", "../a", "/a", "a/", "a b"),
  ]],
  ["folder", folderName, [...same("H100", "a_b-c.d+e", "9"), ...none("", ".a", "-a", "a/b", "a..b", "..")]],
  ["variant", variantName, [
    ...same("bf16", "autos", "default2", "Auto"),
    ...none("auto", "default", "a/b", ""),
  ]],
  ["type", dtypeName, [...same("fp8", "float8_e4m3fn"), ...none("BF16", "8bit", "", "fp-8")]],
  ["weights", weightDtype, [["auto", null], ["bfloat16", "bfloat16"], ...none("BF16")]],
  ["path", path, [...same("/a b", ".", "~"), ...none("", "a\0b")]],
  ["harness", harnessSpec, [...same("vllm", " x "), ...none("", "  ")]],
  ["target", adaptiveTarget, [
    ["20%", { shots: 0.2 }],
    ["0.2", { shots: 0.2 }],
    ["shots=5%", { shots: 0.05 }],
    [" error=3% ", { error: 0.03 }],
    ["error=0.03", { error: 0.03 }],
    ...none("100%", "1", "0", "0%", "errors=3%", "3 %", "%", "1.2.3"),
  ]],
  ["time", timeSpan, [
    ["90", 90],
    ["90s", 90],
    ["5min", 300],
    ["1h", 3600],
    ["1h30min", 5400],
    ["1h2min3s", 3723],
    [" 0.5h ", 1800],
    ["1min30", 90],
    ...none("", "0", "0s", "5 min", "30min1h", "-5s", "1.2.3s", "h"),
  ]],
];
for (const [name, kind, cases] of KINDS) {
  for (const [text, value] of cases) {
    Deno.test(`${name}: '${text.slice(0, 24)}' is ${value === REFUSED ? "refused" : JSON.stringify(value)}`, () => {
      assert.deepEqual(valueOf(kind, text), value);
    });
  }
}

Deno.test("a kind that may be left out takes null and all else that it takes", () => {
  const kind = optional(integer(1));
  assert.deepEqual([kind.schema.parse(null), kind.schema.parse(1), kind.placeholder], [null, 1, "<n>"]);
  assert.equal(kind.schema.safeParse(0).success, false);
  assert.equal(integer(1).schema.safeParse(null).success, false);
});

Deno.test("words are joined as people say them", () => {
  assert.deepEqual([either(["a"]), either(["a", "b"]), either(["a", "b", "c"])], [
    "a",
    "a or b",
    "a, b or c",
  ]);
  assert.equal(oneOf(["a", "b"]).placeholder, "<a|b>");
});

const words: [string, string | null][] = [
  ["hardware", "hardware"],
  ["HARDWARE", "hardware"],
  ["hardwear", "hardware"],
  ["hrdwre", "hardware"],
  ["hardw", "hardware"],
  ["hard", null],
  ["mdl", "model"],
  ["sed", "seed"],
  ["sees", "seed"],
  ["se", null],
  ["xyz", null],
  ["", null],
];
for (const [word, found] of words) {
  Deno.test(`what '${word}' may have meant: ${found}`, () => {
    assert.equal(nearest(word, ["model", "hardware", "seed", "seedling"]), found);
  });
}
Deno.test("of candidates that are equally near the first is meant", () => {
  assert.equal(nearest("mode", ["modes", "model"]), "modes");
  assert.equal(nearest("model", ["modes", "model"]), "model");
  assert.equal(nearest("ABCDE", ["abcde"]), "abcde", "whatever the case of either");
  assert.equal(nearest("abcde", ["ABCDE"]), "ABCDE");
  assert.deepEqual(["abxyz", "axyze"].map((word) => nearest(word, ["abcde"])), [null, null]);
  assert.deepEqual(["abcxy", "xyabcde", "abc"].map((word) => nearest(word, ["abcde"])), [
    "abcde",
    "abcde",
    "abcde",
  ]);
});
