/**
 * YAML in and out; the only place that knows the parser.
 *
 * Bundles are read by PyYAML, which speaks YAML 1.1: `yes` is true, `1e-7` is a text and `12.8` in quotes is one.
 * What is written here is read back by it as the same values, and looks as if it had written it.
 *
 * @module
 */
import {
  Document,
  isPair,
  isScalar,
  LineCounter,
  parseDocument,
  type ScalarTag,
  type Tags,
  visit,
} from "yaml";
import { formatCount, plural } from "../count_text.ts";
import { UsageError } from "../errors.ts";
import { pythonFloat } from "../number_format.ts";

const PREFIX = "tag:yaml.org,2002:";

/** The files here have some thousands. */
const MAX_CHARS = 2 ** 17;
const MAX_LEVELS = 64;

/** YAML 1.1's truth values as PyYAML has them: without `y` and `n`, which are column names here. */
const TRUTH: readonly ScalarTag[] = [true, false].map((value) => ({
  tag: `${PREFIX}bool`,
  default: true,
  identify: (other) => other === value,
  test: value ? /^(?:yes|Yes|YES|true|True|TRUE|on|On|ON)$/ : /^(?:no|No|NO|false|False|FALSE|off|Off|OFF)$/,
  resolve: () => value,
  stringify: () => String(value),
}));

/** The texts that mean something else to PyYAML, to be written in quotes. */
const MARKS: ScalarTag = {
  tag: `${PREFIX}value`,
  default: true,
  identify: () => false,
  test: /^(?:=|<<)$|^\uFEFF/,
  resolve: String,
};

/** Marks a number that is written as a float. */
const FLOAT = "PYTHON_FLOAT";

const PYTHON_FLOAT: ScalarTag = {
  tag: `${PREFIX}float`,
  default: true,
  format: FLOAT,
  identify: (value) => typeof value === "number",
  // Only for writing: no text is read as this.
  test: /(?!)/,
  resolve: Number,
  stringify: ({ value }) => floatText(value as number),
};

/**
 * Reads a YAML text as PyYAML would, but for dates, which stay texts, and for what it lets pass silently: a key
 * that stands twice and an unknown tag are errors. Texts above 131,072 characters, nested deeper than 64 levels, or
 * with aliases that multiply are refused: no file here needs them, and they can exhaust the reader.
 *
 * @param text The text.
 * @param path The file's path, for the message.
 * @param maxChars How long the text may be at most, in characters. @default {131072}
 * @returns Plain data; an empty text is null.
 * @throws {UsageError} when the text is no YAML, with the line, or too much of it.
 *
 * @example
 * ```ts
 * import { parseYaml } from "./yaml.ts";
 * import assert from "node:assert/strict";
 * assert.deepEqual(parseYaml("n: 2-256 x2\nenabled: yes\ntp_degrees: [1, 2]\n"), {
 *   n: "2-256 x2",
 *   enabled: true,
 *   tp_degrees: [1, 2],
 * });
 * ```
 */
export function parseYaml(text: string, path = "a YAML text", maxChars = MAX_CHARS): unknown {
  if (text.length > maxChars) {
    throw unreadable(
      path,
      `it must have ${plural(maxChars, "character")} at most, got ${formatCount(text.length)}`,
    );
  }
  try {
    const lines = new LineCounter();
    const document = parseDocument(text, { ...OPTIONS, lineCounter: lines });
    const [fault] = [...document.errors, ...document.warnings];
    if (fault !== undefined) throw fault;
    refuseRepeatedKeys(document, lines);
    const data: unknown = document.toJS();
    if (isDeeper(data, MAX_LEVELS)) throw new RangeError(TOO_DEEP);
    return data;
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw unreadable(path, reason.includes("call stack") ? TOO_DEEP : reason, cause);
  }
}

/** The parser's own check compares every key of a mapping with all others. */
function refuseRepeatedKeys(document: Document.Parsed, lines: LineCounter): void {
  visit(document, {
    Map: (_key, { items }) => {
      const seen = new Set<unknown>();
      for (const { key } of items) {
        if (!isScalar(key)) continue;
        if (seen.has(key.value)) {
          const { line, col } = lines.linePos(key.range![0]);
          throw new Error(`Map keys must be unique at line ${line}, column ${col}`);
        }
        seen.add(key.value);
      }
    },
  });
}

const TOO_DEEP = `it must nest ${MAX_LEVELS} levels deep at most`;

function unreadable(path: string, reason: string, cause?: unknown): UsageError {
  return new UsageError(`Cannot read ${path}: ${reason.split("\n")[0]?.replace(/:$/, "")}`, { cause });
}

function isDeeper(data: unknown, levels: number): boolean {
  if (typeof data !== "object" || data === null) return false;
  return levels === 0 || Object.values(data).some((value) => isDeeper(value, levels - 1));
}

/** A key that is no scalar would be written out as a text, of a length that grows with every level. */
const OPTIONS = {
  version: "1.1",
  customTags: readingTags,
  prettyErrors: true,
  stringKeys: true,
  uniqueKeys: false,
} as const;

/** Options of {@linkcode formatYaml}. */
export interface FormatYamlOptions {
  /** Keys under which every number is a float: 2 is written `2.0`. */
  readonly floats?: ReadonlySet<string>;
}

/**
 * Writes plain data as YAML in PyYAML's look: maps in blocks, lists of scalars on one line.
 *
 * @param value Plain data.
 * @param options Which numbers are floats though they are whole.
 * @returns The text.
 *
 * @example
 * ```ts
 * import { formatYaml } from "./yaml.ts";
 * import assert from "node:assert/strict";
 * assert.equal(
 *   formatYaml({ cuda_version: "12.8", tp_degrees: [1, 2], kv_factor: 2 }, { floats: new Set(["kv_factor"]) }),
 *   "cuda_version: '12.8'\ntp_degrees: [1, 2]\nkv_factor: 2.0\n",
 * );
 * ```
 */
export function formatYaml(value: unknown, options: FormatYamlOptions = {}): string {
  const { floats = new Set<string>() } = options;
  const document = new Document(value, {
    version: "1.1",
    aliasDuplicateObjects: false,
    customTags: (tags) => [
      ...withTruth(tags).filter((tag) => typeof tag === "string" || tag.tag !== `${PREFIX}merge`),
      MARKS,
      PYTHON_FLOAT,
    ],
  });
  visit(document, {
    Seq: (_key, node) => void (node.flow = node.items.every(isScalar)),
    Map: (_key, node) => void (node.flow = node.items.length === 0),
    Scalar: (key, node, ancestors) => {
      if (key === "key") {
        // An object's keys are texts; those that are whole numbers were numbers.
        if (/^(0|[1-9]\d{0,14})$/.test(String(node.value))) node.value = Number(node.value);
      } else if (typeof node.value === "number") {
        const float = ancestors.some((ancestor) =>
          isPair(ancestor) && isScalar(ancestor.key) && floats.has(String(ancestor.key.value))
        );
        if (float || !Number.isSafeInteger(node.value)) node.format = FLOAT;
      }
    },
  });
  return document.toString({
    directives: false,
    indentSeq: false,
    flowCollectionPadding: false,
    singleQuote: true,
    blockQuote: false,
    lineWidth: 0,
  });
}

function floatText(value: number): string {
  if (!Number.isFinite(value)) return Number.isNaN(value) ? ".nan" : value > 0 ? ".inf" : "-.inf";
  const text = pythonFloat(value);
  return text.includes(".") ? text : text.replace("e", ".0e");
}

function withTruth(tags: Tags): Tags {
  return [...tags.filter((tag) => typeof tag === "string" || tag.tag !== `${PREFIX}bool`), ...TRUTH];
}

/** Without dates, sexagesimal numbers and the types that no plain data has. */
function readingTags(tags: Tags): Tags {
  return withTruth(tags).filter((tag) =>
    typeof tag === "string" || ("test" in tag && tag.format !== "TIME" && !tag.tag.endsWith("timestamp")) ||
    ["map", "seq", "str"].some((name) => tag.tag === PREFIX + name)
  );
}
