/**
 * What users tell pip about indexes, mirrors and proxies, told to uv, which does not read it.
 *
 * @module
 */

/** What uv is told. */
export interface UvConfig {
  /** Arguments of `uv pip install`. */
  args: string[];
  /** Variables of its environment. */
  env: Record<string, string>;
}

/** Sections of pip's configuration that hold for `pip install`; a later one overrules. */
const SECTIONS = ["global", "install", ":env:"];

/** Options that change nothing about what is installed from where. */
const HARMLESS: ReadonlySet<string> = new Set([
  ...["break-system-packages", "cache-dir", "compile", "disable-pip-version-check", "isolated", "log"],
  ...["no-cache-dir", "no-color", "no-compile", "no-input", "no-warn-script-location", "prefer-binary"],
  ...["progress-bar", "quiet", "require-virtualenv", "retries", "root-user-action", "use-feature", "verbose"],
]);

/**
 * Translates pip's configuration for uv.
 *
 * @param listed What `pip config list` printed: files and variables, one `section.option='value'` a line.
 * @returns What uv is told, or the option that it has no counterpart for.
 *
 * @example
 * ```ts
 * import { uvConfig } from "./pip_config.ts";
 * import assert from "node:assert/strict";
 * const listed = "global.index-url='https://old.example'\n:env:.index-url='https://mirror.example/simple'\n";
 * assert.deepEqual(uvConfig(listed), { args: ["--default-index", "https://mirror.example/simple"], env: {} });
 * ```
 */
export function uvConfig(listed: string): UvConfig | string {
  const config: UvConfig = { args: [], env: {} };
  const repeat = (flag: string, words: readonly string[]): void => {
    for (const word of words) config.args.push(flag, word);
  };
  for (const [option, value] of optionsOf(listed)) {
    const words = value.split(/\s+/).filter((word) => word !== "");
    if (option === "index-url") repeat("--default-index", words);
    else if (option === "extra-index-url") repeat("--index", words);
    else if (option === "find-links") repeat("--find-links", words);
    else if (option === "constraint") repeat("--constraint", words);
    else if (option === "trusted-host") repeat("--allow-insecure-host", words);
    else if (option === "no-index") config.args.push(...isFalse(value) ? [] : ["--no-index"]);
    else if (option === "cert") config.env["SSL_CERT_FILE"] = value;
    else if (option === "client-cert") config.env["SSL_CLIENT_CERT"] = value;
    else if (option === "proxy") config.env["ALL_PROXY"] = value;
    else if (option === "timeout" || option === "default-timeout") config.env["UV_HTTP_TIMEOUT"] = value;
    else if (!HARMLESS.has(option)) return option;
  }
  return config;
}

/** The options that hold, with their values. */
function optionsOf(listed: string): Map<string, string> {
  const lines = listed.split("\n").flatMap((line) => {
    const [, section, option, value] = /^(\S+)\.([\w-]+)=['"](.*)['"]$/.exec(line.trimEnd()) ?? [];
    return section === undefined ? [] : [{ section, option: option!, value: unquoted(value!) }];
  });
  return new Map(
    SECTIONS.flatMap((wanted) => lines.filter(({ section }) => section === wanted))
      .map(({ option, value }) => [option, value]),
  );
}

/** A text as Python writes it between quotes. */
function unquoted(text: string): string {
  return text.replace(/\\(.)/g, (_, letter) => ({ n: "\n", t: "\t", r: "\r" })[letter as string] ?? letter);
}

/** What pip takes for no. */
function isFalse(value: string): boolean {
  return ["", "0", "n", "no", "f", "false", "off"].includes(value.toLowerCase());
}
