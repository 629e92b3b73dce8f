/**
 * Which places of a source a test runs: it cannot notice a fault in a statement that it never comes to.
 *
 * @module
 */
import { parse } from "@babel/parser";

/** A node of the syntax tree. */
interface Syntax {
  readonly type: string;
  readonly start: number;
  readonly end: number;
  readonly [key: string]: unknown;
}

/** A part of a source that is come to as a whole. */
interface Step {
  readonly start: number;
  readonly end: number;
  /** Whether it is one of a list of statements, the only statement of a branch, or what a function without braces gives. */
  readonly kind: "listed" | "alone" | "given";
}

/** A text that is put into a source; one that closes something says where that was opened. */
interface Edit {
  readonly at: number;
  readonly put: string;
  readonly opened?: number;
}

/** What a probe is called in the source. */
const PROBE = "__comesTo";

/**
 * Puts probes into a source: each writes its number to a file when the program first comes to its place.
 *
 * @param source The source.
 * @param places Where the probes are wanted, in characters, by their numbers.
 * @param report The file, which gets a number a line.
 * @returns The source with a probe before the innermost statement of each place, or before what the innermost function
 * without braces gives; all else is as it was.
 *
 * @example
 * ```ts
 * import { probed } from "./reach.ts";
 * import assert from "node:assert/strict";
 * const source = "const f = (a) => a + 1;\nif (b) throw c;\n";
 * const [first, second] = probed(source, new Map([[7, 21], [8, 31]]), "/tmp/reached").split("\n");
 * assert.equal(first, "const f = (a) => (__comesTo(7), a + 1);");
 * assert.equal(second, "if (b) { __comesTo(8); throw c; }");
 * ```
 */
export function probed(source: string, places: ReadonlyMap<number, number>, report: string): string {
  const { program } = parse(source, {
    sourceType: "module",
    plugins: ["typescript"],
    createParenthesizedExpressions: true,
  });
  const steps = stepsOf(program as unknown as Syntax);
  const probes = Map.groupBy(places, ([, at]) => innermost(steps, at));
  const edits = [...probes].flatMap(([{ start, end, kind }, own]): Edit[] => {
    const calls = own.map(([number]) => `${PROBE}(${number})`);
    if (kind === "given") {
      return [{ at: start, put: `(${calls.join(", ")}, ` }, { at: end, put: ")", opened: start }];
    }
    const first = `${calls.join("; ")}; `;
    if (kind === "listed") return [{ at: start, put: first }];
    return [{ at: start, put: `{ ${first}` }, { at: end, put: " }", opened: start }];
  });
  // What was opened last is closed first.
  edits.sort((a, b) => a.at - b.at || (b.opened ?? -1) - (a.opened ?? -1));
  let text = "";
  let from = 0;
  for (const { at, put } of edits) {
    text += source.slice(from, at) + put;
    from = at;
  }
  return `${text}${source.slice(from)}
function ${PROBE}(number) {
  const seen = ${PROBE}.seen ??= new Set();
  if (seen.has(number)) return;
  seen.add(number);
  process.getBuiltinModule("node:fs").appendFileSync(${JSON.stringify(report)}, number + "\\n");
}
`;
}

function stepsOf(root: Syntax): Step[] {
  const steps: Step[] = [];
  const visit = (node: Syntax): void => {
    for (const [key, value] of Object.entries(node)) {
      for (const child of Array.isArray(value) ? value : [value]) {
        if (!isSyntax(child)) continue;
        const kind = kindOf(node, key, child);
        if (kind !== null) steps.push({ start: child.start, end: child.end, kind });
        visit(child);
      }
    }
  };
  visit(root);
  return steps;
}

function kindOf(parent: Syntax, key: string, child: Syntax): Step["kind"] | null {
  if (child.type === "ImportDeclaration" || child.type === "BlockStatement") return null;
  if (/^(Program|BlockStatement|StaticBlock)$/.test(parent.type) && key === "body") return "listed";
  if (parent.type === "SwitchCase" && key === "consequent") return "listed";
  if (parent.type === "ArrowFunctionExpression" && key === "body") return "given";
  const isBranch = parent.type === "IfStatement" && (key === "consequent" || key === "alternate");
  const isBody = /^(For|ForOf|ForIn|While|DoWhile)Statement$/.test(parent.type) && key === "body";
  return isBranch || isBody ? "alone" : null;
}

/** The smallest step around a place; all code of a module lies in one. */
function innermost(steps: readonly Step[], at: number): Step {
  const around = steps.filter(({ start, end }) => start <= at && at < end);
  return around.reduce((best, step) => step.end - step.start <= best.end - best.start ? step : best);
}

function isSyntax(value: unknown): value is Syntax {
  return typeof value === "object" && value !== null && typeof (value as Syntax).type === "string" &&
    typeof (value as Syntax).start === "number";
}
