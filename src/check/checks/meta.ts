/**
 * meta.yaml, checked.
 *
 * @module
 */
import { UsageError } from "../../errors.ts";
import { encodingIssue, type FileText } from "../../bundle/files.ts";
import type { Issue } from "../../bundle/issue.ts";
import { CONTRACT_KEYS, MAX_META_CHARS, type Meta } from "../../bundle/meta.ts";
import { metaTypeIssues } from "../../bundle/meta_types.ts";
import { parseYaml } from "../../files/yaml.ts";

/**
 * Checks that meta.yaml is there, says what the contract asks for and has the right types.
 *
 * @param text The file's text.
 * @param path The file's path.
 * @returns What is wrong, and what the file says as far as it can be used.
 */
export function checkMeta(text: FileText, path: string): { meta: Meta; issues: Issue[] } {
  if (text === undefined) {
    const message = "The file does not exist, and a simulator does not start without it";
    return { meta: {}, issues: [{ code: "meta-missing", severity: "error", path, message }] };
  }
  if (text === null) return { meta: {}, issues: [encodingIssue(path)] };
  let data: unknown;
  try {
    data = parseYaml(text, path, MAX_META_CHARS);
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    return {
      meta: {},
      issues: [{
        code: "meta-syntax",
        severity: "error",
        path,
        message: error.message.replace(`Cannot read ${path}: `, ""),
      }],
    };
  }
  const issues = metaTypeIssues(data, path);
  if (issues.length > 0) return { meta: {}, issues };
  const meta = data as Meta;
  return {
    meta,
    issues: CONTRACT_KEYS.filter((key) => meta[key] === undefined).map((key) => ({
      code: "meta-key-missing",
      severity: "warning",
      path,
      column: key,
      message: "The file does not say it",
    })),
  };
}
