/**
 * Messages without the secrets that a command, an address or a log may carry.
 *
 * @module
 */

const NAME = "[\\w-]*(?:token|secrets?|password|passwd|api[_-]?key|access[_-]?key|credentials?)[\"']?";
const VALUE = "(?:\"[^\"]*\"|'[^']*'|[^\\s\"',;&-][^\\s\"',;&]*)";

/** What comes before a secret, and the secret. */
const SECRETS: readonly RegExp[] = [
  new RegExp(`(\\b${NAME}\\s*[=:]\\s*)${VALUE}`, "gi"),
  new RegExp(`(--?${NAME}[\\s,]+)${VALUE}`, "gi"),
  /(\b(?:bearer|basic)\s+)[\w.+/=~-]{8,}/gi,
  /(\b[a-z][a-z0-9+.-]*:\/\/[^\s/@:]*:)[^\s/@]+(?=@)/gi,
  /()\bhf_\w{8,}/g,
];

/**
 * Puts `***` in place of secrets: values of variables, flags and fields whose names say token, password, secret or key,
 * `Authorization` values, passwords in addresses, and tokens of the Hugging Face hub.
 *
 * @param text A message, a command or a line of a log.
 * @returns The text without them.
 *
 * @example
 * ```ts
 * import { hideSecrets } from "./hide_secrets.ts";
 * import assert from "node:assert/strict";
 * assert.equal(hideSecrets("env HF_TOKEN=abc worker --api-key k1"), "env HF_TOKEN=*** worker --api-key ***");
 * ```
 */
export function hideSecrets(text: string): string {
  return SECRETS.reduce((shown, secret) => shown.replace(secret, "$1***"), text);
}
