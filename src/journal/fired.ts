/**
 * Reading what was fired away from its bundle: a journal that begins with its plan, or a results file, the format of
 * before.
 *
 * @module
 */
import { UsageError } from "../errors.ts";
import { readJson } from "../shots/read_json.ts";
import { readLines } from "./file.ts";
import { type JournalLine, type PlanLine, planLineSchema } from "./line.ts";
import { resultsHeaderSchema, resultsReader } from "./results_v1.ts";

/** What a file holds. */
export interface FiredFile {
  /** Its first line: what was fired. */
  readonly header: PlanLine;
  /** The other lines, in their order. */
  readonly lines: readonly JournalLine[];
  /** What is wrong with it, in sentences. */
  readonly notices: readonly string[];
}

/**
 * Reads a file.
 *
 * @param path The file's path, for messages.
 * @param bytes What it holds; its last line may be cut.
 * @returns Its lines.
 * @throws {UsageError} when its first line is no plan's, or a line begins a format that is newer than ours.
 */
export function readFired(path: string, bytes: Uint8Array): FiredFile {
  const fail = (rule: string): UsageError => new UsageError(`Cannot read ${path}, line 1: ${rule}`);
  const firstEnd = bytes.indexOf(10);
  const first = new TextDecoder().decode(firstEnd < 0 ? bytes : bytes.subarray(0, firstEnd));
  const lines: JournalLine[] = [];
  if (first.startsWith('{"type":"results"')) {
    const header = readJson(resultsHeaderSchema, first, fail);
    const reader = resultsReader(header);
    let isHeader = true;
    const parse = (text: string): readonly JournalLine[] | null => {
      if (!isHeader) return reader.read(text);
      isHeader = false;
      return [];
    };
    const { notices } = readLines(path, bytes, (found) => lines.push(...found), parse);
    lines.push(...reader.end());
    return { header, lines, notices };
  }
  const { notices } = readLines<JournalLine>(path, bytes, (line) => {
    if (line.type !== "plan") lines.push(line);
  });
  return { header: readJson(planLineSchema, first, fail) as PlanLine, lines, notices };
}
