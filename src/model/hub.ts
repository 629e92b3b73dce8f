/**
 * A model's `config.json` from the Hugging Face hub.
 *
 * One file of one address needs no client library: `@huggingface/hub` asks twice for it, and bounds neither its size
 * nor its time.
 *
 * @module
 */
import { plural } from "../count_text.ts";
import { UsageError } from "../errors.ts";
import { readTextIfThere } from "../files/read.ts";
import { isObject } from "./config.ts";
import { type Hub, refusal } from "./hub_refusal.ts";

/** The largest configurations, with lists of unquantized layers, have some hundred thousand. */
const MAX_BYTES = 2 ** 22;
const TIMEOUT_MS = 30_000;
const COMMIT = /^[0-9a-f]{40}$/;

/** What to download. */
export interface DownloadOptions extends Hub {
  /** Ends the download. */
  readonly signal?: AbortSignal;
  /** How long it may take. @default {30000} */
  readonly timeoutMs?: number;
}

/** What was downloaded. */
export interface Downloaded {
  /** The file's text: a JSON object. */
  readonly text: string;
  /** The commit that it is of; what was asked for when the hub does not tell. */
  readonly revision: string;
}

/**
 * The hub that the environment names, as the hub's own tools read it.
 *
 * @param env Environment variables: `HF_ENDPOINT`, `HF_TOKEN` and `HF_HUB_OFFLINE`.
 * @returns Its address, the token, and whether it must not be asked.
 * @throws {UsageError} when the address is none or the token cannot be one; neither is shown.
 *
 * @example
 * ```ts
 * import { hubOf } from "./hub.ts";
 * import assert from "node:assert/strict";
 * assert.deepEqual(hubOf({}), { endpoint: "https://huggingface.co", token: null, offline: false });
 * ```
 */
export function hubOf(
  env: Readonly<Record<string, string>>,
): Pick<Hub, "endpoint" | "token"> & { readonly offline: boolean } {
  const endpoint = URL.parse(env.HF_ENDPOINT || "https://huggingface.co");
  const plain = endpoint !== null && /^https?:$/.test(endpoint.protocol) &&
    endpoint.username + endpoint.password + endpoint.search + endpoint.hash === "";
  if (!plain) {
    throw new UsageError(
      "Cannot use HF_ENDPOINT: expected an address such as https://huggingface.co, without a user name, " +
        "a query or a fragment (its value is not shown)",
    );
  }
  const token = env.HF_TOKEN?.trim() || null;
  if (token !== null && !/^[\x21-\x7e]+$/.test(token)) {
    throw new UsageError("Cannot use HF_TOKEN: expected ASCII without blanks (its value is not shown)");
  }
  const offline = /^(1|on|yes|true)$/i.test(env.HF_HUB_OFFLINE ?? "");
  return { endpoint: endpoint.href.replace(/\/+$/, ""), token, offline };
}

/**
 * The token that `hf auth login` stores, where the hub's own tools look for it.
 *
 * @param env Environment variables: `HF_TOKEN_PATH`, else `token` in `HF_HOME`, in `huggingface` of `XDG_CACHE_HOME`,
 * or of `.cache` in `HOME`; `HF_HUB_DISABLE_IMPLICIT_TOKEN` says that it is not to be sent.
 * @returns The token, null where none is stored.
 */
export async function storedToken(env: Readonly<Record<string, string>>): Promise<string | null> {
  if (/^(1|on|yes|true)$/i.test(env.HF_HUB_DISABLE_IMPLICIT_TOKEN ?? "")) return null;
  const cache = env.XDG_CACHE_HOME || (env.HOME && `${env.HOME}/.cache`);
  const home = env.HF_HOME || (cache && `${cache}/huggingface`);
  const path = env.HF_TOKEN_PATH || (home && `${home}/token`);
  const text = path ? await readTextIfThere(path).catch(() => null) : null;
  const token = text?.trim() ?? "";
  return /^[\x21-\x7e]+$/.test(token) ? token : null;
}

/**
 * Downloads a model's `config.json`.
 *
 * @param id `<org>/<name>`.
 * @param options From where, and how long it may take.
 * @returns The file, and of which commit it is.
 * @throws {UsageError} when the hub cannot be reached, refuses, breaks off, or answers anything else; never with the
 * token.
 */
export async function downloadConfig(id: string, options: DownloadOptions): Promise<Downloaded> {
  const found = await downloadJson(id, "config.json", options);
  if (found instanceof Response) throw cannot(id, refusal(id, options, found));
  return found;
}

/**
 * Downloads what ModelOpt up to 0.29 says of a checkpoint's weights beside its `config.json`, which is silent then.
 *
 * @param id `<org>/<name>`.
 * @param options From where, and how long it may take.
 * @returns The text of `hf_quant_config.json`, null where the model has none.
 * @throws {UsageError} as {@linkcode downloadConfig} does.
 */
export async function downloadQuantization(id: string, options: DownloadOptions): Promise<string | null> {
  const found = await downloadJson(id, "hf_quant_config.json", options);
  if (!(found instanceof Response)) return found.text;
  if (found.status === 404) return null;
  throw cannot(id, refusal(id, options, found));
}

/** A file of a model that is a JSON object, or the answer that refuses it. */
async function downloadJson(
  id: string,
  file: string,
  options: DownloadOptions,
): Promise<Downloaded | Response> {
  const { endpoint, token, revision, signal, timeoutMs = TIMEOUT_MS } = options;
  const path = [...id.split("/"), "resolve", revision, file].map(encodeURIComponent).join("/");
  const url = `${endpoint}/${path}`;
  const late = AbortSignal.timeout(timeoutMs);
  try {
    const response = await fetch(url, {
      headers: { "user-agent": "shotlab", ...token !== null && { authorization: `Bearer ${token}` } },
      signal: signal === undefined ? late : AbortSignal.any([signal, late]),
    });
    if (!response.ok) {
      await response.body?.cancel();
      return response;
    }
    const text = checked(await boundedText(response), id, url, response);
    return { text, revision: response.headers.get("x-repo-commit")?.match(COMMIT)?.[0] ?? revision };
  } catch (cause) {
    if (cause instanceof UsageError || signal?.aborted) throw cause;
    const reason = late.aborted ? `no whole answer within ${timeoutMs / 1000} s` : reasonOf(cause);
    throw cannot(
      id,
      `${url} could not be read (${reason}); check the network, HF_ENDPOINT and the proxy, and run again`,
      cause,
    );
  }
}

async function boundedText(response: Response): Promise<string> {
  const chunks: Uint8Array<ArrayBuffer>[] = [];
  let size = 0;
  for await (const chunk of response.body ?? []) {
    chunks.push(chunk);
    size += chunk.length;
    if (size > MAX_BYTES) throw new RangeError(`it has more than ${MAX_BYTES} bytes, the most that is read`);
  }
  return await new Blob(chunks).text();
}

function checked(text: string, id: string, url: string, { headers }: Response): string {
  try {
    if (isObject(JSON.parse(text))) return text;
  } catch {
    // It is told below, without the answer's text.
  }
  throw cannot(
    id,
    `${url} answers no JSON object but ${plural(text.length, "character")} of ${
      headers.get("content-type") ?? "no type"
    }; check HF_ENDPOINT and the proxy, and run again if it broke off`,
  );
}

function cannot(id: string, reason: string, cause?: unknown): UsageError {
  return new UsageError(`Cannot download model '${id}': ${reason}`, { cause });
}

/** The innermost reason; the outer ones repeat the address. */
function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.cause === undefined ? error.message : reasonOf(error.cause);
}
