/**
 * What the hub's refusals mean, and what to do then.
 *
 * @module
 */

/** Where a model is asked for, and as whom. */
export interface Hub {
  /** The hub's address, without a slash at its end. */
  readonly endpoint: string;
  /** Token of an account, null for none. */
  readonly token: string | null;
  /** Branch, tag or commit. */
  readonly revision: string;
}

/**
 * Says what a refusal means. A hub hides private models: it answers 401 for them and, without a token, for models
 * that do not exist.
 *
 * @param id `<org>/<name>`.
 * @param hub Who was asked.
 * @param response The answer.
 * @returns Reason and next step, without the token.
 */
export function refusal(id: string, hub: Hub, response: Pick<Response, "status" | "headers">): string {
  const { endpoint, token, revision } = hub;
  const { status, headers } = response;
  const page = `${endpoint}/${id}`;
  const code = headers.get("x-error-code");
  if (code === "GatedRepo" || status === 403) {
    const remedy = token === null
      ? `accept its terms at ${page}, and set HF_TOKEN to a token of that account`
      : `accept its terms at ${page} with the account of HF_TOKEN, or set the token of one that has`;
    return `it is gated (${status}); ${remedy}`;
  }
  if (status === 401) {
    return token === null
      ? `there is no such public model (401); check the name, or set HF_TOKEN if it is private or gated`
      : `HF_TOKEN is not accepted, or may not see such a model (401); check the name, ` +
        `or make another token at ${endpoint}/settings/tokens`;
  }
  if (code === "RevisionNotFound") {
    return `it has no revision '${revision}' (404); choose one of ${page}/tree/main, or leave revision (--revision) out`;
  }
  if (code === "EntryNotFound") {
    return `it has no config.json (404); choose a model in the format of transformers: see ${page}/tree/${revision}`;
  }
  if (status === 404) return `there is no such model at ${endpoint} (404); check the name`;
  if (status === 429) return `${endpoint} answers too many requests (429); wait a while, or set HF_TOKEN`;
  return `${endpoint} answers ${status}; run again later`;
}
