import assert from "node:assert/strict";
import { UsageError } from "../../src/errors.ts";
import { formatYaml, parseYaml } from "../../src/files/yaml.ts";

Deno.test("parseYaml reads values as PyYAML does, dates apart", () => {
  const cases: [string, unknown][] = [
    ["", null],
    ["a: yes\nb: No\nc: on\nd: OFF\n", { a: true, b: false, c: true, d: false }],
    ["n: y\ny: n\n", { n: "y", y: "n" }],
    ["a: 017\nb: 0x10\nc: 1_000\n", { a: 15, b: 16, c: 1000 }],
    ["a: 0o17\nb: 1:30\n", { a: "0o17", b: "1:30" }],
    ["a: 2026-08-17T19:43:32+00:00\nb: 2026-08-17\n", { a: "2026-08-17T19:43:32+00:00", b: "2026-08-17" }],
    ["a: ~\nb:\nc: null\n", { a: null, b: null, c: null }],
    ["a: &x [1, 2]\nb: *x\n", { a: [1, 2], b: [1, 2] }],
    ["a: &x {p: 1}\nb: {<<: *x, q: 2}\n", { a: { p: 1 }, b: { p: 1, q: 2 } }],
    ["1: {a: '12.8'}\n", { 1: { a: "12.8" } }],
    ["a: .inf\nb: 1.0e-07\n", { a: Infinity, b: 1e-7 }],
  ];
  for (const [text, expected] of cases) assert.deepEqual(parseYaml(text), expected, text);
});

Deno.test("parseYaml refuses what PyYAML lets pass or evaluates", () => {
  const cases: [string, string][] = [
    ["a: 1\na: 2\n", "Cannot read meta.yaml: Map keys must be unique at line 2, column 1"],
    [
      "a: !!python/object:os.system 1\n",
      "Cannot read meta.yaml: Unresolved tag: tag:yaml.org,2002:python/object:os.system at line 1, column 4",
    ],
    ["a: 1\n\tb: 2\n", "Cannot read meta.yaml: Tabs are not allowed as indentation at line 2, column 1"],
    [
      "? [1, 2]\n: 3\n",
      "Cannot read meta.yaml: With stringKeys, all keys must be strings at line 1, column 3",
    ],
    ["a: *x\n", "Cannot read meta.yaml: Unresolved alias (the anchor must be set before the alias): x"],
  ];
  for (const [text, message] of cases) {
    assert.throws(() => parseYaml(text, "meta.yaml"), new UsageError(message));
  }
});

Deno.test("parseYaml refuses texts that could exhaust it", () => {
  const bomb = ["a: &a [x, x, x, x, x]"];
  for (const [index, name] of [..."bcdefgh"].entries()) {
    bomb.push(`${name}: &${name} [${Array(5).fill(`*${"abcdefg"[index]}`).join(", ")}]`);
  }
  const tooDeep = "it must nest 64 levels deep at most";
  const cases: [text: string, rule: string][] = [
    ["x".repeat(131_073), "it must have 131,072 characters at most, got 131,073"],
    ["[".repeat(65) + "]".repeat(65), tooDeep],
    ["[".repeat(10_000) + "]".repeat(10_000), tooDeep],
    ["{a: ".repeat(10_000), tooDeep],
    ["- ".repeat(60_000), tooDeep],
    [bomb.join("\n"), "Excessive alias count indicates a resource exhaustion attack"],
  ];
  for (const [text, rule] of cases) {
    assert.throws(() => parseYaml(text, "meta.yaml"), new UsageError(`Cannot read meta.yaml: ${rule}`));
  }
  assert.doesNotThrow(() => parseYaml("[".repeat(64) + "]".repeat(64)));
});

Deno.test("formatYaml writes in PyYAML's look", () => {
  const value = {
    version: "12.8",
    at: "2026-08-17T19:43:32+00:00",
    model: "meta-llama/Llama-3.1-8B",
    chunks: "0, 16-2048 x2",
    tp: [1, 2],
    labels: ["sr<=5%", "sr>70%"],
    none: null,
    on: true,
    factors: { n: 2, pc: 1.5 },
    per_tp: { 1: { alpha: 0 }, 2: { alpha: 1e-7 } },
    empty: {},
    list: [],
    texts: ["yes", "n", "1e-7", "0x10", "1:30", "", "~", "a: b", "it's", "<<", "="],
    big: 1e21,
    nested: [{ a: 1 }],
  };
  assert.equal(
    formatYaml(value, { floats: new Set(["factors", "alpha"]) }),
    `version: '12.8'
at: '2026-08-17T19:43:32+00:00'
model: meta-llama/Llama-3.1-8B
chunks: 0, 16-2048 x2
tp: [1, 2]
labels: [sr<=5%, sr>70%]
none: null
'on': true
factors:
  n: 2.0
  pc: 1.5
per_tp:
  1:
    alpha: 0.0
  2:
    alpha: 1.0e-07
empty: {}
list: []
texts: ['yes', n, '1e-7', '0x10', '1:30', '', '~', 'a: b', it's, '<<', '=']
big: 1.0e+21
nested:
- a: 1
`,
  );
});

Deno.test("parseYaml reads back what formatYaml writes", () => {
  const values: unknown[] = [
    null,
    [1, 1.5, -2, 1e-9, 1e300, Infinity],
    {
      texts: [
        "a\nb",
        "é",
        "# x",
        "- x",
        "[",
        "{",
        "%",
        "@",
        "`",
        "'",
        '"',
        "\t",
        " x ",
        "*a",
        "&a",
        "!a",
        "|",
      ],
    },
    { long: "word ".repeat(60).trim(), many: Array.from({ length: 60 }, (_, index) => index * 1000) },
    { a: { b: { c: [[1, 2], [3]] } }, "key with: colon": 1, "01": 2 },
  ];
  for (const value of values) assert.deepEqual(parseYaml(formatYaml(value)), value);
});

Deno.test("parseYaml takes as many characters as it is told, and no more", () => {
  assert.deepEqual(parseYaml("a: 12", "x.yaml", 5), { a: 12 });
  assert.throws(() => parseYaml("a: 12", "x.yaml", 4), {
    message: "Cannot read x.yaml: it must have 4 characters at most, got 5",
  });
});

const repeated: [text: string, place: string][] = [
  ["a: 1\nb: 2\na: 3\n", "line 3, column 1"],
  ["x:\n  b: 1\n  b: 2\n", "line 3, column 3"],
  ["{p: 1, q: 2, q: 3}\n", "line 1, column 14"],
];
for (const [text, place] of repeated) {
  Deno.test(`parseYaml names a repeated key at ${place}`, () => {
    assert.throws(() => parseYaml(text, "meta.yaml"), {
      name: "UsageError",
      message: `Cannot read meta.yaml: Map keys must be unique at ${place}`,
    });
  });
}

Deno.test("formatYaml repeats what is there twice, and makes floats of the numbers below a key alone", () => {
  const shared = { n: 2, list: [3, { deep: 4 }] };
  assert.equal(
    formatYaml({ a: shared, b: shared, 7: 1, "007": 1 }, { floats: new Set(["n", "deep"]) }),
    `7: 1
a:
  n: 2.0
  list:
  - 3
  - deep: 4.0
b:
  n: 2.0
  list:
  - 3
  - deep: 4.0
'007': 1
`,
  );
  assert.equal(formatYaml([Infinity, -Infinity, NaN, 0.5, -0.25]), "[.inf, -.inf, .nan, 0.5, -0.25]\n");
});
