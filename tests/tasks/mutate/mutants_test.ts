import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import equivalent from "../../../tasks/mutate/equivalent.json" with { type: "json" };
import { type Mutant, mutants } from "../../../tasks/mutate/mutants.ts";

const SOURCE = `import { log } from "./log.ts";
/** a < b */
export function f(a: number[], b = 2): void {
  log("1 < 2", /3 < 4/);
  for (const x of a) {
    if (x === b || !(x > 0)) continue; // x < 5
    if (!a.some((y) => y !== x)) throw new Error(\`\${Math.max(x, b)} of 3\`, h(x, b));
  }
  total += b as 1 | 2;
}
export const g = (a: string[], b?: number): string[] => b ?? true ? a.filter((x) => x + "!" !== "") : [];
`;

Deno.test("mutants puts one fault at a time in the code, none in imports, types, comments, texts and patterns", () => {
  assert.deepEqual(
    mutants(SOURCE).map(({ line, operator, change }) => `${line} ${operator}: ${change}`),
    [
      "3 off by one: 2 → 3",
      "3 change a constant: 2 → 4",
      "4 return early:  → return;",
      '4 drop a call: log("1 < 2", /3 < 4/); → ;',
      "6 swap and/or: x === b || !(x > 0) → x === b && !(x > 0)",
      "6 drop a condition: x === b || !(x > 0) → x === b",
      "6 drop a condition: x === b || !(x > 0) → !(x > 0)",
      "6 flip a comparison: x === b → x !== b",
      "6 move a bound: x > 0 → x >= 0",
      "6 off by one: 0 → 1",
      "6 leave a loop: continue; → break;",
      "7 negate a condition: !a.some((y) => y !== x) → !(!a.some((y) => y !== x))",
      "7 swap some/every: some → every",
      "7 flip a comparison: y !== x → y === x",
      "7 drop a throw: throw new Error(`${Math.max(x, b)} of 3`, h(x, b)); → ;",
      "7 swap min/max: max → min",
      "7 swap arguments: x, b → b, x",
      "9 drop an assignment: total += b as 1 | 2; → ;",
      "9 arithmetic: total += b as 1 | 2 → total -= b as 1 | 2",
      "11 negate a condition: b ?? true → !(b ?? true)",
      "11 drop a default: b ?? true → (b)!",
      "11 negate a boolean: true → false",
      '11 drop a call: a.filter((x) => x + "!" !== "") → a',
      '11 flip a comparison: x + "!" !== "" → x + "!" === ""',
    ],
  );
});

const PYTHON = `"""1 < 2"""
from math import floor

class Tally:
    """Counts."""

    def add(self, a: list[int], b: int = 2) -> None:
        """Adds 3."""
        for x in a:
            if x == b or not (x > 0 and b):
                continue
            if floor(x) is None:
                raise ValueError(f"{x + 1} of " + "3")
        self.total += b
        self.show(a, b)
        self.seen = sorted(a)

    def end(self) -> None:
        """Ends."""
        ...
`;

async function pythonMutants(...paths: string[]): Promise<(Mutant & { path: string })[]> {
  const script = fileURLToPath(new URL("../../../tasks/mutate/mutants.py", import.meta.url));
  const { stdout, success } = await new Deno.Command("python3", { args: [script, ...paths] }).output();
  assert.ok(success);
  return new TextDecoder().decode(stdout).trim().split("\n").map((line) => JSON.parse(line));
}

Deno.test("faults of Python are of the same kinds", async () => {
  const path = await Deno.makeTempFile({ suffix: ".py" });
  try {
    await Deno.writeTextFile(path, PYTHON);
    const found = await pythonMutants(path);
    assert.deepEqual(
      found.map(({ line, operator, change }) => `${line} ${operator}: ${change}`),
      [
        "7 off by one: 2 → (3)",
        "7 change a constant: 2 → (4)",
        "9 return early:  → return",
        "10 swap and/or: x == b or not (x > 0 and b) → (x == b) and (not (x > 0 and b))",
        "10 drop a condition: x == b or not (x > 0 and b) → (not (x > 0 and b))",
        "10 drop a condition: x == b or not (x > 0 and b) → (x == b)",
        "10 flip a comparison: == → !=",
        "10 swap and/or: x > 0 and b → (x > 0) or (b)",
        "10 drop a condition: x > 0 and b → (b)",
        "10 drop a condition: x > 0 and b → (x > 0)",
        "10 move a bound: > → >=",
        "10 off by one: 0 → (1)",
        "11 leave a loop: continue → break",
        "12 swap min/max: floor → ceil",
        "12 flip a comparison: is → is not",
        '13 drop a throw: raise ValueError(f"{x + 1} of " + "3") → pass',
        "13 arithmetic: + → -",
        "13 off by one: 1 → (2)",
        "14 drop an assignment: self.total += b → pass",
        "14 arithmetic: += → -=",
        "15 drop a call: self.show(a, b) → pass",
        "15 swap arguments: a, b → b, a",
        "16 drop an assignment: self.seen = sorted(a) → pass",
        "16 drop a call: sorted(a) → list(a)",
      ],
    );
    for (const { text, line } of found) assert.deepEqual(changedLines(PYTHON, text)[0], line);
  } finally {
    await Deno.remove(path);
  }
});

const senseless: [string, string[]][] = [
  ["const a = 1e9 * 3600;", ["arithmetic", "change a constant", "off by one", "change a constant"]],
  ["const a = Math.hypot(b, c);", []],
  ["const a = Math.pow(b, c);", ["swap arguments"]],
];
for (const [source, operators] of senseless) {
  Deno.test(`faults that nobody could see are left out of ${source}`, () => {
    assert.deepEqual(mutants(source).map(({ operator }) => operator), operators);
  });
}

Deno.test("the end of a case is left alone, a loop's within it is not", () => {
  const source = `for (const a of b) {
  switch (a) {
    case 7:
      for (const c of a) break;
      break;
    default:
      continue;
  }
  break;
}
`;
  assert.deepEqual(
    mutants(source).filter(({ operator }) => operator === "leave a loop").map((
      { line, change },
    ) => [line, change]),
    [[4, "break; → continue;"], [7, "continue; → break;"], [9, "break; → continue;"]],
  );
});

Deno.test("a mutant is the source but for the fault", () => {
  for (const { text, line } of mutants(SOURCE)) assert.deepEqual(changedLines(SOURCE, text)[0], line);
});

/** The lines that differ, from 1, as far as no line was added. */
function changedLines(before: string, after: string): number[] {
  const [own, other] = [before, after].map((source) => source.split("\n"));
  assert.notEqual(before, after);
  return own!.flatMap((line, i) => line === other![i] ? [] : [i + 1]);
}

Deno.test("what is listed as equivalent is a fault of the sources as they are, and says why it is none", async () => {
  const fileOf = (path: string): string => fileURLToPath(new URL(`../../../${path}`, import.meta.url));
  const paths = equivalent.map(({ path }) => path).filter((path) => path.endsWith(".py"));
  const ofPython = Map.groupBy(await pythonMutants(...new Set(paths.map(fileOf))), ({ path }) => path);
  for (const { path, line, change, reason } of equivalent) {
    const source = await Deno.readTextFile(fileOf(path));
    const lines = source.split("\n");
    const found = (ofPython.get(fileOf(path)) ?? mutants(source)).filter((fault) =>
      fault.change === change && lines[fault.line - 1]!.trim() === line
    );
    // A change that a line allows at several places is left out at all of them.
    assert.ok(found.length > 0, `${path}: ${change}`);
    assert.ok(reason.length > 20);
  }
});
