/**
 * Faults put into a source, one at a time, to see whether a test notices. They are found in its syntax tree: types,
 * imports, comments and the words of texts are left alone. What a fault makes of types is for the compiler to refuse.
 *
 * @module
 */
import { parse } from "@babel/parser";

/** A fault. */
export interface Mutant {
  /** What kind it is of. */
  readonly operator: string;
  /** The line, from 1. */
  readonly line: number;
  /** The place in a source of TypeScript, in characters. */
  readonly at?: number;
  /** What stands there, and what is put in its place. */
  readonly change: string;
  /** The source with the fault. */
  readonly text: string;
}

/** A node of the syntax tree. */
interface Syntax {
  readonly type: string;
  readonly start: number;
  readonly end: number;
  readonly [key: string]: unknown;
}

/** A part of the source, and what is put in its place. */
interface Edit {
  readonly operator: string;
  readonly start: number;
  readonly end: number;
  readonly put: string;
}

const OPERATORS: Readonly<Record<string, readonly [operator: string, put: string]>> = {
  "===": ["flip a comparison", "!=="],
  "!==": ["flip a comparison", "==="],
  "<": ["move a bound", "<="],
  "<=": ["move a bound", "<"],
  ">": ["move a bound", ">="],
  ">=": ["move a bound", ">"],
  "&&": ["swap and/or", "||"],
  "||": ["swap and/or", "&&"],
  "+": ["arithmetic", "-"],
  "-": ["arithmetic", "+"],
  "*": ["arithmetic", "/"],
  "/": ["arithmetic", "*"],
  "**": ["arithmetic", "*"],
  "%": ["arithmetic", "*"],
  "+=": ["arithmetic", "-="],
  "-=": ["arithmetic", "+="],
  "*=": ["arithmetic", "/="],
  "/=": ["arithmetic", "*="],
};
const METHODS: ReadonlyMap<string, readonly [operator: string, put: string]> = new Map([
  ["min", ["swap min/max", "max"]],
  ["max", ["swap min/max", "min"]],
  ["floor", ["swap floor/ceil", "ceil"]],
  ["ceil", ["swap floor/ceil", "floor"]],
  ["some", ["swap some/every", "every"]],
  ["every", ["swap some/every", "some"]],
]);
/** Methods whose call can be left out: what they are called on is of the same kind as what they return. */
const PASSED_THROUGH = new Set([
  ...["filter", "sort", "toSorted", "slice", "reverse", "toReversed", "concat"],
  ...["trim", "trimEnd", "toLowerCase", "replaceAll", "replace"],
]);
const FUNCTIONS = new Set([
  "FunctionDeclaration",
  "FunctionExpression",
  "ArrowFunctionExpression",
  "ObjectMethod",
  "ClassMethod",
  "ClassPrivateMethod",
]);
/** From here on one more is a millionth: no time or count shows it. */
const LARGE = 1e6;
/** Parts of a node that hold types or names alone. */
const LEFT_ALONE = new Set(["typeAnnotation", "returnType", "typeParameters", "typeArguments", "source"]);

/**
 * Lists the faults of a source.
 *
 * @param source The source.
 * @returns One for each place and kind, in the order of places.
 *
 * @example
 * ```ts
 * import { mutants } from "./mutants.ts";
 * import assert from "node:assert/strict";
 * assert.deepEqual(mutants("const b = a < 3; // < 4\n").map(({ change }) => change), ["a < 3 → a <= 3", "3 → 4", "3 → 6"]);
 * ```
 */
export function mutants(source: string): Mutant[] {
  const { program } = parse(source, {
    sourceType: "module",
    plugins: ["typescript"],
    createParenthesizedExpressions: true,
  });
  const edits: Edit[] = [];
  walk(program as unknown as Syntax, (node) => edits.push(...editsOf(node, source)));
  return edits.sort((a, b) => a.start - b.start).map(({ operator, start, end, put }) => ({
    operator,
    line: source.slice(0, start).split("\n").length,
    at: start,
    change: `${brief(source.slice(start, end))} → ${brief(put)}`,
    text: source.slice(0, start) + put + source.slice(end),
  }));
}

function walk(node: Syntax, visit: (node: Syntax) => void, isCase = false): void {
  if (node.type === "ImportDeclaration" || (node.type.startsWith("TS") && !isSyntax(node.expression))) return;
  // The end of a case is no loop's.
  if (node.type === "BreakStatement" && isCase) return;
  const within = node.type === "SwitchStatement" || (isCase && !/^(For|While|DoWhile)/.test(node.type));
  visit(node);
  for (const [key, value] of Object.entries(node)) {
    if (LEFT_ALONE.has(key)) continue;
    for (const child of Array.isArray(value) ? value : [value]) {
      if (isSyntax(child)) walk(child, visit, within);
    }
  }
}

function isSyntax(value: unknown): value is Syntax {
  return typeof value === "object" && value !== null && typeof (value as Syntax).type === "string" &&
    typeof (value as Syntax).start === "number";
}

/** The faults of one node. */
function editsOf(node: Syntax, source: string): Edit[] {
  const text = (part: Syntax): string => source.slice(part.start, part.end);
  const edit = (operator: string, put: string, at: Syntax = node): Edit => ({
    operator,
    start: at.start,
    end: at.end,
    put,
  });
  switch (node.type) {
    case "BinaryExpression":
    case "LogicalExpression":
    case "AssignmentExpression": {
      const [left, right] = [node.left, node.right] as [Syntax, Syntax];
      const joins = /^\+=?$/.test(node.operator as string) && [left, right].some(isText);
      const other = joins ? undefined : OPERATORS[node.operator as string];
      const with_ = (put: string): string =>
        source.slice(node.start, left.end) + source.slice(left.end, right.start).replace(
          node.operator as string,
          put,
        ) + text(right);
      return [
        ...(other === undefined ? [] : [edit(other[0], with_(other[1]))]),
        ...(node.type === "LogicalExpression" && node.operator !== "??"
          ? [edit("drop a condition", text(left)), edit("drop a condition", text(right))]
          : []),
        ...(node.operator === "??" ? [edit("drop a default", `(${text(left)})!`)] : []),
      ];
    }
    case "NumericLiteral": {
      const value = node.value as number;
      if (!Number.isFinite(value)) return [];
      return [
        ...(value < LARGE ? [edit("off by one", String(value + 1))] : []),
        ...(value > 1 ? [edit("change a constant", String(value * 2))] : []),
      ];
    }
    case "BooleanLiteral":
      return [edit("negate a boolean", String(node.value !== true))];
    case "IfStatement":
    case "ConditionalExpression":
    case "WhileStatement": {
      const test = node.test as Syntax;
      return isComparison(test) ? [] : [edit("negate a condition", `!(${text(test)})`, test)];
    }
    case "ContinueStatement":
    case "BreakStatement":
      return isSyntax(node.label)
        ? []
        : [edit("leave a loop", node.type === "ContinueStatement" ? "break;" : "continue;")];
    case "ThrowStatement":
      return [edit("drop a throw", ";")];
    case "ExpressionStatement": {
      const done = node.expression as Syntax;
      const called = done.type === "AwaitExpression" ? done.argument as Syntax : done;
      if (/^(Optional)?CallExpression$/.test(called.type)) return [edit("drop a call", ";")];
      return /^(Assignment|Update)Expression$/.test(done.type) ? [edit("drop an assignment", ";")] : [];
    }
    case "CallExpression":
    case "OptionalCallExpression":
      return editsOfCall(node, text, edit);
    default:
      return FUNCTIONS.has(node.type) ? earlyReturn(node, text) : [];
  }
}

function editsOfCall(
  node: Syntax,
  text: (part: Syntax) => string,
  edit: (operator: string, put: string, at?: Syntax) => Edit,
): Edit[] {
  const callee = node.callee as Syntax;
  const given = node.arguments as Syntax[];
  const edits: Edit[] = [];
  if (/^(Optional)?MemberExpression$/.test(callee.type) && callee.computed === false) {
    const [on, property] = [callee.object, callee.property] as [Syntax, Syntax];
    const name = text(property);
    const other = METHODS.get(name);
    if (other !== undefined) edits.push(edit(other[0], other[1], property));
    if (PASSED_THROUGH.has(name)) edits.push(edit("drop a call", text(on)));
  }
  const [first, second] = given;
  // The smaller of two numbers is the same whichever comes first.
  if (/^Math\.(min|max|hypot)$/.test(text(callee))) return edits;
  if (first?.type === "Identifier" && second?.type === "Identifier") {
    const put = `${text(second)}, ${text(first)}`;
    edits.push({ operator: "swap arguments", start: first.start, end: second.end, put });
  }
  return edits;
}

/** A return before everything else, in a function that returns nothing. */
function earlyReturn(node: Syntax, text: (part: Syntax) => string): Edit[] {
  if (!isSyntax(node.returnType) || !/^:\s*(void|Promise<void>)$/.test(text(node.returnType))) return [];
  const statements = (node.body as Syntax).body;
  const first: Syntax | undefined = Array.isArray(statements) ? statements[0] : undefined;
  return first === undefined
    ? []
    : [{ operator: "return early", start: first.start, end: first.start, put: "return;\n" }];
}

function isText(node: Syntax): boolean {
  return node.type === "StringLiteral" || node.type === "TemplateLiteral" ||
    (node.type === "BinaryExpression" && [node.left, node.right].some((part) => isText(part as Syntax)));
}

/** Whether a condition is changed as a comparison already. */
function isComparison(node: Syntax): boolean {
  return (node.type === "BinaryExpression" || node.type === "LogicalExpression") &&
    OPERATORS[node.operator as string] !== undefined;
}

function brief(code: string): string {
  const line = code.trim().replace(/\s+/g, " ");
  return line.length <= 100 ? line : `${line.slice(0, 48)} … ${line.slice(-48)}`;
}
