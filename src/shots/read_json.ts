/**
 * JSON that must have a shape.
 *
 * @module
 */
import type { z } from "zod";

/**
 * Reads JSON and checks it.
 *
 * @param schema The shape.
 * @param text The JSON.
 * @param fail Makes the error from the rule that was broken.
 * @param parse Reads JSON. @default {JSON.parse}
 * @returns The value.
 * @throws {Error} what `fail` makes: for the first field that breaks a rule, with its value.
 */
export function readJson<T>(
  schema: z.ZodType<T>,
  text: string,
  fail: (rule: string) => Error,
  parse: (text: string) => unknown = JSON.parse,
): T {
  let value: unknown;
  try {
    value = parse(text);
  } catch {
    throw fail(`it must be JSON, got ${shown(text) || "nothing"}`);
  }
  const parsed = schema.safeParse(value, {
    error: (issue) => issue.code === "invalid_type" ? `must be of type ${issue.expected}` : undefined,
  });
  if (parsed.success) return parsed.data;
  const { path, message, ...issue } = parsed.error.issues[0]!;
  if (issue.code === "unrecognized_keys") {
    throw fail(`${[...path, issue.keys[0]].join(".")} is no known field`);
  }
  const found = path.reduce<unknown>((inside, key) => (inside as Record<PropertyKey, unknown>)?.[key], value);
  throw fail(
    `${path.join(".") || "it"} ${message.replace(/^expected /, "must be ")}, got ${
      found === undefined ? "nothing" : shown(JSON.stringify(found))
    }`,
  );
}

/** The text's beginning, in one line. */
function shown(text: string): string {
  const line = text.trim().replace(/\s+/g, " ");
  return line.length > 80 ? `${line.slice(0, 80)}...` : line;
}
